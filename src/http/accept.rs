//! Which form of an answer a client prefers, and which it refuses: the field `Accept` (RFC 9110, section 12.5.1).

/// Weights are counted in thousandths: three decimals are all that a weight may have (RFC 9110, section 12.4.2).
pub(super) const FULL_WEIGHT: u16 = 1_000;

/// The place in `offers` (media types, in the server's order) of the one that suits the client best; `None` when it
/// refuses all of them.
///
/// The highest weight wins. Of equal weights the type that the client names more exactly, then the one it names first,
/// then the one that is offered first. Without a range that can be read, everything suits.
pub fn preferred<'v>(values: impl Iterator<Item = &'v str>, offers: &[&str]) -> Option<usize> {
    let ranges: Vec<Range<'v>> = values.flat_map(|value| split(value, ',')).filter_map(Range::parse).collect();
    if ranges.is_empty() {
        return (!offers.is_empty()).then_some(0);
    }
    let ranked = offers.iter().enumerate().filter_map(|(index, offer)| {
        let (exactness, place, range) = ranges
            .iter()
            .enumerate()
            .filter_map(|(place, range)| Some((range.exactness(offer)?, place, range)))
            // The most exact range that covers a type is the one that counts for it.
            .max_by_key(|(exactness, place, _)| (*exactness, std::cmp::Reverse(*place)))?;
        let earlier = std::cmp::Reverse((place, index));
        (range.weight > 0).then_some((range.weight, exactness, earlier, index))
    });
    ranked.max().map(|(.., index)| index)
}

/// One range of a list: `text/*;q=0.5`.
struct Range<'v> {
    kind: &'v str,
    subtype: &'v str,
    /// What the type must carry beside its name: `version=0.0.4`.
    parameters: Vec<(&'v str, &'v str)>,
    weight: u16,
}

impl<'v> Range<'v> {
    /// `None` when it is not written as a range is.
    fn parse(text: &'v str) -> Option<Self> {
        let mut parts = split(text, ';');
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut range =
            Self { kind: kind.trim(), subtype: subtype.trim(), parameters: Vec::new(), weight: FULL_WEIGHT };
        if range.kind.is_empty() || range.subtype.is_empty() || (range.kind == "*" && range.subtype != "*") {
            return None;
        }
        for part in parts.filter(|part| !part.trim().is_empty()) {
            let (name, value) = part.split_once('=')?;
            let (name, value) = (name.trim(), value.trim());
            if name.eq_ignore_ascii_case("q") {
                range.weight = weight(value)?;
                // What stands behind the weight is not a part of the type.
                break;
            }
            range.parameters.push((name, unquoted(value)));
        }
        Some(range)
    }

    /// How exactly the range names a media type; `None` when it does not cover it.
    fn exactness(&self, media_type: &str) -> Option<usize> {
        let mut parts = split(media_type, ';');
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let named = |range: &str, name: &str| range.eq_ignore_ascii_case(name.trim());
        match (self.kind, self.subtype) {
            ("*", "*") => return Some(0),
            (_, "*") => return named(self.kind, kind).then_some(1),
            (_, _) if !named(self.kind, kind) || !named(self.subtype, subtype) => return None,
            (_, _) => {}
        }
        let has: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        let carries = |(name, value): &(&str, &str)| {
            has.iter().any(|(other, given)| named(name, other) && unquoted(given.trim()).eq_ignore_ascii_case(value))
        };
        self.parameters.iter().all(carries).then_some(2 + self.parameters.len())
    }
}

/// `1`, `0.5`, `0.123`: in thousandths.
pub(super) fn weight(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{decimals:0<3}").parse::<u16>().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(FULL_WEIGHT),
        _ => None,
    }
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// The parts between separators that do not stand inside quotes.
pub(super) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let inside = quoted;
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => {}
        }
        character == separator && !inside
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = "application/json";
    const TEXT: &str = "text/plain; charset=utf-8";
    const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

    #[test]
    fn json_or_text() {
        for (accept, preferred_type) in [
            ("", Some(JSON)),
            ("*/*", Some(JSON)),
            ("text/plain", Some(TEXT)),
            ("TEXT/Plain", Some(TEXT)),
            ("text/*", Some(TEXT)),
            ("text/plain, application/json", Some(TEXT)),
            ("application/json, text/plain", Some(JSON)),
            ("text/plain;q=0.5, application/json", Some(JSON)),
            ("text/plain;q=0.5, application/json;q=0.4", Some(TEXT)),
            ("text/plain; Q=0.5 , application/json;q=0.6", Some(JSON)),
            ("text/plain, */*", Some(TEXT)),
            ("*/*, text/plain", Some(TEXT)),
            ("*/*, text/plain;q=0.9", Some(JSON)),
            ("application/json;q=0, */*", Some(TEXT)),
            ("*/*;q=0.1, application/json;q=0", Some(TEXT)),
            ("application/json;q=0", None),
            ("*/*;q=0", None),
            ("image/png", None),
            ("text/html, image/png;q=0.1", None),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(JSON)),
            ("text/plain;q=0.000, application/*;q=0.001", Some(JSON)),
            // What is not written as a range counts as if it were not there.
            ("text", Some(JSON)),
            ("text/plain;q=2, application/json;q=0.1", Some(JSON)),
            ("text/plain;q=0.1234, application/json;q=0.1", Some(JSON)),
            ("*/json, text/plain", Some(TEXT)),
            (";;,,/,", Some(JSON)),
            // A range with a parameter is for a type that carries it.
            ("text/plain;charset=UTF-8, application/json;q=0.9", Some(TEXT)),
            ("text/plain;charset=latin1, application/json;q=0.9", Some(JSON)),
            ("text/plain;charset=\"utf-8\";q=0.9;x=1, application/json;q=0.8", Some(TEXT)),
            ("text/plain;title=\"a,b;c\\\"d\", application/json;q=0.1", Some(JSON)),
        ] {
            let offers = [JSON, TEXT];
            let found = preferred(std::iter::once(accept), &offers).map(|index| offers[index]);
            assert_eq!(found, preferred_type, "{accept:?}");
        }
    }

    #[test]
    fn several_fields_are_one_list() {
        assert_eq!(preferred(["text/html", "text/plain;q=0.1"].into_iter(), &[JSON, TEXT]), Some(1));
        assert_eq!(preferred(std::iter::empty(), &[JSON, TEXT]), Some(0));
        assert_eq!(preferred(["*/*"].into_iter(), &[]), None);
    }

    #[test]
    fn what_prometheus_sends() {
        let accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                      application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,\
                      text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(preferred(std::iter::once(accept), &[METRICS]), Some(0));
        assert_eq!(preferred(std::iter::once("text/plain;version=1.0.0"), &[METRICS]), None);
    }
}
