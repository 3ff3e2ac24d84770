//! Reads a table `n,throughput`.

use super::usl::Point;

/// Why a table could not be read: the line (from 1) and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Line of the file, from 1.
    pub line: usize,
    /// What was found, and what is expected instead.
    pub problem: String,
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for ReadError {}

/// Reads one point a line, `n` first and throughput second, split by comma, semicolon, tab or spaces.
///
/// Further columns are ignored, as are empty lines, lines that begin with `#`, and one header line at the top.
///
/// # Errors
/// [`ReadError`] at the first line that has no two numbers above 0.
pub fn read(text: &str) -> Result<Vec<Point>, ReadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let mut points = Vec::new();
    let mut header_allowed = true;
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let mut cells =
            line.split([',', ';', '\t', ' ']).map(|cell| cell.trim().trim_matches('"')).filter(|cell| !cell.is_empty());
        let (n, throughput) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        if std::mem::take(&mut header_allowed) && n.parse::<f64>().is_err() && throughput.parse::<f64>().is_err() {
            continue;
        }
        let positive = |cell: &str, what: &str| match cell.parse::<f64>() {
            Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
            _ => Err(ReadError {
                line: number,
                problem: format!(
                    "{what} is {}; expected a number above 0, as in '4,1250.5'",
                    if cell.is_empty() { "missing".to_owned() } else { format!("'{}'", shorten(cell)) }
                ),
            }),
        };
        points.push(Point { n: positive(n, "n")?, throughput: positive(throughput, "throughput")? });
    }
    Ok(points)
}

fn shorten(cell: &str) -> String {
    if cell.chars().count() > 40 { cell.chars().take(40).chain(['…']).collect() } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(n: f64, throughput: f64) -> Point {
        Point { n, throughput }
    }

    #[test]
    fn reads_what_people_write() {
        let two = vec![point(1.0, 65.0), point(18.0, 996.5)];
        for text in [
            "1,65\n18,996.5\n",
            "n,throughput\n1,65\n18,996.5",
            "\u{feff}\"units\";\"rps\"\r\n1;65\r\n\r\n18;996.5\r\n",
            "# SPEC SDM91\n1\t65\tfirst\n18 996.5\n",
        ] {
            assert_eq!(read(text), Ok(two.clone()), "{text}");
        }
        assert_eq!(read("\n# nothing\n"), Ok(vec![]));
    }

    #[test]
    fn names_the_line_that_is_wrong() {
        for (text, line, word) in [
            ("n,x\n1,65\nfoo,bar\n", 3, "'foo'"),
            ("1,65\n2\n", 2, "missing"),
            ("1,65\n0,12\n", 2, "n is '0'"),
            ("1,-3\n", 1, "'-3'"),
            ("1,NaN\n", 1, "'NaN'"),
            ("n,x\nheader,again\n", 2, "'header'"),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(error.problem.contains(word), "{text}: {error}");
        }
    }
}
