//! Where the load goes: addresses with their weights, as plain data.

use std::net::{IpAddr, Ipv6Addr};

use anyhow::{Context, bail, ensure};

/// An `http://` address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port, 80 where the address names none.
    pub port: u16,
    /// Path and query, as they go on the request line; starts with `/`.
    pub path: String,
}

impl Url {
    /// Parses `http://host[:port][/path][?query]`; a fragment is dropped.
    ///
    /// # Errors
    /// When the scheme is not `http`, or a part is missing or malformed. The text says what to write instead.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        if text.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
            bail!(
                "'{text}': the load generator speaks plain HTTP only; TLS ends at the balancer. Load the http:// address \
                 behind it (the node or the balancer's plain port), so that TLS is not what is measured"
            );
        }
        let rest = match text.get(..7) {
            Some(scheme) if scheme.eq_ignore_ascii_case("http://") => &text[7..],
            _ => bail!("'{text}' is no address; write for instance http://127.0.0.1:3000/fib?number=20"),
        };
        ensure!(
            rest.bytes().all(|byte| byte.is_ascii_graphic()),
            "'{text}' holds a space, a control or a non-ASCII character; percent-encode it (a space is %20)"
        );
        let rest = rest.split('#').next().unwrap_or(rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        ensure!(!authority.contains('@'), "'{text}': user names in an address are not supported; use --header");
        let (host, port) = split_authority(authority).with_context(|| format!("'{text}' is no address"))?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { host, port, path })
    }

    /// What goes into the `Host` header: the port is left out when it is 80.
    pub fn authority(&self) -> String {
        let host = match self.host.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => self.host.clone(),
        };
        if self.port == 80 { host } else { format!("{host}:{}", self.port) }
    }

    /// The whole address, normalised.
    pub fn text(&self) -> String {
        format!("http://{}{}", self.authority(), self.path)
    }
}

fn split_authority(authority: &str) -> anyhow::Result<(String, u16)> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').context("the bracket of the IPv6 address is not closed")?;
        host.parse::<Ipv6Addr>().context("between the brackets must stand an IPv6 address")?;
        ensure!(port.is_empty() || port.starts_with(':'), "after the bracket comes a colon and the port");
        (host, port.strip_prefix(':'))
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    ensure!(!host.is_empty(), "the host is missing");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    ensure!(host.parse::<IpAddr>().is_ok() || host.bytes().all(plain), "'{host}' is no host name");
    let port = match port {
        None | Some("") => 80,
        Some(text) => text.parse().ok().filter(|port| *port > 0).with_context(|| format!("'{text}' is no port"))?,
    };
    Ok((host.to_owned(), port))
}

/// One address of the mix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// How often it is asked, relative to the others; at least 1.
    pub weight: u32,
    /// What is asked.
    pub url: Url,
}

/// Largest weight of one address: the pattern of a mix is held in memory.
const MAX_WEIGHT: u32 = 10_000;

/// Parses a mix such as `http://127.0.0.1:3000/whoami 3:/fib?number=20`: each address may carry a weight and a colon
/// in front (1 when absent), and one that is only a path is on the host of the address before it.
///
/// # Errors
/// When the list is empty, or an address or a weight is malformed.
pub fn parse_mix<T: AsRef<str>>(texts: &[T]) -> anyhow::Result<Vec<Target>> {
    ensure!(!texts.is_empty(), "give at least one address, for instance http://127.0.0.1:3000/fib?number=20");
    let mut targets: Vec<Target> = Vec::with_capacity(texts.len());
    for text in texts {
        let (weight, address) = split_weight(text.as_ref())?;
        let url = if address.starts_with('/') {
            let before = targets.last().with_context(|| {
                format!("'{address}' is only a path; the first address must be whole: http://HOST:PORT{address}")
            })?;
            Url::parse(&format!("http://{}{address}", before.url.authority()))?
        } else {
            Url::parse(address)?
        };
        targets.push(Target { weight, url });
    }
    Ok(targets)
}

fn split_weight(text: &str) -> anyhow::Result<(u32, &str)> {
    match text.split_once(':') {
        Some((weight, address)) if !weight.is_empty() && weight.bytes().all(|byte| byte.is_ascii_digit()) => {
            let weight = weight
                .parse()
                .ok()
                .filter(|weight| (1..=MAX_WEIGHT).contains(weight))
                .with_context(|| format!("'{text}': the weight must be between 1 and {MAX_WEIGHT}"))?;
            Ok((weight, address))
        }
        _ => Ok((1, text)),
    }
}

/// The order in which the addresses of a mix are asked: each `weight` times a round, spread as evenly as can be
/// (the smooth weighted round robin that balancers use). Returns indices into `targets`.
pub fn pattern(targets: &[Target]) -> Vec<u16> {
    let divisor = targets.iter().fold(0, |divisor, target| greatest_common_divisor(divisor, target.weight)).max(1);
    let weights: Vec<i64> = targets.iter().map(|target| i64::from(target.weight / divisor)).collect();
    let total: i64 = weights.iter().sum();
    let mut credit = vec![0i64; weights.len()];
    (0..total)
        .map(|_| {
            credit.iter_mut().zip(&weights).for_each(|(credit, weight)| *credit += weight);
            let best = (0..credit.len()).rev().max_by_key(|index| credit[*index]).unwrap_or(0);
            credit[best] -= total;
            best as u16
        })
        .collect()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, host, port, path, authority) in [
            ("http://127.0.0.1:3000", "127.0.0.1", 3000, "/", "127.0.0.1:3000"),
            ("http://node1/fib?number=20#x", "node1", 80, "/fib?number=20", "node1"),
            ("HTTP://[::1]:8080/", "::1", 8080, "/", "[::1]:8080"),
            ("http://localhost:80?a=b", "localhost", 80, "/?a=b", "localhost"),
            ("http://a_b.c-d:1/%20", "a_b.c-d", 1, "/%20", "a_b.c-d:1"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((&*url.host, url.port, &*url.path), (host, port, path), "{text}");
            assert_eq!(url.authority(), authority, "{text}");
        }
        for (text, says) in [
            ("https://node1/", "balancer"),
            ("node1:3000", "http://127.0.0.1:3000"),
            ("ftp://x/", "no address"),
            ("http://", "host is missing"),
            ("http://:80/", "host is missing"),
            ("http://a:0/", "no port"),
            ("http://a:99999/", "no port"),
            ("http://a:b:c/", "no port"),
            ("http://[::1/", "bracket"),
            ("http://[zz]/", "IPv6"),
            ("http://a b/", "percent-encode"),
            ("http://a/\r\nX: y", "percent-encode"),
            ("http://u:p@a/", "--header"),
            ("http://a%b/", "host name"),
            ("", "no address"),
        ] {
            let error = format!("{:#}", Url::parse(text).unwrap_err());
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn mixes() {
        let mix = parse_mix(&["3:http://a:1/fib?number=20", "1:/whoami", "/x", "http://b/"]).unwrap();
        let flat: Vec<_> = mix.iter().map(|target| (target.weight, target.url.text())).collect();
        let expected =
            [(3, "http://a:1/fib?number=20"), (1, "http://a:1/whoami"), (1, "http://a:1/x"), (1, "http://b/")];
        assert_eq!(flat, expected.map(|(weight, text)| (weight, text.to_owned())));
        for bad in [vec![], vec!["/x"], vec!["0:http://a/"], vec!["99999:http://a/"], vec!["http://a/", "2:"]] {
            assert!(parse_mix(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn patterns_are_exact_and_spread() {
        let of = |weights: &[u32]| {
            let url = Url::parse("http://a/").unwrap();
            pattern(&weights.iter().map(|weight| Target { weight: *weight, url: url.clone() }).collect::<Vec<_>>())
        };
        assert_eq!(of(&[1]), [0]);
        assert_eq!(of(&[5]), [0]);
        assert_eq!(of(&[1, 1, 1]), [0, 1, 2]);
        assert_eq!(of(&[3, 1]), [0, 0, 1, 0]);
        assert_eq!(of(&[30, 10]), [0, 0, 1, 0]);
        assert_eq!(of(&[5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
    }
}
