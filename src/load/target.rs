//! Where the load goes: addresses with their weights, as plain data.

use anyhow::{Context, bail, ensure};

use crate::http::url::{Url, UrlProblem};
use crate::results::keys::{Piece, Template};
use crate::results::work::WeightedRequest;

/// One address of the mix.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadTarget {
    /// How often it is asked, relative to the others; at least 1.
    pub weight: u32,
    /// `GET`, or another method.
    pub method: String,
    /// What is asked, as it was written: with the keys in its path.
    pub url: Url,
    /// The path of `url`, taken apart.
    pub path: Template,
    /// What is sent along.
    pub body: Option<Template>,
}

/// Largest weight of one address: the pattern of a mix is held in memory.
const MAX_WEIGHT: u32 = 10_000;

/// Parses a mix such as `http://127.0.0.1:3000/whoami 3:/fib?number=20`: each address may carry a weight and a colon
/// in front (1 when absent), and one that is only a path is on the host of the address before it.
///
/// # Errors
/// When the list is empty, or an address or a weight is malformed.
pub fn parse_mix<T: AsRef<str>>(texts: &[T]) -> anyhow::Result<Vec<LoadTarget>> {
    parse_mix_with(texts, &[])
}

/// The same, with columns of a table in their paths.
///
/// # Errors
/// As [`parse_mix`].
pub fn parse_mix_with<T: AsRef<str>>(texts: &[T], columns: &[String]) -> anyhow::Result<Vec<LoadTarget>> {
    ensure!(!texts.is_empty(), "give at least one address, for instance http://127.0.0.1:3000/fib?number=20");
    let mut targets: Vec<LoadTarget> = Vec::with_capacity(texts.len());
    for text in texts {
        let (weight, address) = split_weight(text.as_ref())?;
        let url = if address.starts_with('/') {
            let before = targets.last().with_context(|| {
                format!("'{address}' is only a path; the first address must be whole: http://HOST:PORT{address}")
            })?;
            before.url.with_path(address).to_string()
        } else {
            address.to_owned()
        };
        targets.push(LoadTarget::get(weight, &url, columns)?);
    }
    Ok(targets)
}

impl LoadTarget {
    /// A GET of an address, which may have keys and columns of a table in its path.
    ///
    /// # Errors
    /// When the address or a key is malformed.
    pub fn get(weight: u32, text: &str, columns: &[String]) -> anyhow::Result<Self> {
        let (address, template) = apart(text.trim(), columns)?;
        let mut url = address_of(&address)?;
        let path = match template {
            None => Template::parse(&url.path)?,
            Some(path) => {
                let template = Template::parse_with(&path, columns)?;
                url.path = path;
                template
            }
        };
        Ok(Self { weight, method: "GET".to_owned(), url, path, body: None })
    }
}

/// An address whose keys are all 0, and its path with the keys, if there are any: a key holds a space, which an address may not.
fn apart(text: &str, columns: &[String]) -> anyhow::Result<(String, Option<String>)> {
    if !text.contains(['{', '}']) {
        return Ok((text.to_owned(), None));
    }
    let after_scheme = text.find("://").map_or(0, |at| at + "://".len());
    let authority = text[after_scheme..].find(['/', '?', '#']).map_or(text.len(), |at| after_scheme + at);
    ensure!(
        !text[..authority].contains(['{', '}']),
        "'{text}': keys can stand in the path and the query alone, not in the host"
    );
    let path = text[authority..].split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let fixed = Template::parse_with(&path, columns)?.pieces.into_iter().map(|piece| match piece {
        Piece::Text(text) => text,
        Piece::Bytes(_) | Piece::Key(_) | Piece::Column { .. } => "0".to_owned(),
    });
    Ok((format!("{}{}", &text[..authority], fixed.collect::<String>()), Some(path)))
}

fn address_of(text: &str) -> anyhow::Result<Url> {
    match Url::parse_with_tls(text) {
        Ok(url) => Ok(url),
        Err(error) if error.problem == UrlProblem::UserName => bail!("{error} (a user is named by --header)"),
        Err(error) => Err(error.into()),
    }
}

/// The requests of a file, all to the one address that `texts` gives; what stands behind its host goes before each path.
///
/// # Errors
/// When there is not one address, it has a weight or a query, or a request makes no address with it.
pub fn targets_of<T: AsRef<str>>(
    texts: &[T],
    work: &[WeightedRequest],
    columns: &[String],
) -> anyhow::Result<Vec<LoadTarget>> {
    let [base] = texts else { bail!("the requests of a file go to one address; give http://HOST:PORT alone") };
    let base = base.as_ref().trim();
    let origin = address_of(base)?;
    ensure!(
        !base.contains(['?', '#', '{']),
        "'{base}': the requests of a file bring their own queries; give http://HOST:PORT alone"
    );
    let before = origin.to_string();
    let target = |request: &WeightedRequest| {
        let address = format!("{}{}", before.trim_end_matches('/'), request.path);
        let target = LoadTarget::get(request.weight, &address, columns)?;
        let body = request.body.as_deref().map(|body| Template::parse_body_with(body, columns)).transpose()?;
        Ok(LoadTarget { method: request.method.clone(), body, ..target })
    };
    work.iter().map(target).collect()
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
pub fn pattern(targets: &[LoadTarget]) -> Vec<u16> {
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
            ("node1:3000", "http://127.0.0.1:3000"),
            ("ftp://x/", "not an address"),
            ("http://", "host is missing"),
            ("http://a:0/", "the port is not a number"),
            ("http://[::1/", "brackets"),
            ("http://a b/", "percent-encode"),
            ("http://u:p@a/", "--header"),
            ("http://a%b/", "host name"),
            ("", "not an address"),
            ("http://a/{id}", "write {uniform 1..1000}"),
            ("http://a/{uniform 1..10", "not closed"),
            ("http://a/{zipf 1..10}", "needs an exponent"),
            ("http://a/}x", "not a key"),
            ("http://a{uniform 1..2}/", "not in the host"),
            ("http://a/x y?id={uniform 1..2}", "percent-encode"),
        ] {
            let error = format!("{:#}", parse_mix(&[text]).unwrap_err());
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn mixes() {
        let mix = parse_mix(&["3:http://a:1/fib?number=20", "1:/whoami", "/x", "2:https://b/", "/y?z"]).unwrap();
        let flat: Vec<_> = mix.iter().map(|target| (target.weight, target.url.to_string())).collect();
        let expected = [
            (3, "http://a:1/fib?number=20"),
            (1, "http://a:1/whoami"),
            (1, "http://a:1/x"),
            (2, "https://b/"),
            (1, "https://b/y?z"),
        ];
        assert_eq!(flat, expected.map(|(weight, text)| (weight, text.to_owned())));
        for bad in [vec![], vec!["/x"], vec!["0:http://a/"], vec!["99999:http://a/"], vec!["http://a/", "2:"]] {
            assert!(parse_mix(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn keys_in_addresses() {
        let mix =
            parse_mix(&["2:http://a:1/x?id={zipf 1..10 0.99}#f", "/y/{uniform 0..9}", "http://b?i={uniform 0..9}"]);
        let flat: Vec<_> = mix.unwrap().iter().map(|t| (t.weight, t.url.to_string(), t.path.is_constant())).collect();
        let expected = [
            (2, "http://a:1/x?id={zipf 1..10 0.99}", false),
            (1, "http://a:1/y/{uniform 0..9}", false),
            (1, "http://b/?i={uniform 0..9}", false),
        ];
        assert_eq!(flat, expected.map(|(weight, text, constant)| (weight, text.to_owned(), constant)));
    }

    #[test]
    fn patterns_are_exact_and_spread() {
        let of = |weights: &[u32]| {
            pattern(
                &weights.iter().map(|weight| LoadTarget::get(*weight, "http://a/", &[]).unwrap()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(of(&[1]), [0]);
        assert_eq!(of(&[5]), [0]);
        assert_eq!(of(&[1, 1, 1]), [0, 1, 2]);
        assert_eq!(of(&[3, 1]), [0, 0, 1, 0]);
        assert_eq!(of(&[30, 10]), [0, 0, 1, 0]);
        assert_eq!(of(&[5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
    }
}
