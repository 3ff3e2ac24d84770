//! The one cookie of the demo (RFC 6265).

use std::time::Duration;

use crate::http::Request;

/// Its name.
pub(super) const NAME: &str = "session";

/// Its value in a request, if there is one; the first, when a client sends several.
pub(super) fn value<'a>(request: &Request<'a>) -> Option<&'a str> {
    named(request, NAME)
}

/// The value of any cookie; the first, when a client sends several.
pub(super) fn named<'a>(request: &Request<'a>, name: &str) -> Option<&'a str> {
    let fields = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case("cookie"));
    let mut pairs = fields.filter_map(|field| std::str::from_utf8(field.value).ok()).flat_map(|text| text.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// A `Set-Cookie` field that gives it. Scripts cannot read it (`HttpOnly`), other sites' forms do not send it (`SameSite`), and
/// where the user came by https it never goes out in clear (`Secure`).
pub(super) fn set(value: &str, lifetime: Duration, https: bool) -> String {
    format!("{NAME}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{}", lifetime.as_secs(), secure(https))
}

/// A `Set-Cookie` field that takes it back.
pub(super) fn clear(https: bool) -> String {
    format!("{NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{}", secure(https))
}

fn secure(https: bool) -> &'static str {
    if https { "; Secure" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

    #[test]
    fn the_value_is_found_among_others() {
        for (fields, found) in [
            (&[][..], None),
            (&["a=b"], None),
            (&["session=1"], Some("1")),
            (&["a=b; session=1; c=d"], Some("1")),
            (&["a=b;session=1"], Some("1")),
            (&["a=b", "session=1"], Some("1")),
            (&["session=1; session=2"], Some("1")),
            (&["session="], Some("")),
            (&["sessions=1", "xsession=2", "session"], None),
        ] {
            let headers: Vec<_> =
                fields.iter().map(|value| httparse::Header { name: "Cookie", value: value.as_bytes() }).collect();
            let peer = ([127, 0, 0, 1], 1).into();
            let request = Request { method: Method::Get, path: "/", query: "", headers: &headers, peer };
            assert_eq!(value(&request), found, "{fields:?}");
        }
    }

    #[test]
    fn cookies_are_for_nobody_else() {
        let hour = Duration::from_secs(3_600);
        assert_eq!(set("1", hour, false), "session=1; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax");
        assert_eq!(set("1", hour, true), "session=1; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure");
        assert!(clear(true).starts_with("session=; ") && clear(true).contains("Max-Age=0"));
    }
}
