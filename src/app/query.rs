//! Parameters of a query, read strictly: each at most once, well-formed, within its bounds.

use std::borrow::Cow;

use crate::http::Problem;

/// The parameters of one query.
pub(super) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub fn new(query: &'a str) -> Query<'a> {
        Query(query)
    }

    /// The decoded value of a parameter; `None` when it is not there. `allowed` says for a refusal what may be given.
    pub fn text(&self, name: &'static str, allowed: impl Fn() -> String) -> Result<Option<Cow<'a, str>>, Problem> {
        let mut found = None;
        for pair in self.0.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if decode(key).as_deref() != Some(name) {
                continue;
            }
            let value = decode(value).ok_or_else(|| Problem::parameter(name, Some(value), &allowed()))?;
            if found.replace(value).is_some() {
                return Err(Problem::parameter(name, Some("given more than once"), &allowed()));
            }
        }
        Ok(found)
    }

    /// A whole number from 0 to `most`, which must be there.
    pub fn number(&self, name: &'static str, most: u64) -> Result<u64, Problem> {
        let allowed = || format!("a whole number from 0 to {most}");
        let text = self.text(name, allowed)?;
        let number = text.as_deref().filter(|text| is_digits(text)).and_then(|text| text.parse().ok());
        number.filter(|number| *number <= most).ok_or_else(|| Problem::parameter(name, text.as_deref(), &allowed()))
    }

    /// A decimal number from 0 to `most`, of that unit; `None` when it is not there.
    pub fn decimal(&self, name: &'static str, most: f64, unit: &str) -> Result<Option<f64>, Problem> {
        let allowed = || format!("a number of {unit} from 0 to {most}, decimals allowed");
        let Some(text) = self.text(name, allowed)? else { return Ok(None) };
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
        let number = (is_digits(whole) && is_digits(fraction)).then(|| text.parse::<f64>().ok()).flatten();
        match number.filter(|number| *number <= most) {
            Some(number) => Ok(Some(number)),
            None => Err(Problem::parameter(name, Some(&text), &allowed())),
        }
    }

    /// One of a few words; `None` when it is not there.
    pub fn choice<T: Copy>(&self, name: &'static str, choices: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let allowed = || choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" or ");
        let Some(text) = self.text(name, allowed)? else { return Ok(None) };
        match choices.iter().find(|(word, _)| *word == text) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => Err(Problem::parameter(name, Some(&text), &allowed())),
        }
    }
}

/// Digits only, so that `+5`, ` 5` and `5e3` are none; `str::parse` alone would take some of them.
fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Undoes percent-encoding (RFC 3986, section 2.1) and `+` for a space; `None` when it is not UTF-8 or broken.
pub(super) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| (byte as char).to_digit(16));
                (digit()? * 16 + digit()?) as u8
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers() {
        for (query, number) in [("n=0", 0), ("n=50", 50), ("a=1&n=7", 7), ("n=%35", 5), ("%6e=5", 5), ("n=007", 7)] {
            assert_eq!(Query::new(query).number("n", 50), Ok(number), "{query}");
        }
        for (query, given) in [
            ("", None),
            ("m=1", None),
            ("n=", Some("")),
            ("n", Some("")),
            ("n=-1", Some("-1")),
            ("n=abc", Some("abc")),
            ("n=51", Some("51")),
            ("n=1000000000000000000000000000000", Some("1000000000000000000000000000000")),
            ("n=1&n=1", Some("given more than once")),
            ("n=%", Some("%")),
            ("n=%zz", Some("%zz")),
            ("n=%ff", Some("%ff")),
            ("n=%00", Some("\0")),
            ("n=+5", Some(" 5")),
            ("n=5.0", Some("5.0")),
            ("n=1e1", Some("1e1")),
            ("n=0x5", Some("0x5")),
        ] {
            let problem = Query::new(query).number("n", 50).unwrap_err();
            assert_eq!(problem, Problem::parameter("n", given, "a whole number from 0 to 50"), "{query}");
        }
    }

    #[test]
    fn decimals() {
        for (query, number) in [("s=0", 0.0), ("s=0.25", 0.25), ("s=60", 60.0), ("s=007.5", 7.5)] {
            assert_eq!(Query::new(query).decimal("s", 60.0, "seconds"), Ok(Some(number)), "{query}");
        }
        assert_eq!(Query::new("").decimal("s", 60.0, "seconds"), Ok(None));
        for query in ["s=-1", "s=nan", "s=inf", "s=1e1", "s=60.1", "s=", "s=1,5", "s=1.2.3", "s=1.", "s=.5"] {
            assert_eq!(Query::new(query).decimal("s", 60.0, "seconds").unwrap_err().status, 400, "{query}");
        }
    }

    #[test]
    fn choices() {
        let choices = [("sync", 1), ("async", 2)];
        assert_eq!(Query::new("model=sync").choice("model", &choices), Ok(Some(1)));
        assert_eq!(Query::new("").choice("model", &choices), Ok(None));
        let problem = Query::new("model=SYNC").choice("model", &choices).unwrap_err();
        assert_eq!(problem, Problem::parameter("model", Some("SYNC"), "sync or async"));
    }
}
