//! Keys in paths and bodies: `/item?id={uniform 1..100000}` asks for another row each time.
//!
//! `{uniform A..B}` draws each whole number from A to B equally often. `{zipf A..B S}` draws A most often: the number of rank k
//! has a share proportional to 1/k^S (G. K. Zipf, "Human Behavior and the Principle of Least Effort", 1949), as the popularity
//! of pages and rows often has; S of 0.99 is what YCSB uses (Cooper et al., "Benchmarking Cloud Serving Systems with YCSB", 2010).

use std::fmt;

/// A text with places for keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// In order.
    pub pieces: Vec<Piece>,
}

/// A part of a [`Template`].
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text as it is.
    Text(String),
    /// What is not text.
    Bytes(Vec<u8>),
    /// A key drawn for each request.
    Key(KeyRange),
    /// A column of a table, from the row that the request has.
    Column {
        /// Its number, from 0.
        index: usize,
        /// How it is written.
        form: Form,
    },
}

/// How the value of a column is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Raw,
    /// Percent-encoded but for unreserved characters: a part of a path or a value of a query.
    Encoded,
    /// Percent-encoded but for unreserved and reserved characters: several parts of an address.
    Reserved,
}

/// Whole numbers from `first` to `last`, both included, and how they are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyRange {
    /// The lowest.
    pub first: u64,
    /// The highest.
    pub last: u64,
    /// How.
    pub distribution: Distribution,
}

/// How keys are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// All alike.
    Uniform,
    /// The lower the number, the more often.
    Zipf {
        /// 0.99, for instance: the larger, the more the first keys have.
        exponent: f64,
    },
}

/// Why a text is no [`Template`], and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError(String);

impl fmt::Display for KeyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

/// Largest key: beyond it, a 64-bit float no longer holds every whole number.
const LARGEST: u64 = 1 << 53;
/// Exponents beyond this draw hardly anything but the first key.
const LARGEST_EXPONENT: f64 = 10.0;
const HOW: &str = "write {uniform 1..1000} or {zipf 1..1000 0.99}";
const BRACE: &str = "; a brace that is none of them is %7B or %7D";

impl Template {
    /// Takes a path apart.
    ///
    /// # Errors
    /// When a brace is not closed or not opened, or what stands between two is not a key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Self::parse_with(text, &[])
    }

    /// Takes a path apart, in which columns of a table may stand: `{name}` is percent-encoded as a whole, `{+name}` may hold what
    /// parts a path and a query (RFC 6570, sections 3.2.2 and 3.2.3).
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with(text: &str, columns: &[String]) -> Result<Self, KeyError> {
        let mut pieces = Pieces::default();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after
                .split_once('}')
                .ok_or_else(|| KeyError(format!("the brace in '{text}' is not closed; {HOW}{BRACE}")))?;
            if before.contains('}') {
                return Err(not_opened(text));
            }
            pieces.text(before);
            let (name, form) = match inside.strip_prefix('+') {
                Some(name) => (name, Form::Reserved),
                None => (inside, Form::Encoded),
            };
            pieces.list.push(match column(name, form, columns) {
                Some(piece) => piece,
                None => Piece::Key(KeyRange::parse(inside).map_err(|error| no_key(error, columns))?),
            });
            rest = after;
        }
        if rest.contains('}') {
            return Err(not_opened(text));
        }
        Ok(pieces.end(rest))
    }

    /// Takes a body apart. Bodies may hold braces, as JSON does: only those that begin with `uniform` or `zipf` are keys.
    ///
    /// # Errors
    /// When such a brace is not closed, or holds no key.
    pub fn parse_body(text: &str) -> Result<Self, KeyError> {
        Self::parse_body_with(text, &[])
    }

    /// Takes a body apart, in which columns of a table may stand as they are.
    ///
    /// # Errors
    /// As [`Self::parse_body`].
    pub fn parse_body_with(text: &str, columns: &[String]) -> Result<Self, KeyError> {
        let mut pieces = Pieces::default();
        let (mut begin, mut at) = (0, 0);
        while let Some(brace) = text[at..].find('{') {
            let place = at + brace;
            let from = &text[place..];
            let closed = from[1..].split_once('}');
            let piece = match closed {
                _ if from.starts_with("{uniform") || from.starts_with("{zipf") => {
                    let (inside, _) = closed
                        .ok_or_else(|| KeyError(format!("the brace in '{}' is not closed; {HOW}", shortened(from))))?;
                    Some((Piece::Key(KeyRange::parse(inside)?), inside))
                }
                Some((inside, _)) => column(inside, Form::Raw, columns).map(|piece| (piece, inside)),
                None => None,
            };
            at = place + 1;
            if let Some((piece, inside)) = piece {
                pieces.text(&text[begin..place]);
                pieces.list.push(piece);
                at += inside.len() + 1;
                begin = at;
            }
        }
        Ok(pieces.end(&text[begin..]))
    }

    /// Takes a header field apart: only columns of a table are more than text in it.
    pub fn parse_field(text: &str, columns: &[String]) -> Self {
        let mut pieces = Pieces::default();
        let (mut begin, mut at) = (0, 0);
        while let Some(brace) = text[at..].find('{') {
            let place = at + brace;
            at = place + 1;
            let inside = text[at..].split_once('}').map(|(inside, _)| inside);
            if let Some((inside, piece)) = inside.and_then(|name| Some((name, column(name, Form::Raw, columns)?))) {
                pieces.text(&text[begin..place]);
                pieces.list.push(piece);
                at += inside.len() + 1;
                begin = at;
            }
        }
        pieces.end(&text[begin..])
    }

    /// Bytes of any kind, as they are.
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        Self { pieces: vec![Piece::Bytes(bytes)] }
    }

    /// The columns that are used.
    pub fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Column { index, .. } => Some(*index),
            Piece::Text(_) | Piece::Bytes(_) | Piece::Key(_) => None,
        })
    }

    /// Whether it is the same text each time.
    pub fn is_constant(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Text(_) | Piece::Bytes(_)))
    }
}

/// The column of that name.
fn column(name: &str, form: Form, columns: &[String]) -> Option<Piece> {
    let index = columns.iter().position(|column| column == name)?;
    Some(Piece::Column { index, form })
}

/// The pieces of a template, as they are found.
#[derive(Default)]
struct Pieces {
    list: Vec<Piece>,
}

impl Pieces {
    fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.list.push(Piece::Text(text.to_owned()));
        }
    }

    /// All of them, with the text behind the last; a template has one at least.
    fn end(mut self, rest: &str) -> Template {
        if !rest.is_empty() || self.list.is_empty() {
            self.list.push(Piece::Text(rest.to_owned()));
        }
        Template { pieces: self.list }
    }
}

/// With the columns that there are, which may have been meant.
fn no_key(error: KeyError, columns: &[String]) -> KeyError {
    let known = match columns {
        [] => String::new(),
        columns => format!("; the columns are {{{}}}", columns.join("}, {")),
    };
    KeyError(error.0 + &known + BRACE)
}

/// Bodies may be long, and what they hold is told no more than it must.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(30)]
}

fn not_opened(text: &str) -> KeyError {
    KeyError(format!("a brace in '{text}' is not a key, for it is not opened; {HOW}{BRACE}"))
}

impl KeyRange {
    /// Reads what stands between the braces.
    fn parse(text: &str) -> Result<Self, KeyError> {
        let error = |problem: &str| KeyError(format!("{{{text}}}: {problem}; {HOW}"));
        let words: Vec<&str> = text.split_whitespace().collect();
        let (range, distribution) = match words[..] {
            ["uniform", range] => (range, Distribution::Uniform),
            ["zipf", range, exponent] => {
                let exponent: f64 = exponent.parse().map_err(|_| error("the exponent is not a number"))?;
                if !(0.0..=LARGEST_EXPONENT).contains(&exponent) {
                    return Err(error("the exponent must be 0 or more, and at most 10"));
                }
                (range, Distribution::Zipf { exponent })
            }
            ["zipf", _] => return Err(error("zipf needs an exponent behind the range")),
            _ => return Err(error("it is not a key")),
        };
        let (first, last) = range.split_once("..").ok_or_else(|| error("the range has two numbers, as in 1..1000"))?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| error(&format!("'{text}' is not a whole number")));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(error("the range ends before it begins"));
        }
        if last > LARGEST {
            return Err(error("the range ends beyond 2^53"));
        }
        Ok(Self { first, last, distribution })
    }

    /// How many different keys there are.
    pub fn count(&self) -> u64 {
        self.last - self.first + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_keys() {
        let template = Template::parse("/item?id={uniform 1..100}&tag={zipf 0..9 0.99}x").unwrap();
        let key = |first, last, distribution| Piece::Key(KeyRange { first, last, distribution });
        assert_eq!(
            template.pieces,
            [
                Piece::Text("/item?id=".into()),
                key(1, 100, Distribution::Uniform),
                Piece::Text("&tag=".into()),
                key(0, 9, Distribution::Zipf { exponent: 0.99 }),
                Piece::Text("x".into()),
            ]
        );
        assert!(!template.is_constant());
        for constant in ["", "/", "/fib?number=20"] {
            let template = Template::parse(constant).unwrap();
            assert_eq!(template.pieces, [Piece::Text(constant.into())]);
            assert!(template.is_constant());
        }
    }

    #[test]
    fn bodies_hold_braces_and_keys() {
        let template = Template::parse_body(r#"{"id": {uniform 1..9}, "a": {}}"#).unwrap();
        let key = Piece::Key(KeyRange { first: 1, last: 9, distribution: Distribution::Uniform });
        assert_eq!(template.pieces, [Piece::Text(r#"{"id": "#.into()), key, Piece::Text(r#", "a": {}}"#.into())]);
        assert!(Template::parse_body("").unwrap().is_constant() && Template::parse_body("{}").unwrap().is_constant());
        for (text, says) in [("{uniform 1..2", "not closed"), ("{uniformly}", "not a key"), ("{zipf 1..2}", "exponent")]
        {
            let error = Template::parse_body(text).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("%7B"), "{text}: {error}");
        }
    }

    #[test]
    fn columns_of_a_table() {
        let columns = ["name".to_owned(), "id".to_owned()];
        let column = |index, form| Piece::Column { index, form };
        let text = |text: &str| Piece::Text(text.to_owned());
        let path = Template::parse_with("/a/{id}?n={name}&{+name}{uniform 1..2}", &columns).unwrap();
        assert_eq!(path.pieces[..3], [text("/a/"), column(1, Form::Encoded), text("?n=")]);
        assert_eq!(path.pieces[3..6], [column(0, Form::Encoded), text("&"), column(0, Form::Reserved)]);
        assert!(matches!(path.pieces[6..], [Piece::Key(_)]));
        assert!(path.columns().eq([1, 0, 0]) && !path.is_constant());
        let body = Template::parse_body_with(r#"{"a": "{name}", {b}, {id}{"#, &columns).unwrap();
        let expected = [text(r#"{"a": ""#), column(0, Form::Raw), text(r#"", {b}, "#), column(1, Form::Raw), text("{")];
        assert_eq!(body.pieces, expected);
        let error = Template::parse_with("/{nam}", &columns).unwrap_err().to_string();
        assert!(error.contains("not a key") && error.contains("the columns are {name}, {id}"), "{error}");
        let bytes = Template::of_bytes(vec![0, 255]);
        assert!(bytes.is_constant() && bytes.columns().next().is_none());
    }

    #[test]
    fn what_is_no_key_is_explained() {
        for (text, says) in [
            ("/{uniform 1..10", "not closed"),
            ("/{}", "not a key"),
            ("/{id}", "not a key"),
            ("/{uniform}", "not a key"),
            ("/{uniform 5..1}", "ends before it begins"),
            ("/{uniform 1-5}", "two numbers"),
            ("/{uniform a..5}", "'a' is not a whole number"),
            ("/{uniform -1..5}", "'-1' is not a whole number"),
            ("/{uniform 1..99999999999999999}", "2^53"),
            ("/{zipf 1..10}", "needs an exponent"),
            ("/{zipf 1..10 much}", "not a number"),
            ("/{zipf 1..10 -0.1}", "0 or more"),
            ("/{zipf 1..10 NaN}", "0 or more"),
            ("/x}", "not opened"),
            ("/x}{uniform 1..2}", "not opened"),
            ("/{zipf 1..10 11}", "at most 10"),
        ] {
            let error = Template::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
