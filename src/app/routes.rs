//! The route table, and what is counted for every route.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::http::{Method, Peer, Problem, Reply, Request, Response};
use crate::recent::Recent;
use crate::stats::EndpointReading;

use super::access::Entry;
use super::{Inner, cluster, fib, health, io, memory, page, payload, primes, sleep, stats, whoami};

/// Answers a request or refuses it.
type Handler = fn(&Arc<Inner>, &Request<'_>) -> Result<Reply, Problem>;

struct Route {
    path: &'static str,
    handler: Handler,
}

/// Every address takes the same methods.
const ALLOW: &str = "GET, HEAD, OPTIONS";

const ROUTES: &[Route] = &[
    Route { path: "/", handler: page::handle },
    Route { path: "/fib", handler: fib::handle },
    Route { path: "/primes", handler: primes::handle },
    Route { path: "/sleep", handler: sleep::handle },
    Route { path: "/io", handler: io::handle },
    Route { path: "/memory", handler: memory::handle },
    Route { path: "/payload", handler: payload::handle },
    Route { path: "/whoami", handler: whoami::handle },
    Route { path: "/stats", handler: stats::json },
    Route { path: "/cluster", handler: cluster::handle },
    Route { path: "/metrics", handler: stats::metrics },
    Route { path: "/healthz", handler: health::alive },
    Route { path: "/readyz", handler: health::ready },
    // All files of the page are counted as one.
    Route { path: page::FOLDER, handler: page::handle_asset },
];

/// The addresses, as a 404 names them.
pub const ADDRESSES: &str =
    "/ /fib /primes /sleep /io /memory /payload /whoami /stats /cluster /metrics /healthz /readyz";

/// Finds the route, runs its handler, and sees to it that the answer is counted and logged.
pub(super) fn call(app: &Arc<Inner>, request: &Request<'_>) -> Reply {
    let start = Instant::now();
    let entry = app.config.access_log.then(|| Entry::new(request));
    let path = if page::is_asset(request.path) { page::FOLDER } else { request.path };
    let index = ROUTES.iter().position(|route| route.path == path);
    let result = match (index, request.method) {
        (None, Method::Options) if request.path == "*" => Ok(Reply::Now(options())),
        (None, _) => Err(Problem::new(404, format!("no such address here; there are {ADDRESSES}"))),
        (Some(index), Method::Get | Method::Head) => (ROUTES[index].handler)(app, request),
        (Some(_), Method::Options) => Ok(Reply::Now(options())),
        (Some(_), _) => Err(Problem::new(405, format!("this address takes {ALLOW} only")).header("Allow", ALLOW)),
    };
    match result.unwrap_or_else(|problem| Reply::Now(problem.into())) {
        Reply::Now(response) => {
            app.finish(index, start, &response, entry);
            Reply::Now(response)
        }
        Reply::Later(work) => {
            let app = app.clone();
            Reply::Later(Box::new(move |peer: &Peer| {
                let response = work(peer);
                app.finish(index, start, &response, entry);
                response
            }))
        }
    }
}

fn options() -> Response {
    let mut response = Response::new(204, "", crate::http::Body::Static(b""));
    response.headers.push(("Allow", ALLOW.into()));
    response
}

impl Inner {
    fn finish(&self, index: Option<usize>, start: Instant, response: &Response, entry: Option<Entry>) {
        let now = Instant::now();
        let took = now.saturating_duration_since(start);
        self.recorder.record(index, took, now, response.status);
        if let Some(entry) = entry {
            entry.log(response, took);
        }
    }
}

/// Counts and times the answers of every route.
pub struct Recorder {
    routes: Vec<Counted>,
    /// Answers to addresses that do not exist.
    unknown: AtomicU64,
}

#[derive(Default)]
struct Counted {
    count: AtomicU64,
    errors: AtomicU64,
    recent: Recent,
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder { routes: ROUTES.iter().map(|_| Counted::default()).collect(), unknown: AtomicU64::new(0) }
    }
}

impl Recorder {
    fn record(&self, index: Option<usize>, took: Duration, now: Instant, status: u16) {
        let Some(counted) = index.and_then(|index| self.routes.get(index)) else {
            self.unknown.fetch_add(1, Ordering::Relaxed);
            return;
        };
        counted.count.fetch_add(1, Ordering::Relaxed);
        if status >= 400 {
            // A refusal is quick; among the answers it would make them look quicker than they are.
            counted.errors.fetch_add(1, Ordering::Relaxed);
        } else {
            counted.recent.record(took, now);
        }
    }

    pub(super) fn total(&self) -> u64 {
        let counted: u64 = self.routes.iter().map(|counted| counted.count.load(Ordering::Relaxed)).sum();
        counted + self.unknown.load(Ordering::Relaxed)
    }

    pub(super) fn endpoints(&self) -> Vec<EndpointReading> {
        let now = Instant::now();
        let reading = |(route, counted): (&Route, &Counted)| {
            let [p50, p90, p99] = counted.recent.quantiles([0.5, 0.9, 0.99], now);
            EndpointReading {
                path: route.path,
                count: counted.count.load(Ordering::Relaxed),
                errors: counted.errors.load(Ordering::Relaxed),
                p50,
                p90,
                p99,
            }
        };
        ROUTES.iter().zip(&self.routes).map(reading).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_404_names_every_address() {
        let named: Vec<&str> = ADDRESSES.split(' ').collect();
        let routes: Vec<&str> = ROUTES.iter().map(|route| route.path).filter(|path| *path != page::FOLDER).collect();
        assert_eq!(named, routes);
    }
}
