//! Which column of a table is n, and which is throughput.

use super::{Separator, TableError, shown, split_by};

/// Where the two columns stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// Index of n, from 0.
    pub n: usize,
    /// Index of throughput, from 0.
    pub throughput: usize,
    /// How many columns the table has.
    pub count: usize,
}

/// What the name of a column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    N,
    Throughput,
    /// `x`: the throughput X(n) beside an n; alone it may as well be the axis.
    X,
    /// A number of the row, as spreadsheets and R write it.
    RowNumber,
    Unknown,
}

const N: &[&str] = &[
    "n",
    "node",
    "server",
    "unit",
    "user",
    "vuser",
    "client",
    "thread",
    "process",
    "processes",
    "processor",
    "core",
    "cpu",
    "vcpu",
    "worker",
    "connection",
    "concurrency",
    "instance",
    "replica",
    "machine",
    "host",
    "load",
    "size",
    // Spanish.
    "nodo",
    "servidor",
    "servidores",
    "unidad",
    "unidades",
    "usuario",
    "cliente",
    "hilo",
    "proceso",
    "procesador",
    "procesadores",
    "núcleo",
    "nucleo",
    "trabajador",
    "trabajadores",
    "conexión",
    "conexion",
    "conexiones",
    "concurrencia",
    "instancia",
    "réplica",
    "máquina",
    "maquina",
    "carga",
    "tamaño",
];

/// Words beside the unit that do not change what is counted: `number of nodes`, `concurrent users`.
const BESIDE_N: &[&str] = &[
    "number",
    "num",
    "no",
    "no.",
    "nr",
    "nr.",
    "#",
    "of",
    "the",
    "count",
    "concurrent",
    "active",
    "virtual",
    "parallel",
    "número",
    "numero",
    "cantidad",
    "de",
    "concurrentes",
    "activos",
    "virtuales",
];

const THROUGHPUT: &[&str] =
    &["throughput", "goodput", "rps", "tps", "qps", "ops", "reqs", "rate", "rendimiento", "caudal", "productividad"];

const A_SECOND: &[&str] =
    &["/s", "/sec", "/second", " per second", " per sec", " per s", " a second", "por segundo", "/seg"];

const ROW_NUMBER: &[&str] =
    &["", "#", "id", "row", "index", "idx", "nr", "no", "no.", "line", "fila", "índice", "indice"];

fn meaning(name: &str) -> Meaning {
    let name = name.to_lowercase().replace(['_', '-'], " ");
    // A unit in brackets says more about a known name, or names the column when the name is unknown.
    let (base, unit) = name.split_once(['(', '[']).unwrap_or((&name, ""));
    let (base, unit) = (base.trim(), unit.trim_end_matches([')', ']']).trim());
    let a_second = |text: &str| A_SECOND.iter().any(|end| text.ends_with(end));
    if ROW_NUMBER.contains(&base) || base.starts_with("unnamed") {
        Meaning::RowNumber
    } else if a_second(base) || THROUGHPUT.contains(&base) {
        Meaning::Throughput
    } else if counts_n(base) {
        Meaning::N
    } else if base == "x" {
        Meaning::X
    } else if a_second(unit) || THROUGHPUT.contains(&unit) {
        Meaning::Throughput
    } else {
        Meaning::Unknown
    }
}

fn counts_n(name: &str) -> bool {
    let mut words = name.split_whitespace().filter(|word| !BESIDE_N.contains(word)).peekable();
    let known = |word: &str| N.contains(&word) || word.strip_suffix('s').is_some_and(|one| N.contains(&one));
    words.peek().is_some() && words.all(known)
}

impl Columns {
    /// By the names in a header.
    ///
    /// # Errors
    /// [`TableError`] when the names do not say which column is n and which is throughput, or say it twice.
    pub fn named(line: usize, names: &[String]) -> Result<Self, TableError> {
        Self::by_names(names).map_err(|(column, problem)| TableError::new(line, column, problem))
    }

    /// By the names in a comment above a table of `count` columns; `None` where it does not name both.
    pub fn of_comment(names: &[String], count: usize) -> Option<Self> {
        let both = |meaning_of: Meaning| names.iter().any(|name| meaning(name) == meaning_of);
        let named = both(Meaning::N) && (both(Meaning::Throughput) || both(Meaning::X));
        (named && names.len() == count).then(|| Self::by_names(names).ok()).flatten()
    }

    /// Without names: n first, throughput second, and nothing else.
    ///
    /// # Errors
    /// [`TableError`] when there are more than two columns: the first may be n, or a number of the row, or a time.
    pub fn unnamed(line: usize, cells: &[String], separator: Separator) -> Result<Self, TableError> {
        if cells.len() <= 2 {
            return Ok(Self { n: 0, throughput: 1, count: 2 });
        }
        let problem = format!(
            "there are {} columns and no header says which is n and which is throughput; write a line of names above, as in 'n,throughput', or keep these two columns only ({})",
            cells.len(),
            split_by(separator)
        );
        Err(TableError::new(line, Some(3), problem))
    }

    fn by_names(names: &[String]) -> Result<Self, (Option<usize>, String)> {
        let meanings: Vec<Meaning> = names.iter().map(|name| meaning(name)).collect();
        let of = |wanted: Meaning| -> Vec<usize> {
            meanings.iter().enumerate().filter(|(_, meaning)| **meaning == wanted).map(|(index, _)| index).collect()
        };
        let (n, mut throughput) = (of(Meaning::N), of(Meaning::Throughput));
        if throughput.is_empty() && !n.is_empty() {
            throughput = of(Meaning::X);
        }
        for (what, found) in [("n", &n), ("throughput", &throughput)] {
            if let [first, second, ..] = found[..] {
                let problem = format!(
                    "'{}' in column {} and '{}' in column {} both name {what}; keep one of them",
                    shown(&names[first]),
                    first + 1,
                    shown(&names[second]),
                    second + 1
                );
                return Err((Some(second + 1), problem));
            }
        }
        // Of two columns, one name says what the other is, unless the other may count rows.
        let other = |known: usize| (names.len() == 2 && meanings[1 - known] == Meaning::Unknown).then(|| 1 - known);
        let found = match (n.first(), throughput.first()) {
            (Some(&n), Some(&throughput)) => Some((n, throughput)),
            (Some(&n), None) => other(n).map(|throughput| (n, throughput)),
            (None, Some(&throughput)) => other(throughput).map(|n| (n, throughput)),
            (None, None) => None,
        };
        let (n, throughput) = found.ok_or_else(|| (None, unknown(names)))?;
        Ok(Self { n, throughput, count: names.len() })
    }
}

fn unknown(names: &[String]) -> String {
    let names: Vec<String> = names.iter().take(6).map(|name| format!("'{}'", shown(name))).collect();
    format!(
        "the header ({}) does not say which column is n and which is throughput; call them n and throughput (or nodes, users, threads … and rps, req/s …), or put # before the line",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_write() {
        for (expected, names) in [
            (
                Meaning::N,
                "n|N|nodes|Users|threads|concurrency|Number of nodes|# of threads|virtual_users|VUsers|processors|load|Hilos|número de nodos|connections (open)",
            ),
            (
                Meaning::Throughput,
                "throughput|Throughput (req/s)|throughput_per_second|RPS|req/s|requests/sec|Requests per second|tps|rendimiento|peticiones por segundo|nodes/s",
            ),
            (Meaning::X, "x|X|X(n)|X [req/s]"),
            (Meaning::RowNumber, "|#|id|Row|Unnamed: 0"),
            (Meaning::Unknown, "p99|latency|y|time|errors|throughput per node|requests|nodes failed"),
        ] {
            for name in names.split('|') {
                assert_eq!(meaning(name), expected, "{name}");
            }
        }
    }
}
