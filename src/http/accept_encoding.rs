//! Whether a client wants a body compressed: the field `Accept-Encoding` (RFC 9110, section 12.5.3).

use super::accept::{FULL_WEIGHT, split, weight};

/// What was done to a body (RFC 9110, section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCoding {
    /// Nothing.
    Identity,
    /// RFC 1952.
    Gzip,
}

/// The coding that suits the client best; `None` when it refuses both. `values` are those of all its fields.
///
/// The higher weight wins; of equal weights gzip. Without a field the body stays as it is.
pub fn preferred<'v>(values: impl Iterator<Item = &'v str>) -> Option<ContentCoding> {
    let elements: Vec<(&str, u16)> = values.flat_map(|value| split(value, ',')).filter_map(element).collect();
    let named = |names: &[&str]| {
        let is = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        elements.iter().find(|(name, _)| is(name)).map(|(_, weight)| *weight)
    };
    // The star is for every coding that is not named.
    let others = named(&["*"]);
    // Section 8.4.1.3: the older name means the same.
    let gzip = named(&["gzip", "x-gzip"]).or(others).unwrap_or(0);
    let identity = named(&["identity"]).or(others);
    match identity {
        Some(0) if gzip == 0 => None,
        Some(identity) if gzip == 0 || identity > gzip => Some(ContentCoding::Identity),
        None if gzip == 0 => Some(ContentCoding::Identity),
        Some(_) | None => Some(ContentCoding::Gzip),
    }
}

/// `gzip;q=0.5`; `None` when it is not written so.
fn element(text: &str) -> Option<(&str, u16)> {
    let (name, weight) = match text.split_once(';') {
        Some((name, parameter)) => {
            let (key, value) = parameter.split_once('=')?;
            (name, key.trim().eq_ignore_ascii_case("q").then(|| weight(value.trim())).flatten()?)
        }
        None => (text, FULL_WEIGHT),
    };
    Some((name.trim(), weight)).filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_refusals() {
        const GZIP: Option<ContentCoding> = Some(ContentCoding::Gzip);
        const IDENTITY: Option<ContentCoding> = Some(ContentCoding::Identity);
        for (value, coding) in [
            ("", IDENTITY),
            ("gzip", GZIP),
            ("GZip", GZIP),
            ("x-gzip", GZIP),
            ("*", GZIP),
            ("gzip, deflate, br, zstd", GZIP),
            ("br, zstd", IDENTITY),
            ("gzip;q=0.001", GZIP),
            ("gzip; Q=0.5 , identity;q=0.4", GZIP),
            ("gzip;q=0.5, identity;q=0.5", GZIP),
            ("gzip;q=0.5, identity", IDENTITY),
            ("gzip;q=0.5, *", IDENTITY),
            ("gzip;q=0", IDENTITY),
            ("*;q=0, identity", IDENTITY),
            ("gzip;q=0, *", IDENTITY),
            ("identity;q=0", None),
            ("identity;q=0, br", None),
            ("*;q=0", None),
            ("gzip;q=0, identity;q=0, br", None),
            ("identity;q=0, gzip;q=0.1", GZIP),
            ("*;q=0, gzip", GZIP),
            ("identity;q=0, *", GZIP),
            // What is not written as the field is counts as if it were not there.
            ("gzip;q=2", IDENTITY),
            ("gzip;level=9", IDENTITY),
            (";q=1,,", IDENTITY),
        ] {
            assert_eq!(preferred(std::iter::once(value)), coding, "{value:?}");
        }
        assert_eq!(preferred(std::iter::empty()), IDENTITY);
        assert_eq!(preferred(["identity;q=0", "gzip;q=0"].into_iter()), None);
    }
}
