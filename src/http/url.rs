//! An `http://` or `https://` address, taken apart (RFC 3986, as far as a client needs it).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Longest host name (RFC 1035 section 2.3.4).
const MAX_HOST_BYTES: usize = 253;
/// How much of a text that is not an address is repeated, characters.
const MAX_SHOWN: usize = 80;

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// What stands before the colon.
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where none is written (RFC 9110 sections 4.2.1 and 4.2.2).
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Scheme, host and port of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    /// A name in lower case, or an IP address without brackets.
    host: String,
    port: u16,
}

/// An address: the origin, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Where to connect to.
    pub origin: Origin,
    /// Path and query, as they go on the request line; starts with `/`.
    pub path: String,
}

/// Why a text is not an address that this program can ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlProblem {
    /// It begins with `https://`, and who asks speaks no TLS.
    Https,
    /// It does not begin with `http://`.
    Scheme,
    /// A space, a control or a non-ASCII character.
    Character,
    /// A user name stands before the host.
    UserName,
    /// Nothing stands before the port or the path.
    NoHost,
    /// The brackets of an IPv6 address are not closed, or hold something else.
    Brackets,
    /// Neither a name nor an IP address.
    Host,
    /// Not a number from 1 to 65535.
    Port,
    /// More than host and port, where only they are asked for.
    NotAnOrigin,
}

/// A text that is not an address; says what is wrong with it, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidUrl {
    /// What is wrong.
    pub problem: UrlProblem,
    /// The text, shortened and without control characters: it may come from anywhere, and is shown.
    text: String,
    /// What to write instead.
    advice: &'static str,
}

const WRITE_AN_ADDRESS: &str = "write for instance http://127.0.0.1:3000/fib?number=20";
const GIVE_AN_ORIGIN: &str = "give http://HOST:PORT";

impl fmt::Display for InvalidUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.problem {
            UrlProblem::Https => "only plain http:// addresses can be asked",
            UrlProblem::Scheme => "it must begin with http://",
            UrlProblem::Character => {
                "it holds a space, a control or a non-ASCII character; percent-encode it (a space is %20)"
            }
            UrlProblem::UserName => "user names in an address are not supported",
            UrlProblem::NoHost => "the host is missing",
            UrlProblem::Brackets => {
                "between brackets there must be an IPv6 address, and after them a colon and the port"
            }
            UrlProblem::Host => "the host is neither a host name nor an IP address",
            UrlProblem::Port => "the port is not a number from 1 to 65535",
            UrlProblem::NotAnOrigin => "it must end after the port",
        };
        write!(out, "'{}' is not an address: {what}; {}", self.text, self.advice)
    }
}

impl std::error::Error for InvalidUrl {}

impl Url {
    /// Reads `http://HOST[:PORT][/PATH][?QUERY]`; a fragment is dropped. HOST is a name, an IPv4 address, or an IPv6 address
    /// in brackets.
    ///
    /// # Errors
    /// [`InvalidUrl`].
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        Self::read_plain(text.trim()).map_err(|problem| invalid(text, problem, WRITE_AN_ADDRESS))
    }

    /// The same, for a client that also speaks TLS: it may begin with `https://`.
    ///
    /// # Errors
    /// [`InvalidUrl`].
    pub fn parse_with_tls(text: &str) -> Result<Self, InvalidUrl> {
        Self::read(text.trim()).map_err(|problem| invalid(text, problem, WRITE_AN_ADDRESS))
    }

    fn read_plain(text: &str) -> Result<Self, UrlProblem> {
        let url = Self::read(text)?;
        if url.origin.scheme == Scheme::Https { Err(UrlProblem::Https) } else { Ok(url) }
    }

    fn read(text: &str) -> Result<Self, UrlProblem> {
        let begins = |begin: &str| text.get(..begin.len()).is_some_and(|start| start.eq_ignore_ascii_case(begin));
        let (scheme, rest) = match text {
            _ if begins("http://") => (Scheme::Http, &text["http://".len()..]),
            _ if begins("https://") => (Scheme::Https, &text["https://".len()..]),
            _ => return Err(UrlProblem::Scheme),
        };
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UrlProblem::Character);
        }
        let rest = rest.split('#').next().unwrap_or(rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let origin = Origin::read(scheme, authority)?;
        Ok(Self { origin, path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") } })
    }

    /// The same origin with another path and query, which must start with `/`.
    pub fn with_path(&self, path: &str) -> Self {
        Self { origin: self.origin.clone(), path: path.to_owned() }
    }
}

impl fmt::Display for Url {
    /// The whole address, normalised: without the port where it is that of the scheme.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}{}", self.origin.scheme.name(), self.origin.host_field(), self.path)
    }
}

impl Origin {
    /// Reads `http://HOST[:PORT]`, with or without a last slash.
    ///
    /// # Errors
    /// [`InvalidUrl`].
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let invalid = |problem| invalid(text, problem, GIVE_AN_ORIGIN);
        let url = Url::read_plain(text.trim()).map_err(invalid)?;
        if url.path == "/" && !text.contains('#') { Ok(url.origin) } else { Err(invalid(UrlProblem::NotAnOrigin)) }
    }

    fn read(scheme: Scheme, authority: &str) -> Result<Self, UrlProblem> {
        if authority.contains('@') {
            return Err(UrlProblem::UserName);
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(UrlProblem::Brackets)?;
                let host: Ipv6Addr = host.parse().map_err(|_| UrlProblem::Brackets)?;
                let port = if port.is_empty() { "" } else { port.strip_prefix(':').ok_or(UrlProblem::Brackets)? };
                (host.to_string(), port)
            }
            None => {
                let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
                if host.is_empty() {
                    return Err(UrlProblem::NoHost);
                }
                let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
                if host.len() > MAX_HOST_BYTES || !host.bytes().all(known) {
                    return Err(UrlProblem::Host);
                }
                (host.to_ascii_lowercase(), port)
            }
        };
        let number =
            |text: &str| text.parse().ok().filter(|port| *port > 0 && text.bytes().all(|b| b.is_ascii_digit()));
        let port = if port.is_empty() { scheme.default_port() } else { number(port).ok_or(UrlProblem::Port)? };
        Ok(Self { scheme, host, port })
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same host at another port.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Self {
        Self { port, ..self.clone() }
    }

    /// The socket address, where the host is not a name that must be looked up.
    pub fn literal(&self) -> Option<SocketAddr> {
        self.host.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, self.port))
    }

    /// `HOST:PORT`.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.bracketed(), self.port)
    }

    /// What goes into the `Host` field: the port is left out where it is that of the scheme (RFC 9110 section 7.2).
    pub fn host_field(&self) -> String {
        if self.port == self.scheme.default_port() { self.bracketed() } else { self.authority() }
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl fmt::Display for Origin {
    /// `http://HOST:PORT`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", self.scheme.name(), self.authority())
    }
}

fn invalid(text: &str, problem: UrlProblem, advice: &'static str) -> InvalidUrl {
    let text = text.chars().filter(|character| !character.is_control()).take(MAX_SHOWN).collect();
    InvalidUrl { problem, text, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, host, port, path, host_field) in [
            ("http://127.0.0.1:3000", "127.0.0.1", 3000, "/", "127.0.0.1:3000"),
            ("http://node1/fib?number=20#x", "node1", 80, "/fib?number=20", "node1"),
            ("HTTP://[::1]:8080/", "::1", 8080, "/", "[::1]:8080"),
            ("http://localhost:80?a=b", "localhost", 80, "/?a=b", "localhost"),
            ("http://a_b.c-d:1/%20", "a_b.c-d", 1, "/%20", "a_b.c-d:1"),
            (" http://a:/x ", "a", 80, "/x", "a"),
            ("http://A.Lab/X", "a.lab", 80, "/X", "a.lab"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.origin.host(), url.origin.port(), &*url.path), (host, port, path), "{text}");
            assert_eq!(url.origin.host_field(), host_field, "{text}");
            assert_eq!(Url::parse(&url.to_string()), Ok(url), "{text}");
        }
        for (text, problem) in [
            ("https://node1/", UrlProblem::Https),
            ("node1:3000", UrlProblem::Scheme),
            ("ftp://x/", UrlProblem::Scheme),
            ("", UrlProblem::Scheme),
            ("http://", UrlProblem::NoHost),
            ("http://:80/", UrlProblem::NoHost),
            ("http://::1:80", UrlProblem::NoHost),
            ("http://a:0/", UrlProblem::Port),
            ("http://a:99999/", UrlProblem::Port),
            ("http://a:+1/", UrlProblem::Port),
            ("http://a:b:c/", UrlProblem::Port),
            ("http://[::1/", UrlProblem::Brackets),
            ("http://[zz]/", UrlProblem::Brackets),
            ("http://[::1]80/", UrlProblem::Brackets),
            ("http://a b/", UrlProblem::Character),
            ("http://a/\r\nX: y", UrlProblem::Character),
            ("http://u:p@a/", UrlProblem::UserName),
            ("http://a%b/", UrlProblem::Host),
        ] {
            let error = Url::parse(text).unwrap_err();
            assert_eq!(error.problem, problem, "{text}");
            assert!(error.to_string().contains("http://127.0.0.1:3000"), "{text}: {error}");
        }
    }

    #[test]
    fn addresses_of_a_client_that_speaks_tls() {
        for (text, scheme, port, host_field, shown) in [
            ("https://a/x", Scheme::Https, 443, "a", "https://a/x"),
            ("HTTPS://A:443/x", Scheme::Https, 443, "a", "https://a/x"),
            ("https://a:80/x", Scheme::Https, 80, "a:80", "https://a:80/x"),
            ("https://[::1]:8443?y", Scheme::Https, 8443, "[::1]:8443", "https://[::1]:8443/?y"),
            ("http://a:443/x", Scheme::Http, 443, "a:443", "http://a:443/x"),
        ] {
            let url = Url::parse_with_tls(text).unwrap();
            assert_eq!((url.origin.scheme(), url.origin.port()), (scheme, port), "{text}");
            assert_eq!((&*url.origin.host_field(), &*url.to_string()), (host_field, shown), "{text}");
            assert_eq!(Url::parse_with_tls(shown), Ok(url));
        }
        assert_ne!(
            Url::parse_with_tls("http://a:443/").unwrap().origin,
            Url::parse_with_tls("https://a/").unwrap().origin
        );
        assert_eq!(Url::parse_with_tls("ftp://a/").unwrap_err().problem, UrlProblem::Scheme);
    }

    #[test]
    fn origins() {
        for (text, shown, literal) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000", true),
            (" http://127.0.0.1:3000/ ", "http://127.0.0.1:3000", true),
            ("http://Node1.lab:3000", "http://node1.lab:3000", false),
            ("http://node-1", "http://node-1:80", false),
            ("http://[::1]:3000", "http://[::1]:3000", true),
            ("http://[::1]", "http://[::1]:80", true),
        ] {
            let origin = Origin::parse(text).unwrap();
            assert_eq!((origin.to_string().as_str(), origin.literal().is_some()), (shown, literal), "{text}");
        }
        for text in [
            "",
            "node1:3000",
            "https://node1:3000",
            "http://",
            "http://:80",
            "http://a:0",
            "http://a:x",
            "http://a:70000",
            "http://a/b",
            "http://u@a",
            "http://a b",
            "http://a?b",
            "http://a#b",
            "http://[::1",
            "http://::1:80",
            "http://a\r\nX: y",
        ] {
            let error = Origin::parse(text).unwrap_err().to_string();
            assert!(error.contains("give http://HOST:PORT") && !error.contains('\r'), "{text}: {error}");
        }
    }
}
