//! `GET /cluster`: the figures of this node and of its peers, asked for on the server's side, so that neither TLS
//! nor the browser's rules about other origins stand in the way.
//!
//! A look never waits for a slow peer: every peer has one request under way at most, asked anew once a second while
//! somebody looks, and the look shows what is known, with its age. Nobody looks, nobody asks.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use crate::http::url::Origin;
use crate::http::{Body, Problem, Reply, Request, Response};
use crate::lock::lock;
use crate::sleep::sleep;

use super::Inner;
use super::format::Format;
use super::peer::{FRESH, FlagGuard, PeerError, PeerNode};
use super::peers::Peers;
use super::query::Query;
use super::scaling::ScalingFile;

/// A look waits this long for answers under way, and a look at the history this long.
const WAIT: Duration = Duration::from_millis(400);
const WAIT_HISTORY: Duration = Duration::from_millis(1500);
/// Most addresses typed in by visitors, all visitors together.
const MAX_TYPED: usize = 16;
/// Typed-in addresses that nobody asked about for this long are forgotten.
const TYPED_KEPT: Duration = Duration::from_secs(60);

/// Seconds of history.
const HISTORY: u64 = 300;
/// An answer is handed to everybody who asks within this time: many lookers cost, and hold in memory, what one does.
const KEPT: Duration = Duration::from_millis(100);
const KEPT_HISTORY: Duration = Duration::from_millis(500);

/// The peers of this node.
pub struct ClusterView {
    named: Peers,
    known: Mutex<Known>,
    /// Addresses typed in by visitors on this machine.
    typed: Mutex<Vec<Arc<PeerNode>>>,
    /// What an autoscaler tells.
    scaling: ScalingFile,
    /// The files are being read.
    reading: AtomicBool,
    /// The last answer without history, and the last with it.
    answers: [KeptAnswer; 2],
}

/// An answer that is kept for a moment.
#[derive(Default)]
struct KeptAnswer(Mutex<Option<(Instant, Arc<[u8]>)>>);

impl KeptAnswer {
    /// The kept answer while it is younger than `keep`, else a new one by `make`; whoever comes meanwhile waits for it.
    fn get(&self, keep: Duration, make: impl FnOnce() -> Vec<u8>) -> Arc<[u8]> {
        let mut kept = lock(&self.0);
        if let Some((_, bytes)) = kept.as_ref().filter(|(made_at, _)| made_at.elapsed() < keep) {
            return bytes.clone();
        }
        let bytes: Arc<[u8]> = make().into();
        *kept = Some((Instant::now(), bytes.clone()));
        bytes
    }
}

/// The peers as they were last read.
#[derive(Default)]
struct Known {
    peers: Vec<Arc<PeerNode>>,
    read_at: Option<Instant>,
    changed_at: Option<SystemTime>,
}

impl ClusterView {
    /// A cluster of these peers, in this order; the node's own address may be among them.
    /// `scaling` is the file in which an autoscaler tells what it does.
    pub fn new(named: Peers, scaling: Option<PathBuf>) -> Arc<ClusterView> {
        let cluster = ClusterView {
            named,
            known: Mutex::default(),
            typed: Mutex::default(),
            scaling: ScalingFile::new(scaling),
            reading: AtomicBool::new(false),
            answers: Default::default(),
        };
        cluster.read();
        Arc::new(cluster)
    }

    /// Takes over what the list says now. Peers that stay keep what is known of them; a file that cannot be read
    /// changes nothing.
    fn read(&self) {
        self.scaling.read();
        let changed_at = self.named.changed_at();
        let same = { lock(&self.known).read_at.is_some() && lock(&self.known).changed_at == changed_at };
        let origins = if same { None } else { self.named.read().ok() };
        let mut known = lock(&self.known);
        known.read_at = Some(Instant::now());
        let Some(origins) = origins else { return };
        known.changed_at = changed_at;
        let before = std::mem::take(&mut known.peers);
        let peer = |origin: Origin| {
            let kept = before.iter().find(|peer| peer.origin == origin).cloned();
            kept.unwrap_or_else(|| PeerNode::new(origin))
        };
        known.peers = origins.into_iter().map(peer).collect();
    }

    /// Sees to it that the files are read again, once a second while somebody looks. By a thread: a file may block.
    fn refresh(self: &Arc<Self>) {
        let due = lock(&self.known).read_at.is_none_or(|at| at.elapsed() > FRESH);
        let may_change = self.scaling.is_named() || !matches!(self.named, Peers::Fixed(_));
        if !due || !may_change || self.reading.swap(true, Ordering::AcqRel) {
            return;
        }
        let cluster = self.clone();
        let started = std::thread::Builder::new().name("peers".into()).spawn(move || {
            let _done = FlagGuard(&cluster.reading);
            cluster.read();
        });
        if started.is_err() {
            self.reading.store(false, Ordering::Release);
        }
    }

    /// The peers that the node was told of, then those typed in.
    fn members(self: &Arc<Self>, typed: Vec<Origin>) -> Vec<Arc<PeerNode>> {
        self.refresh();
        let mut members = lock(&self.known).peers.clone();
        let mut known = lock(&self.typed);
        known.retain(|peer| lock(&peer.seen).looked_at.elapsed() < TYPED_KEPT);
        for origin in typed {
            if members.iter().any(|peer| peer.origin == origin) {
                continue;
            }
            let found = known.iter().find(|peer| peer.origin == origin).cloned();
            members.push(found.unwrap_or_else(|| {
                if known.len() >= MAX_TYPED {
                    known.remove(0);
                }
                let peer = PeerNode::new(origin);
                known.push(peer.clone());
                peer
            }));
        }
        members
    }
}

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, _format: Format) -> Result<Reply, Problem> {
    let query = Query::new(request.query);
    let history = request.query.contains("history");
    if history {
        query.number("history", HISTORY)?;
    }
    let allowed = || "addresses http://HOST:PORT, separated by commas".to_owned();
    let typed = typed_in(request, query.text("peers", allowed)?)?;
    let shared = typed.is_empty();
    let members = app.cluster.members(typed);
    let app = app.clone();
    Ok(Reply::Later(Box::new(move |_| {
        members.iter().filter(|peer| !is_self(&app, peer)).for_each(|peer| peer.look(history));
        let end = Instant::now() + if history { WAIT_HISTORY } else { WAIT };
        while members.iter().any(|peer| peer.asking.load(Ordering::Acquire)) && Instant::now() < end {
            sleep(Duration::from_millis(5));
        }
        let body = if shared {
            let keep = if history { KEPT_HISTORY } else { KEPT };
            Body::Shared(app.cluster.answers[usize::from(history)].get(keep, || compose(&app, &members, history)))
        } else {
            Body::Bytes(compose(&app, &members, history))
        };
        Response::new(200, "application/json", body).header("Cache-Control", "no-store")
    })))
}

/// The addresses that a visitor typed in.
///
/// The node would ask them on the visitor's behalf, so it does so only for a browser on its own machine that shows
/// this node's own page: not through a balancer, not for another site's page, not under another name or address than
/// the machine's own (to those a browser says `Sec-Fetch-Site`, and no name server can lend them to a foreign page).
fn typed_in(request: &Request<'_>, peers: Option<Cow<'_, str>>) -> Result<Vec<Origin>, Problem> {
    let Some(peers) = peers.filter(|peers| !peers.is_empty()) else { return Ok(Vec::new()) };
    let forwarded = ["x-forwarded-for", "forwarded", "via"].iter().any(|name| request.header(name).is_some());
    let foreign = request.header("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let host = request.header("host").and_then(|host| Origin::parse(&format!("http://{host}")).ok());
    let loopback = |text: &str| text.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    let local = host.is_some_and(|host| host.host() == "localhost" || loopback(host.host()));
    if !request.peer.ip().to_canonical().is_loopback() || forwarded || foreign || !local {
        let detail =
            "only a browser on the node's own machine may type in addresses; start the node with --peers instead";
        return Err(Problem::new(403, detail));
    }
    let all: Vec<&str> = peers.split(',').collect();
    if all.len() > MAX_TYPED {
        return Err(Problem::parameter(
            "peers",
            Some(&format!("{} addresses", all.len())),
            &format!("at most {MAX_TYPED} addresses"),
        ));
    }
    all.into_iter().map(|one| Origin::parse(one).map_err(|error| Problem::new(400, error.to_string()))).collect()
}

/// Whether the peer is this very process.
fn is_self(app: &Inner, peer: &PeerNode) -> bool {
    peer.origin.literal() == Some(app.config.listen)
        || lock(&peer.seen).who.as_ref().is_some_and(|who| who.name == app.config.node && who.pid == std::process::id())
}

/// What is said of a node beside its figures.
#[derive(Serialize)]
struct ClusterHead<'a> {
    url: &'a str,
    name: Option<&'a str>,
    #[serde(rename = "self")]
    own: bool,
    reachable: bool,
    ready: Option<bool>,
    error: Option<PeerError>,
    age_seconds: Option<f64>,
}

/// The whole answer. Figures are put in as the bytes they came as: they were checked to be JSON.
fn compose(app: &Inner, members: &[Arc<PeerNode>], history: bool) -> Vec<u8> {
    let snapshot = app.snapshots.latest();
    let own_history = history.then(|| app.snapshots.history_json());
    let own_url = format!("http://{}", app.config.listen);
    let own = |url: &str| {
        let ready = !app.draining.load(Ordering::SeqCst);
        let name = Some(app.config.node.as_str());
        let head = ClusterHead {
            url,
            name,
            own: true,
            reachable: true,
            ready: Some(ready),
            error: None,
            age_seconds: Some(0.0),
        };
        entry(&head, Some(&snapshot.json), own_history.as_deref())
    };
    let mut entries = Vec::with_capacity(members.len() + 1);
    let mut listed = false;
    for peer in members {
        if is_self(app, peer) {
            // Two addresses of this process are one node.
            if !std::mem::replace(&mut listed, true) {
                entries.push(own(&peer.url));
            }
            continue;
        }
        let seen = lock(&peer.seen);
        let head = ClusterHead {
            url: &peer.url,
            name: seen.who.as_ref().map(|who| who.name.as_str()),
            own: false,
            reachable: seen.error.is_none(),
            ready: seen.ready.filter(|_| seen.error.is_none()),
            error: seen.error,
            age_seconds: seen.stats.as_ref().map(|told| told.at.elapsed().as_secs_f64()),
        };
        let past = seen.history.as_ref().filter(|_| history && seen.error.is_none());
        entries.push(entry(&head, seen.stats.as_ref().map(|told| &*told.json), past.map(|told| &*told.json)));
    }
    if !listed {
        entries.insert(0, own(&own_url));
    }
    let scaling = app.cluster.scaling.json();
    [b"{\"nodes\":[".as_slice(), &entries.join(&b","[..]), b"],\"autoscale\":", &scaling, b"}\n"].concat()
}

fn entry(head: &ClusterHead<'_>, stats: Option<&[u8]>, history: Option<&[u8]>) -> Vec<u8> {
    // A struct of plain fields cannot fail to be written.
    let mut bytes = serde_json::to_vec(head).unwrap_or_else(|_| b"{}".to_vec());
    bytes.pop();
    bytes.extend_from_slice(b",\"stats\":");
    bytes.extend_from_slice(stats.unwrap_or(b"null"));
    if let Some(history) = history {
        bytes.extend_from_slice(b",\"history\":");
        bytes.extend_from_slice(history);
    }
    bytes.push(b'}');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_made_once_while_it_is_kept() {
        let answer = KeptAnswer::default();
        let first = answer.get(Duration::from_secs(3600), || b"first".to_vec());
        assert_eq!(&*answer.get(Duration::from_secs(3600), || b"second".to_vec()), b"first");
        assert_eq!(&*answer.get(Duration::ZERO, || b"second".to_vec()), b"second");
        assert_eq!(&*first, b"first");
    }
}
