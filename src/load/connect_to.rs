//! `--connect-to`: where connections go, whatever the address says. Only the connection is another one; the `Host` field and the
//! name that a certificate must have stay those of the address.

use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::http::url::Origin;

/// `HOST:PORT` for all addresses, or as curl's: `OF:PORT:HOST:PORT` for those of one host and port. An empty part is any, or as in
/// the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    of_host: Option<String>,
    of_port: Option<u16>,
    host: Option<String>,
    port: Option<u16>,
}

impl ConnectTo {
    /// Host and port for this origin: those of the first rule that is for it, else its own.
    pub fn place<'a>(rules: &'a [Self], origin: &'a Origin) -> (&'a str, u16) {
        let is_for = |rule: &&Self| {
            rule.of_host.as_deref().is_none_or(|host| host == origin.host())
                && rule.of_port.is_none_or(|port| port == origin.port())
        };
        let rule = rules.iter().find(is_for);
        let host = rule.and_then(|rule| rule.host.as_deref()).unwrap_or(origin.host());
        (host, rule.and_then(|rule| rule.port).unwrap_or(origin.port()))
    }
}

impl FromStr for ConnectTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = |problem: &str| format!("'{text}': {problem}; write for instance 127.0.0.1:8443 or [::1]:8443");
        let parts = parts(text).ok_or_else(|| error("a bracket is not closed"))?;
        let host = |part: &str| -> Result<Option<String>, String> {
            match part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                Some(inside) => match inside.parse::<Ipv6Addr>() {
                    Ok(address) => Ok(Some(address.to_string())),
                    Err(_) => Err(error("between brackets there must be an IPv6 address")),
                },
                None => Ok((!part.is_empty()).then(|| part.to_ascii_lowercase())),
            }
        };
        let port = |part: &str| match part {
            "" => Ok(None),
            part => match part.parse() {
                Ok(0) | Err(_) => Err(error("the port is not a number from 1 to 65535")),
                Ok(port) => Ok(Some(port)),
            },
        };
        let (of_host, of_port, to_host, to_port) = match parts[..] {
            [host, port] if !host.is_empty() && !port.is_empty() => ("", "", host, port),
            [of_host, of_port, host, port] => (of_host, of_port, host, port),
            _ => return Err(error("it is not HOST:PORT")),
        };
        Ok(Self { of_host: host(of_host)?, of_port: port(of_port)?, host: host(to_host)?, port: port(to_port)? })
    }
}

/// What stands between colons outside of brackets; `None` where a bracket is not closed.
fn parts(text: &str) -> Option<Vec<&str>> {
    let (mut parts, mut begin, mut inside) = (Vec::new(), 0, false);
    for (at, character) in text.char_indices() {
        match character {
            '[' => inside = true,
            ']' => inside = false,
            ':' if !inside => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    (!inside).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::url::Url;

    #[test]
    fn the_first_rule_for_an_origin_says_where_it_is() {
        let rules = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<ConnectTo>>();
        let cases: [(&[&str], &str, &str, u16); 8] = [
            (&[], "https://a/", "a", 443),
            (&["127.0.0.1:8443"], "https://a/", "127.0.0.1", 8443),
            (&["[::1]:1"], "http://a/", "::1", 1),
            (&["B:1"], "http://a/", "b", 1),
            (&["a:443:b:1", "c:2"], "https://a/", "b", 1),
            (&["a:443:b:1", "c:2"], "http://a/", "c", 2),
            (&["::b:"], "http://a:7/", "b", 7),
            (&["[::1]:80::9"], "http://[::1]/", "::1", 9),
        ];
        for (texts, url, host, port) in cases {
            let origin = Url::parse_with_tls(url).unwrap().origin;
            assert_eq!(ConnectTo::place(&rules(texts), &origin), (host, port), "{texts:?} {url}");
        }
        for (text, says) in [
            ("", "not HOST:PORT"),
            ("a", "not HOST:PORT"),
            ("a:", "not HOST:PORT"),
            (":1", "not HOST:PORT"),
            ("a:0", "the port"),
            ("a:x", "the port"),
            ("a:b:c", "not HOST:PORT"),
            ("::1:80:", "not HOST:PORT"),
            ("a::b:0", "the port"),
            ("[::1:80", "not closed"),
            ("[zz]:80", "IPv6"),
        ] {
            let error = text.parse::<ConnectTo>().unwrap_err();
            assert!(error.contains(says) && error.contains("127.0.0.1:8443"), "{text}: {error}");
        }
    }
}
