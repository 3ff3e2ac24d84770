//! Where the load goes: addresses with their weights, as plain data.

use anyhow::{Context, bail, ensure};

use crate::http::url::{Url, UrlProblem};

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
            address_of(&format!("http://{}{address}", before.url.origin.host_field()))?
        } else {
            address_of(address)?
        };
        targets.push(Target { weight, url });
    }
    Ok(targets)
}

fn address_of(text: &str) -> anyhow::Result<Url> {
    match Url::parse(text) {
        Ok(url) => Ok(url),
        Err(error) if error.problem == UrlProblem::Https => bail!(
            "'{text}': the load generator speaks plain HTTP only; TLS ends at the balancer. Load the http:// address \
             behind it (the node or the balancer's plain port), so that TLS is not what is measured"
        ),
        Err(error) if error.problem == UrlProblem::UserName => bail!("{error} (a user is named by --header)"),
        Err(error) => Err(error.into()),
    }
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
    fn refused_addresses() {
        for (text, says) in [
            ("https://node1/", "balancer"),
            ("node1:3000", "http://127.0.0.1:3000"),
            ("ftp://x/", "not an address"),
            ("http://", "host is missing"),
            ("http://a:0/", "the port is not a number"),
            ("http://[::1/", "brackets"),
            ("http://a b/", "percent-encode"),
            ("http://u:p@a/", "--header"),
            ("http://a%b/", "host name"),
            ("", "not an address"),
        ] {
            let error = format!("{:#}", parse_mix(&[text]).unwrap_err());
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn mixes() {
        let mix = parse_mix(&["3:http://a:1/fib?number=20", "1:/whoami", "/x", "http://b/"]).unwrap();
        let flat: Vec<_> = mix.iter().map(|target| (target.weight, target.url.to_string())).collect();
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
