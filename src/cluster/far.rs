//! A cluster that is far from its clients, and a cache near them: what was asked for, and what that takes. No I/O.
//!
//! ```text
//! client -> relay (the way) -> balancer -> nodes              --origin-delay 40ms
//! client -> edge (a cache)  -> relay -> balancer -> nodes     --origin-delay 40ms --edge nginx --edge-cache 60s
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::stop::Stop;
use crate::results::balancer::BalancerKind;

/// The name of the relay among the services.
pub const RELAY: &str = "relay1";
/// The name of the cache near the clients.
pub const EDGE: &str = "edge1";

/// One way, of which a health check takes four; HAProxy waits two seconds for it.
const HAPROXY_FARTHEST: Duration = Duration::from_millis(400);

/// What `up` was asked for; `None` is what was not said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct FarRequest {
    /// One way.
    pub delay: Option<Duration>,
    pub edge: Option<BalancerKind>,
}

/// How far clients are, and what is near them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Far {
    /// One way from the clients to the balancer.
    pub delay: Duration,
    /// Where the relay listens, on 127.0.0.1; 0 until it is chosen.
    pub port: u16,
    /// `None`: nothing is near the clients.
    pub edge: Option<EdgeSettings>,
}

/// A second balancer that keeps answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeSettings {
    /// Which one.
    pub kind: BalancerKind,
    /// Where clients connect, on 127.0.0.1; 0 until it is chosen.
    pub port: u16,
    /// Where its own figures are; 0 until it is chosen.
    pub stats_port: u16,
}

impl FarRequest {
    /// What comes of it, with what else was said that matters here: `bare` is a cluster without a balancer.
    ///
    /// # Errors
    /// [`Stop::Usage`] when the request contradicts itself.
    pub fn settle(self, bare: bool, edge_cache: Option<u32>, others: &[(&str, bool)]) -> Result<Option<Far>, Stop> {
        let Some(delay) = self.delay else {
            return match self.edge {
                Some(_) => Err(Stop::usage("--edge is near the clients of a far balancer: it needs --origin-delay")),
                None => Ok(None),
            };
        };
        if bare {
            return Err(Stop::usage("it is the balancer that is far: --origin-delay needs --behind-balancer here"));
        }
        if self.edge.is_some() && edge_cache.is_none() {
            return Err(Stop::usage(
                "--edge keeps answers: say for how long with --edge-cache, such as --edge-cache 60s",
            ));
        }
        if self.edge == Some(BalancerKind::Haproxy) && delay > HAPROXY_FARTHEST {
            return Err(Stop::usage(
                "a health check of HAProxy near the clients would not be back in time from a balancer that is more than 400ms away: \
                 --edge nginx has none",
            ));
        }
        // The relay knows nothing of TLS, and to the balancer all clients behind it are one.
        if let Some((flag, _)) = others.iter().find(|(_, said)| *said) {
            return Err(Stop::usage(format!("--{flag} and --origin-delay cannot be had together")));
        }
        let edge = self.edge.map(|kind| EdgeSettings { kind, port: 0, stats_port: 0 });
        Ok(Some(Far { delay, port: 0, edge }))
    }

    /// Flags with what is asked and what there is, for the comparison with a cluster that is up.
    pub fn against(self, far: Option<Far>) -> [(&'static str, Option<String>, Option<String>); 2] {
        let time = |delay: Duration| humantime::format_duration(delay).to_string();
        let name = |kind: BalancerKind| kind.name().to_owned();
        [
            ("origin-delay", self.delay.map(time), far.map(|far| time(far.delay))),
            ("edge", self.edge.map(name), far.and_then(|far| far.edge).map(|edge| name(edge.kind))),
        ]
    }
}

impl Far {
    /// Its ports, to fill in.
    pub fn ports_mut(&mut self) -> impl Iterator<Item = &mut u16> {
        let edge = self.edge.iter_mut().flat_map(|edge| [&mut edge.port, &mut edge.stats_port]);
        std::iter::once(&mut self.port).chain(edge)
    }

    /// Its ports.
    pub fn ports(mut self) -> Vec<u16> {
        self.ports_mut().map(|port| *port).collect()
    }

    /// Where the relay listens.
    pub fn relay(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where clients ask.
    pub fn nearest(&self) -> String {
        self.edge.map_or_else(|| self.relay(), |edge| format!("127.0.0.1:{}", edge.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_needs_a_way_and_a_time() {
        let delay = Some(Duration::from_millis(40));
        let edge = Some(BalancerKind::Nginx);
        for (request, bare, cache, tls, said) in [
            (FarRequest::default(), false, None, true, None),
            (FarRequest { delay, edge: None }, false, None, false, None),
            (FarRequest { delay, edge }, false, Some(60), false, None),
            (FarRequest { delay: None, edge }, false, Some(60), false, Some("--origin-delay")),
            (FarRequest { delay, edge }, false, None, false, Some("--edge-cache 60s")),
            (FarRequest { delay, edge: None }, true, None, false, Some("--behind-balancer")),
            (
                FarRequest { delay: Some(Duration::from_millis(401)), edge: Some(BalancerKind::Haproxy) },
                false,
                Some(60),
                false,
                Some("--edge nginx"),
            ),
            (FarRequest { delay, edge: None }, false, None, true, Some("--tls and --origin-delay")),
        ] {
            match (request.settle(bare, cache, &[("tls", tls)]), said) {
                (Ok(far), None) => assert_eq!(far.map(|far| far.delay), request.delay),
                (Err(stop), Some(said)) => assert!(stop.to_string().contains(said), "{stop}"),
                (other, said) => panic!("{other:?}, not {said:?}"),
            }
        }
    }

    #[test]
    fn clients_ask_what_is_nearest() {
        let mut far = Far { delay: Duration::from_millis(1), port: 0, edge: None };
        far.ports_mut().zip(7..).for_each(|(port, number)| *port = number);
        assert_eq!((far.nearest(), far.ports()), ("127.0.0.1:7".to_owned(), vec![7]));
        far.edge = Some(EdgeSettings { kind: BalancerKind::Haproxy, port: 8, stats_port: 9 });
        assert_eq!((far.nearest(), far.ports()), ("127.0.0.1:8".to_owned(), vec![7, 8, 9]));
        let [(_, asked, has), (_, edge, _)] = FarRequest { delay: Some(far.delay), edge: None }.against(Some(far));
        assert_eq!((asked.as_deref(), has.as_deref(), edge), (Some("1ms"), Some("1ms"), None));
    }
}
