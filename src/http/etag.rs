//! Entity tags (RFC 9110, sections 8.8.3 and 13.1.2): whether a client has an answer already.

/// Whether a field `If-None-Match`, given by its lines, names this tag, which is a quoted string: by weak comparison, as the
/// section asks for. What follows something malformed is not read.
pub fn is_named<'a>(mut lines: impl Iterator<Item = &'a str>, tag: &str) -> bool {
    lines.any(|line| line.trim() == "*" || tags(line).any(|one| one == tag))
}

/// The tags of a list, without the mark of weak ones. A comma may stand inside of a tag.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let opaque = rest.strip_prefix("W/").unwrap_or(rest);
        let length = opaque.strip_prefix('"')?.find('"')? + 2;
        let tag = &opaque[..length];
        rest = &opaque[length..];
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_weak_tags_and_stars() {
        let tag = "\"a,b\"";
        for (lines, named) in [
            (&["\"a,b\""][..], true),
            (&["W/\"a,b\""], true),
            (&["\"x\", W/\"a,b\""], true),
            (&["\"x\",,\t\"a,b\" , \"y\""], true),
            (&["\"x\"", "\"a,b\""], true),
            (&["*"], true),
            (&[" * "], true),
            (&[], false),
            (&[""], false),
            (&["\"a\", \"b\""], false),
            (&["a,b"], false),
            (&["w/\"a,b\""], false),
            (&["\"x, \"a,b\""], false),
            (&["\"a,b"], false),
            (&["x \"a,b\""], false),
            (&["\"*\""], false),
        ] {
            assert_eq!(is_named(lines.iter().copied(), tag), named, "{lines:?}");
        }
    }
}
