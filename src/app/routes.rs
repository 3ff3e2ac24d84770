//! The route table, and how a request finds its handler.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use crate::http::{Body, Method, Peer, Problem, Reply, Request, Response};
use crate::stats::EndpointKind;

use super::access::AccessEntry;
use super::format::Format::{self, Bytes, Html, Json, Metrics, Protobuf, Text};
use super::{
    Inner, cluster, fib, health, io, item, items, login, memory, page, payload, primes, rows, session, sleep, stats,
    whoami,
};

/// Answers a request, in the format that suits the client best, or refuses it. Called before the body is read: a handler
/// that needs it gives [`Reply::WithBody`].
type Handler = fn(&Arc<Inner>, &Request<'_>, Format) -> Result<Reply, Problem>;

/// An address of the application.
pub struct Route {
    /// The path. One that ends in a slash stands for everything below it, except `/` itself.
    pub path: &'static str,
    /// What the address is for; `/stats` shows it.
    pub kind: EndpointKind,
    /// What can be done with it, by method. `HEAD` comes with `GET`, and every address answers `OPTIONS`.
    pub actions: &'static [Action],
}

/// A method of an address.
pub struct Action {
    /// The method.
    pub method: Method,
    /// The query as the documentation writes it, such as `?number=N`.
    pub parameters: &'static str,
    /// What it answers in, the usual one first; empty where that depends on more than the address.
    pub formats: &'static [Format],
    /// What it answers: the text of the table in the README and of `webapp serve --help`.
    pub summary: &'static str,
    handler: Handler,
}

const fn get(parameters: &'static str, formats: &'static [Format], handler: Handler, summary: &'static str) -> Action {
    Action { method: Method::Get, parameters, formats, summary, handler }
}

const fn put(parameters: &'static str, formats: &'static [Format], handler: Handler, summary: &'static str) -> Action {
    Action { method: Method::Put, parameters, formats, summary, handler }
}

const fn post(formats: &'static [Format], handler: Handler, summary: &'static str) -> Action {
    Action { method: Method::Post, parameters: "", formats, summary, handler }
}

const fn demo(path: &'static str, actions: &'static [Action]) -> Route {
    Route { path, kind: EndpointKind::Demo, actions }
}

const fn monitoring(path: &'static str, actions: &'static [Action]) -> Route {
    Route { path, kind: EndpointKind::Monitoring, actions }
}

const fn page(path: &'static str, actions: &'static [Action]) -> Route {
    Route { path, kind: EndpointKind::Page, actions }
}

/// Every address. The README's table, the list in a 404 and the one in `webapp serve --help` follow it.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    page("/", &[get("", &[Html], page::handle, "the live page: this node, or the whole cluster")]),
    demo("/fib", &[get("?number=N", &[Json, Text], fib::handle, "the Nth Fibonacci number by naive recursion: burns CPU; `&algorithm=fast` by addition: hardly any")]),
    demo("/primes", &[get("?cant=N", &[Json, Text], primes::handle, "the first N primes by trial division: how many, and the last")]),
    demo("/sleep", &[get("?min=M&seg=S", &[Json, Text], sleep::handle, "answers after M minutes and S seconds; `&model=sync` or `async` for one request")]),
    demo("/io", &[get("?mb=N", &[Json, Text], io::handle, "writes N MB, syncs, reads them back from the disk: makes I/O wait")]),
    demo("/memory", &[get("?mb=N&seg=S", &[Json, Text], memory::handle, "holds N MB for S seconds")]),
    demo("/payload", &[get("?kb=N", &[Bytes], payload::handle, "N kB of body")]),
    demo("/rows", &[get("?cant=N", &[Json, Protobuf], rows::handle, "N rows in JSON, or in protobuf (`Accept: application/x-protobuf`); compressed by `Accept-Encoding: gzip`")]),
    demo("/item", &[
        get("?id=N", &[Json, Text], item::get, "one row of the store (`--store`)"),
        put("?id=N", &[Json, Text], item::put, "writes it (body: the value, 1 kB at most); answers the new version"),
    ]),
    demo("/items", &[get("?tag=N&index=yes", &[Json, Text], items::handle, "the rows with that tag by an index, or by a scan (`index=no`): what an index is worth")]),
    demo("/session", &[get("", &[Json, Text], session::handle, "this user's counter, one higher each time; kept in the node, in a store or in a signed token (`--sessions`)")]),
    demo("/login", &[post(&[Json, Text], login::login, "a session for a user of `--users FILE` (body: `name=NAME&password=PASSWORD`, or JSON)")]),
    demo("/logout", &[post(&[Json, Text], login::logout, "ends that session")]),
    demo("/whoami", &[get("", &[Json, Text], whoami::handle, "which node answered, and what it saw of the request")]),
    monitoring("/stats", &[get("", &[Json, Html], stats::json, "CPU, quota, memory, pressure, disks, network, pool, requests, and what binds now; a browser gets the live page")]),
    monitoring("/cluster", &[get("", &[Json], cluster::handle, "`/stats` of this node and of its peers (`--peers`), asked by the node itself")]),
    monitoring("/metrics", &[get("", &[Metrics], stats::metrics, "the same as `/stats`, for Prometheus")]),
    monitoring("/healthz", &[get("", &[Text, Json], health::alive, "alive")]),
    monitoring("/readyz", &[get("", &[Text, Json], health::ready, "ready to take traffic (503 while draining)")]),
    // All files of the page are counted as one.
    page(page::FOLDER, &[get("", &[], page::handle_asset, "the files of the live page")]),
];

/// The addresses that people call, as a 404 names them.
static ADDRESSES: LazyLock<String> = LazyLock::new(|| {
    ROUTES.iter().map(|route| route.path).filter(|path| *path != page::FOLDER).collect::<Vec<_>>().join(" ")
});

/// The value of `Allow`, by route; and that of the server as a whole.
static ALLOW: LazyLock<(Vec<String>, String)> = LazyLock::new(|| {
    let by_route = ROUTES.iter().map(|route| allow(route.actions.iter())).collect();
    (by_route, allow(ROUTES.iter().flat_map(|route| route.actions)))
});

fn allow(actions: impl Iterator<Item = &'static Action>) -> String {
    let mut methods: Vec<&str> = Vec::new();
    for action in actions {
        let more: &[&str] = if action.method == Method::Get { &["GET", "HEAD"] } else { &[action.method.name()] };
        methods.extend(more.iter().filter(|method| !methods.contains(method)).copied().collect::<Vec<_>>());
    }
    methods.push("OPTIONS");
    methods.join(", ")
}

/// Every method of every address that people call, with its summary: `GET /fib?number=N`, `the Nth …`.
pub fn addresses() -> impl Iterator<Item = (String, &'static str)> {
    ROUTES.iter().filter(|route| route.path != page::FOLDER).flat_map(|route| {
        let line = |action: &Action| format!("{} {}{}", action.method.name(), route.path, action.parameters);
        route.actions.iter().map(move |action| (line(action), action.summary))
    })
}

/// Finds the route, runs its handler, and sees to it that the answer is counted and logged.
pub(super) fn call(app: &Arc<Inner>, request: &Request<'_>) -> Reply {
    let path = if page::is_asset(request.path) { page::FOLDER } else { request.path };
    let index = ROUTES.iter().position(|route| route.path == path);
    let mut end = Completion {
        index,
        varies: false,
        start: Instant::now(),
        entry: app.config.access_log.then(|| AccessEntry::new(request)),
    };
    let reply = answer(app, request, &mut end).unwrap_or_else(|problem| Reply::Now(problem.into()));
    match reply {
        Reply::Now(response) => Reply::Now(end.finish(app, response)),
        Reply::Later(work) => {
            let app = app.clone();
            Reply::Later(Box::new(move |peer: &Peer| end.finish(&app, work(peer))))
        }
        Reply::WithBody { limit, work } => {
            let app = app.clone();
            Reply::WithBody { limit, work: Box::new(move |content, peer| end.finish(&app, work(content, peer))) }
        }
    }
}

fn answer(app: &Arc<Inner>, request: &Request<'_>, end: &mut Completion) -> Result<Reply, Problem> {
    let Some(index) = end.index else {
        if request.method == Method::Options && request.path == "*" {
            return Ok(Reply::Now(options(&ALLOW.1)));
        }
        return Err(Problem::new(404, format!("no such address here; there are {}", *ADDRESSES)));
    };
    let wanted = if request.method == Method::Head { Method::Get } else { request.method };
    let allow = &ALLOW.0[index];
    match ROUTES[index].actions.iter().find(|action| action.method == wanted) {
        Some(action) => {
            let format = match action.formats {
                [] => Format::Bytes,
                formats => Format::choose(request, formats)?,
            };
            end.varies = action.formats.len() > 1;
            (action.handler)(app, request, format)
        }
        None if request.method == Method::Options => Ok(Reply::Now(options(allow))),
        None => Err(Problem::new(405, format!("this address takes {allow} only")).header("Allow", allow.as_str())),
    }
}

/// What is done when an answer is there.
struct Completion {
    /// The route.
    index: Option<usize>,
    /// Whether another client may get the same answer in another format.
    varies: bool,
    start: Instant,
    entry: Option<AccessEntry>,
}

impl Completion {
    fn finish(self, app: &Inner, mut response: Response) -> Response {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.start);
        app.recorder.record(self.index, took, now, response.status);
        if self.varies && !response.headers.iter().any(|(name, _)| *name == "Vary") {
            response.headers.push(("Vary", "Accept".into()));
        }
        if let Some(entry) = self.entry {
            entry.log(&response, took);
        }
        response
    }
}

fn options(allow: &'static str) -> Response {
    Response::new(204, "", Body::Static(b"")).header("Allow", allow)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_readme_names_every_address_and_no_other() {
        let readme = include_str!("../../README.md");
        let rows = readme.lines().skip_while(|line| *line != "| address | answer |").skip(2);
        let written: BTreeSet<String> = rows.take_while(|line| line.starts_with('|')).map(str::to_owned).collect();
        let wanted: BTreeSet<String> =
            addresses().map(|(address, summary)| format!("| `{address}` | {summary} |")).collect();
        let missing: Vec<_> = wanted.difference(&written).collect();
        let unknown: Vec<_> = written.difference(&wanted).collect();
        assert!(
            missing.is_empty() && unknown.is_empty(),
            "missing: {missing:#?}, not in the route table: {unknown:#?}"
        );
    }

    #[test]
    fn every_path_stands_once_with_each_method_once() {
        let mut paths = BTreeSet::new();
        for route in ROUTES {
            assert!(paths.insert(route.path), "{}", route.path);
            let methods: Vec<_> = route.actions.iter().map(|action| action.method).collect();
            for (index, method) in methods.iter().enumerate() {
                assert!(!methods[..index].contains(method), "{} {method:?}", route.path);
                assert!(!matches!(method, Method::Head | Method::Options), "these come by themselves");
            }
        }
    }

    #[test]
    fn allow_names_what_comes_by_itself() {
        const READ: Action = get("", &[Text, Json], health::alive, "");
        const WRITE: Action = Action { method: Method::Put, ..READ };
        static BOTH: [Action; 2] = [READ, WRITE];
        assert_eq!(allow(BOTH[..1].iter()), "GET, HEAD, OPTIONS");
        assert_eq!(allow(BOTH.iter()), "GET, HEAD, PUT, OPTIONS");
        assert_eq!(allow(BOTH[1..].iter().chain(&BOTH)), "PUT, GET, HEAD, OPTIONS");
    }
}
