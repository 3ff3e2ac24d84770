//! Reads a table of n and throughput as people have it: typed, or written by a spreadsheet, by R, by a script.
//!
//! One separator a file, quotes honoured (RFC 4180), columns by name where a header names them. Nothing is guessed:
//! what can be read in two ways is an error that names its line and column and says what to write instead.

mod columns;
mod decimal;

use columns::Columns;
use decimal::Marks;

use super::usl::Observation;

/// More points than this are refused: a fit needs one point, or a few, for each n.
pub const MOST_POINTS: usize = 2_000;

/// Why a table could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// Line of the file, from 1.
    pub line: usize,
    /// Column of that line, from 1. `None` where the whole line is wrong.
    pub column: Option<usize>,
    /// What was found, and what is expected instead.
    pub problem: String,
}

impl std::fmt::Display for TableError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for TableError {}

impl TableError {
    fn new(line: usize, column: Option<usize>, problem: impl Into<String>) -> Self {
        Self { line, column, problem: problem.into() }
    }
}

/// What stands between two columns, in the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Separator {
    Comma,
    Semicolon,
    Tab,
    Spaces,
}

impl Separator {
    /// The separator of a file, from its first line that is not a comment: a semicolon or a tab where there is one, then
    /// a comma, then spaces. Whatever stands in quotes does not count.
    fn of(line: &str) -> Self {
        let mut quoted = false;
        let bare: String = line
            .chars()
            .filter(|&letter| {
                quoted ^= letter == '"';
                !quoted
            })
            .collect();
        match bare.trim() {
            bare if bare.contains(';') => Self::Semicolon,
            bare if bare.contains('\t') => Self::Tab,
            bare if bare.contains(',') => Self::Comma,
            bare if bare.contains(' ') => Self::Spaces,
            _ => Self::Comma,
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Spaces => b' ',
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Comma => "commas",
            Self::Semicolon => "semicolons",
            Self::Tab => "tabs",
            Self::Spaces => "spaces",
        }
    }
}

/// A line of the file, split into cells. Cells at the end that are empty are left out: spreadsheets write many.
#[derive(Debug)]
struct PointRow {
    line: usize,
    cells: Vec<String>,
}

/// A number as it is written, and where.
#[derive(Debug)]
struct NumberCell<'a> {
    line: usize,
    column: usize,
    what: &'static str,
    text: &'a str,
}

/// Reads one point a line, columns split by commas, semicolons, tabs or spaces: the same in the whole file.
///
/// Columns are found by the names in a header; without a header there may be two only, n and throughput. The decimal
/// mark is a point; where columns are split by semicolons it may be a comma. Thousands may stand apart where no number
/// can mean two things. Empty lines and lines that begin with `#` are left out.
///
/// # Errors
/// [`TableError`] at the first line that cannot be read, or that can be read in two ways.
pub fn read(text: &str) -> Result<Vec<Observation>, TableError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let leading = || text.lines().map(str::trim).enumerate();
    let Some((_, first)) = leading().find(|(_, line)| !line.is_empty() && !line.starts_with('#')) else {
        return Ok(Vec::new());
    };
    let separator = Separator::of(first);
    let comment = leading().take_while(|(_, line)| line.is_empty() || line.starts_with('#')).last();
    let comment = comment.and_then(|(_, line)| commented_header(line, separator));
    let rows = rows(&text, separator)?;
    let Some((top, rest)) = rows.split_first() else { return Ok(Vec::new()) };
    let (columns, data) = if decimal::is_text(&top.cells) {
        (Columns::named(top.line, &top.cells)?, rest)
    } else {
        let commented = comment.and_then(|names| Columns::of_comment(&names, top.cells.len()));
        (commented.map_or_else(|| Columns::unnamed(top.line, &top.cells, separator), Ok)?, &rows[..])
    };
    points(data, &columns, separator)
}

/// A comment right above the table may name its columns, as in `# n throughput` or `#,n,throughput`.
fn commented_header(line: &str, separator: Separator) -> Option<Vec<String>> {
    let names = line.trim_start_matches('#').trim_matches(' ');
    rows(names, separator).ok()?.into_iter().next().map(|row| row.cells)
}

fn rows(text: &str, separator: Separator) -> Result<Vec<PointRow>, TableError> {
    let lines: Vec<&str> = text.lines().collect();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator.byte())
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(1, |position| position.line() as usize);
            TableError::new(line, None, format!("is not a line of a table: {error}"))
        })?;
        // A record begins where the last one ended: before the empty lines above it.
        let mut line = record.position().map_or(1, |position| position.line() as usize);
        line += lines.iter().skip(line - 1).take_while(|line| line.is_empty() || line.starts_with('#')).count();
        if let Some(index) = record.iter().position(|cell| cell.contains('\n')) {
            let problem = format!(
                "a quote opens in column {} and does not close in this line; close it, or leave the quotes out",
                index + 1
            );
            return Err(TableError::new(line, Some(index + 1), problem));
        }
        if lines.get(line - 1).is_some_and(|raw| has_stray_quote(raw, separator)) {
            let problem = "a quote stands inside a cell; put quotes around a whole cell, or leave them out";
            return Err(TableError::new(line, None, problem));
        }
        let cells = record.iter().map(str::to_owned);
        // Spaces are often many, to align columns: between them are no empty cells.
        let mut cells: Vec<String> = cells.filter(|cell| separator != Separator::Spaces || !cell.is_empty()).collect();
        cells.truncate(cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1));
        if !cells.is_empty() && !cells[0].starts_with('#') {
            rows.push(PointRow { line, cells });
        }
    }
    Ok(rows)
}

/// A quote between two letters neither opens nor closes a cell: `"1"5` would be read as 15.
fn has_stray_quote(line: &str, separator: Separator) -> bool {
    let edge =
        |byte: Option<&u8>| byte.is_none_or(|&byte| matches!(byte, b' ' | b'\t' | b'"') || byte == separator.byte());
    let bytes = line.as_bytes();
    let inner =
        |index: usize| !edge(index.checked_sub(1).and_then(|before| bytes.get(before))) && !edge(bytes.get(index + 1));
    bytes.iter().enumerate().any(|(index, &byte)| byte == b'"' && inner(index))
}

fn points(rows: &[PointRow], columns: &Columns, separator: Separator) -> Result<Vec<Observation>, TableError> {
    let mut cells = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        if index == MOST_POINTS {
            let problem = format!(
                "this is more than {MOST_POINTS} points; write the mean or the median throughput for each n instead"
            );
            return Err(TableError::new(row.line, None, problem));
        }
        if row.cells.len() > columns.count {
            let problem =
                format!("there are {} columns, and {} above; {}", row.cells.len(), columns.count, split_by(separator));
            return Err(TableError::new(row.line, Some(columns.count + 1), problem));
        }
        cells.push([cell(row, columns.n, "n", separator)?, cell(row, columns.throughput, "throughput", separator)?]);
    }
    let marks = Marks::of(cells.iter().flatten(), separator)?;
    cells
        .iter()
        .map(|[n, throughput]| Ok(Observation { n: marks.positive(n)?, throughput: marks.positive(throughput)? }))
        .collect()
}

fn cell<'a>(
    row: &'a PointRow,
    index: usize,
    what: &'static str,
    separator: Separator,
) -> Result<NumberCell<'a>, TableError> {
    let (line, column) = (row.line, index + 1);
    match row.cells.get(index).map(String::as_str) {
        Some(text) if !text.is_empty() => Ok(NumberCell { line, column, what, text }),
        _ => {
            let problem = format!(
                "{what} is missing in column {column}; write a number above 0, or leave the line out ({})",
                split_by(separator)
            );
            Err(TableError::new(line, Some(column), problem))
        }
    }
}

fn split_by(separator: Separator) -> String {
    let hint = match separator {
        Separator::Comma => "; for a decimal comma, put semicolons between columns",
        Separator::Semicolon | Separator::Tab | Separator::Spaces => "",
    };
    format!("columns of this file are split by {}{hint}", separator.words())
}

/// A cell as an error shows it.
fn shown(cell: &str) -> String {
    if cell.chars().count() > 40 { cell.chars().take(40).chain(['…']).collect() } else { cell.to_owned() }
}

#[cfg(test)]
mod tests;
