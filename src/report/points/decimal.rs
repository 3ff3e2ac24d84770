//! Numbers as files write them: with a decimal point or a decimal comma, and with thousands apart.

use super::{NumberCell, Separator, TableError, shown};

/// Which mark is the decimal one, and which may stand between thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    decimal: char,
    thousands: &'static [char],
}

/// A point before decimals, a comma between thousands: `1,652.4`.
const ENGLISH: Marks = Marks { decimal: '.', thousands: &[',', ' ', '\u{a0}', '\u{2009}', '\u{202f}', '\'', '’'] };
/// A comma before decimals, a point between thousands: `1.652,4`.
const SPANISH: Marks = Marks { decimal: ',', thousands: &['.', ' ', '\u{a0}', '\u{2009}', '\u{202f}', '\'', '’'] };
/// A point before decimals and no comma at all: nothing says what a comma would mean in a file split by tabs or spaces.
const POINT_ONLY: Marks = Marks { decimal: '.', thousands: &[' ', '\u{a0}', '\u{2009}', '\u{202f}', '\'', '’'] };

impl Marks {
    /// The marks of a file. Where columns are split by semicolons both are possible, and the numbers that can be read in
    /// one way only say which it is.
    ///
    /// # Errors
    /// [`TableError`] at the first cell that is not a number, that contradicts the others, or that can be read in two
    /// ways when no other cell says which.
    pub fn of<'a>(cells: impl Iterator<Item = &'a NumberCell<'a>>, separator: Separator) -> Result<Self, TableError> {
        match separator {
            Separator::Comma => Ok(ENGLISH),
            Separator::Tab | Separator::Spaces => Ok(POINT_ONLY),
            Separator::Semicolon => Self::of_numbers(cells),
        }
    }

    fn of_numbers<'a>(cells: impl Iterator<Item = &'a NumberCell<'a>>) -> Result<Self, TableError> {
        let mut settled: Option<(Self, &NumberCell)> = None;
        let mut doubtful: Option<(&NumberCell, [f64; 2])> = None;
        for cell in cells {
            let marks = match (ENGLISH.parse(cell.text), SPANISH.parse(cell.text)) {
                (None, None) => return Err(not_a_number(cell)),
                (Some(english), Some(spanish)) => {
                    if english != spanish {
                        doubtful.get_or_insert((cell, [english, spanish]));
                    }
                    continue;
                }
                (Some(_), None) => ENGLISH,
                (None, Some(_)) => SPANISH,
            };
            match settled {
                Some((other, first)) if other != marks => return Err(contradiction(cell, first)),
                Some(_) => {}
                None => settled = Some((marks, cell)),
            }
        }
        match (settled, doubtful) {
            (Some((marks, _)), _) => Ok(marks),
            (None, Some((cell, meanings))) => Err(two_meanings(cell, meanings)),
            (None, None) => Ok(ENGLISH),
        }
    }

    /// The number in a cell.
    ///
    /// # Errors
    /// [`TableError`] when it is not a finite number above 0.
    pub fn positive(self, cell: &NumberCell) -> Result<f64, TableError> {
        let value = self.parse(cell.text).ok_or_else(|| not_a_number(cell))?;
        if value.is_finite() && value > 0.0 { Ok(value) } else { Err(not_a_number(cell)) }
    }

    /// `None` when the text is not a number with these marks. May be infinite, or not positive.
    fn parse(self, text: &str) -> Option<f64> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (text, None),
        };
        let (sign, digits) = match mantissa.as_bytes().first()? {
            b'-' => ("-", &mantissa[1..]),
            b'+' => ("", &mantissa[1..]),
            _ => ("", mantissa),
        };
        let (whole, fraction) = digits.split_once(self.decimal).unwrap_or((digits, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(fraction) || whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let whole = if is_digits(whole) {
            whole.to_owned()
        } else {
            exponent.is_none().then(|| self.join_thousands(whole)).flatten()?
        };
        let power = match exponent {
            Some(power) if is_digits(power.strip_prefix(['-', '+']).unwrap_or(power)) => format!("e{power}"),
            Some(_) => return None,
            None => String::new(),
        };
        format!("{sign}{whole}.{fraction}{power}").parse().ok()
    }

    /// `1 652` as `1652`: one mark, one to three digits before the first, three after each.
    fn join_thousands(self, whole: &str) -> Option<String> {
        let mark = whole.chars().find(|letter| self.thousands.contains(letter))?;
        let groups: Vec<&str> = whole.split(mark).collect();
        let (first, rest) = groups.split_first()?;
        let digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
        let fits =
            (1..=3).contains(&first.len()) && !first.starts_with('0') && rest.iter().all(|group| group.len() == 3);
        (fits && groups.iter().all(|group| digits(group))).then(|| groups.concat())
    }
}

/// True for a header: no cell of it is a number, with whatever marks.
pub(super) fn is_text(cells: &[String]) -> bool {
    let number = |cell: &String| {
        let special = ["nan", "inf", "infinity", "-inf", "-infinity"].contains(&cell.to_lowercase().as_str());
        let like_number = cell.chars().any(|letter| letter.is_ascii_digit())
            && cell.chars().all(|letter| !letter.is_alphabetic() || matches!(letter, 'e' | 'E'));
        special || like_number
    };
    !cells.iter().any(number)
}

fn not_a_number(cell: &NumberCell) -> TableError {
    let NumberCell { line, column, what, text } = cell;
    let problem =
        format!("{what} is '{}' in column {column}; write a number above 0, as in 1250.5 or 1.2505e3", shown(text));
    TableError::new(*line, Some(*column), problem)
}

fn contradiction(cell: &NumberCell, first: &NumberCell) -> TableError {
    let NumberCell { line, column, what, text } = cell;
    let problem = format!(
        "{what} is '{}' in column {column}, and line {} has '{}': one file has one decimal mark, a point or a comma",
        shown(text),
        first.line,
        shown(first.text)
    );
    TableError::new(*line, Some(*column), problem)
}

fn two_meanings(cell: &NumberCell, meanings: [f64; 2]) -> TableError {
    let NumberCell { line, column, what, text } = cell;
    let [one, other] = meanings;
    let problem = format!(
        "{what} is '{}' in column {column}, which can mean {one} or {other}; write numbers without a mark between thousands, and with a decimal point in a file split by commas",
        shown(text)
    );
    TableError::new(*line, Some(*column), problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_they_are_written() {
        for (text, english, spanish) in [
            ("65", Some(65.0), Some(65.0)),
            ("65.4", Some(65.4), None),
            ("65,4", None, Some(65.4)),
            ("1,652", Some(1652.0), Some(1.652)),
            ("1.652", Some(1.652), Some(1652.0)),
            ("0.652", Some(0.652), None),
            ("1 652", Some(1652.0), Some(1652.0)),
            ("1\u{202f}652\u{202f}000", Some(1_652_000.0), Some(1_652_000.0)),
            ("1'652.5", Some(1652.5), None),
            ("1,652.4", Some(1652.4), None),
            ("1.652,4", None, Some(1652.4)),
            ("1,65,400", None, None),
            ("1 65", None, None),
            ("12,3456", None, Some(12.3456)),
            ("1e160", Some(1e160), Some(1e160)),
            ("-3", Some(-3.0), Some(-3.0)),
            (".5", Some(0.5), None),
            ("5.", Some(5.0), None),
            ("1e999", Some(f64::INFINITY), Some(f64::INFINITY)),
            ("1,652e3", None, Some(1652.0)),
            ("", None, None),
            (".", None, None),
            ("-", None, None),
            ("e5", None, None),
            ("1e", None, None),
            ("NaN", None, None),
            ("inf", None, None),
            ("0x10", None, None),
            ("65 req/s", None, None),
            ("١", None, None),
        ] {
            assert_eq!(ENGLISH.parse(text), english, "{text}");
            assert_eq!(SPANISH.parse(text), spanish, "{text}");
        }
    }
}
