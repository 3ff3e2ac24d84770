//! The cookies of one user (RFC 6265, as far as a load needs it): `Set-Cookie` with name, value, `Max-Age` and `Path`. A cookie
//! whose age is 0 or less is removed; any other lives as long as the run. What a cookie holds is never printed.

use std::fmt;

/// Most cookies that are kept (RFC 6265 section 6.1).
const MOST: usize = 50;
/// Longest `Set-Cookie` that is read (RFC 6265 section 6.1).
const LONGEST: usize = 4096;

/// The value of a `Set-Cookie` field.
#[derive(Clone, PartialEq)]
pub(super) struct SetCookie(String);

impl SetCookie {
    /// `None` where it is not text, or too long.
    pub fn read(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok().filter(|text| text.len() <= LONGEST)?;
        Some(Self(text.to_owned()))
    }
}

impl fmt::Debug for SetCookie {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SetCookie(…)")
    }
}

struct Cookie {
    name: String,
    value: String,
    path: String,
}

/// What one user holds of one server.
#[derive(Default)]
pub(super) struct CookieJar(Vec<Cookie>);

impl CookieJar {
    /// Takes over what an answer sets. What is not a cookie is left out (RFC 6265 section 5.2).
    pub fn set(&mut self, field: &SetCookie) {
        let mut parts = field.0.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let (name, value) = (name.trim(), value.trim());
        let clean = |text: &str| !text.bytes().any(|byte| byte.is_ascii_control());
        if name.is_empty() || !clean(name) || !clean(value) {
            return;
        }
        let (mut path, mut removed) = ("/", false);
        for (attribute, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim();
            if attribute.trim().eq_ignore_ascii_case("max-age") {
                removed = value.parse::<i64>().is_ok_and(|seconds| seconds <= 0);
            } else if attribute.trim().eq_ignore_ascii_case("path") {
                path = if value.starts_with('/') { value } else { "/" };
            }
        }
        self.0.retain(|cookie| cookie.name != name || cookie.path != path);
        if !removed && self.0.len() < MOST {
            self.0.push(Cookie { name: name.to_owned(), value: value.to_owned(), path: path.to_owned() });
        }
    }

    /// Writes the field for a request to `path`, with its end of line; nothing where no cookie is for it.
    pub fn write(&self, path: &[u8], out: &mut Vec<u8>) {
        let mut before: &[u8] = b"Cookie: ";
        for cookie in self.0.iter().filter(|cookie| matches(path, cookie.path.as_bytes())) {
            for part in [before, cookie.name.as_bytes(), b"=", cookie.value.as_bytes()] {
                out.extend_from_slice(part);
            }
            before = b"; ";
        }
        if before == b"; " {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// RFC 6265 section 5.1.4.
fn matches(path: &[u8], of_cookie: &[u8]) -> bool {
    let rest = path.strip_prefix(of_cookie);
    rest.is_some_and(|rest| of_cookie.ends_with(b"/") || matches!(rest.first(), None | Some(b'/' | b'?')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(fields: &[&str], path: &str) -> String {
        let mut jar = CookieJar::default();
        fields.iter().for_each(|field| jar.set(&SetCookie::read(field.as_bytes()).unwrap()));
        let mut out = Vec::new();
        jar.write(path.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_set_is_sent_until_it_is_removed() {
        let cases: [(&[&str], &str, &str); 11] = [
            (&[], "/", ""),
            (&["a=1"], "/", "Cookie: a=1\r\n"),
            (&["session=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"], "/session", "Cookie: session=x\r\n"),
            (&["a=1", "b=2", "a=3"], "/", "Cookie: b=2; a=3\r\n"),
            (&["a=1; Path=/", "a=; Path=/; Max-Age=0"], "/", ""),
            (&["a=1", "a=; max-age=-1"], "/", ""),
            (&["a=1; Path=/shop"], "/shop/cart?x", "Cookie: a=1\r\n"),
            (&["a=1; Path=/shop"], "/shopping", ""),
            (&["a=1; Path=/shop", "a=2"], "/shop?x", "Cookie: a=1; a=2\r\n"),
            (&["no cookie", "=1", "", "a=\u{1}"], "/", ""),
            (&["a=b=c; Path=relative"], "/x", "Cookie: a=b=c\r\n"),
        ];
        for (fields, path, expected) in cases {
            assert_eq!(sent(fields, path), expected, "{fields:?} {path}");
        }
    }

    #[test]
    fn cookies_are_bounded_and_never_shown() {
        assert!(SetCookie::read(&[b'a'; LONGEST + 1]).is_none() && SetCookie::read(b"a=\xff").is_none());
        let many: Vec<String> = (0..2 * MOST).map(|number| format!("c{number}=1")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(sent(&many, "/").matches('=').count(), MOST);
        assert!(!format!("{:?}", SetCookie::read(b"a=hunter2")).contains("hunter2"));
    }
}
