//! `GET /whoami`: which node answered, and what it saw of the request.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use serde_json::json;

use crate::http::{Body, Problem, Reply, Request, Response};

use super::Inner;

/// Fields whose values are never repeated, by parts of their names.
const SECRET: [&str; 7] = ["authorization", "cookie", "token", "secret", "password", "api-key", "session"];

/// An address or a block of addresses (`10.0.0.0/8`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        net.map(Network)
            .ok_or_else(|| format!("'{text}' is no address or block; write for instance 127.0.0.1 or 10.0.0.0/8"))
    }
}

impl Network {
    /// Whether an address lies in the block; an IPv4 address mapped into IPv6 counts as the former.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// What does not change from one answer to the next, as the start of a JSON object.
pub(super) struct Identity {
    machine: String,
}

impl Identity {
    pub fn new(addresses: Vec<IpAddr>) -> Identity {
        let hostname = sysinfo::System::host_name().ok();
        let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
        let machine = format!(
            "\"hostname\":{},\"pid\":{},\"addresses\":{}",
            json!(hostname),
            std::process::id(),
            json!(addresses)
        );
        Identity { machine }
    }
}

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>) -> Result<Reply, Problem> {
    if request.prefers("text/plain") {
        return Ok(Reply::Now(Response::text(&app.config.node)));
    }
    let trusted = &app.config.trusted_proxies;
    let believes = trusted.iter().any(|network| network.contains(request.peer.ip()));
    let client = if believes { forwarded_client(request, trusted) } else { request.peer.ip() };
    let scheme = believes.then(|| request.header("x-forwarded-proto")).flatten().unwrap_or("http");

    let mut body = Vec::with_capacity(512);
    let mut put = |text: &str| body.extend_from_slice(text.as_bytes());
    put("{\"node\":");
    put(&quoted(&app.config.node));
    put(",");
    put(&app.whoami.machine);
    put(",\"peer\":\"");
    put(&request.peer.to_string());
    put("\",\"client\":\"");
    put(&client.to_string());
    put("\",\"scheme\":");
    put(&quoted(scheme));
    put(",\"headers\":{");
    for (index, field) in request.headers.iter().enumerate() {
        // A name that comes again was written with all its values the first time.
        if request.headers[..index].iter().any(|before| before.name.eq_ignore_ascii_case(field.name)) {
            continue;
        }
        put(if index == 0 { "" } else { "," });
        put(&quoted(field.name));
        put(":");
        put(&quoted(&shown_value(request, field.name)));
    }
    put("}}\n");
    Ok(Reply::Now(Response::new(200, "application/json", Body::Bytes(body))))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// The values of a field, joined as RFC 9110, section 5.3 does; hidden when they could be a secret.
fn shown_value(request: &Request<'_>, name: &str) -> String {
    if SECRET.iter().any(|secret| contains_ignoring_case(name, secret)) {
        return "(hidden)".to_owned();
    }
    let values = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    values.map(|field| String::from_utf8_lossy(field.value)).collect::<Vec<_>>().join(", ")
}

fn contains_ignoring_case(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

/// The first address from the right of `X-Forwarded-For` that is not one of our proxies: what stands left of it
/// was written by the client and proves nothing.
fn forwarded_client(request: &Request<'_>, trusted: &[Network]) -> IpAddr {
    let mut client = request.peer.ip();
    let fields = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case("x-forwarded-for"));
    let chain = fields.filter_map(|field| std::str::from_utf8(field.value).ok()).collect::<Vec<_>>().join(",");
    for hop in chain.rsplit(',').map(str::trim) {
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        client = address;
        if !trusted.iter().any(|network| network.contains(address)) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

    fn client(chain: &[&str], peer: &str) -> String {
        let headers: Vec<_> =
            chain.iter().map(|value| httparse::Header { name: "X-Forwarded-For", value: value.as_bytes() }).collect();
        let peer = peer.parse().unwrap();
        let request = Request { method: Method::Get, path: "/whoami", query: "", headers: &headers, peer };
        let trusted = ["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        forwarded_client(&request, &trusted).to_string()
    }

    #[test]
    fn the_client_is_the_first_stranger_from_the_right() {
        for (chain, expected) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
            (&["203.0.113.7, 10.1.2.3"], "203.0.113.7"),
            (&["1.1.1.1", "203.0.113.7", "10.1.2.3"], "203.0.113.7"),
            (&["nonsense, 10.1.2.3"], "10.1.2.3"),
            (&["nonsense"], "127.0.0.1"),
            (&[], "127.0.0.1"),
        ] {
            assert_eq!(client(chain, "127.0.0.1:4000"), expected, "{chain:?}");
        }
    }

    #[test]
    fn networks() {
        let network: Network = "10.0.0.0/8".parse().unwrap();
        assert!(
            network.contains("10.255.0.1".parse().unwrap()) && network.contains("::ffff:10.0.0.1".parse().unwrap())
        );
        assert!(!network.contains("11.0.0.1".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<Network>().is_err() && "localhost".parse::<Network>().is_err());
    }
}
