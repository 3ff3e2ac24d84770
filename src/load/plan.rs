//! What a run shall do, as plain data.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{bail, ensure};

use super::connect_to::ConnectTo;
use super::rows::{RowOrder, RowTable};
use super::start;
use super::target::LoadTarget;
use crate::results::keys::Template;
use crate::results::load::Arrivals;
use crate::results::profile::Profile;

/// Everything a run needs to know.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// The addresses, with their weights.
    pub targets: Vec<LoadTarget>,
    /// How requests are paced.
    pub load: Load,
    /// Open loop: the rate changes so from the start on; the rate of [`Load::Open`] is then its mean, and its length is
    /// that of the run, which has no warm-up.
    pub profile: Option<Arc<Profile>>,
    /// When it begins; `None` is at once.
    pub at: Option<SystemTime>,
    /// The measured time, after the warm-up.
    pub duration: Duration,
    /// Requests whose intended time lies before this are sent, but not measured.
    pub warmup: Duration,
    /// From the intended send time; a request that takes longer counts as timed out.
    pub timeout: Duration,
    /// Whether each connection is a user who keeps cookies, and whose counter at `/session` must not go back.
    pub cookies: bool,
    /// Open loop: the connections that are allowed are users, who take turns, instead of as few connections as will do.
    pub in_turn: bool,
    /// Makes random gaps and drawn keys repeatable.
    pub seed: u64,
    /// Header fields added to each request, as `Name: value`, with columns of the table.
    pub headers: Vec<String>,
    /// A table whose rows go into paths, header fields and bodies.
    pub rows: Option<RowTable>,
    /// Whether connections carry more than one request.
    pub keepalive: bool,
    /// Where connections go in place of what the addresses say.
    pub connect_to: Vec<ConnectTo>,
    /// How servers behind `https://` are spoken to.
    pub tls: TlsSettings,
    /// What a correct answer is.
    pub expect: Expect,
    /// Generator threads; `None` chooses by the machine. Coroutine workers are started once a process: only the
    /// first use decides.
    pub threads: Option<usize>,
}

/// How TLS is spoken: 1.2 or 1.3, as the server prefers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// A file with the authorities that are trusted, in PEM. `None`: those of this machine.
    pub authority: Option<PathBuf>,
    /// Any certificate will do.
    pub insecure: bool,
    /// Whether a user who connects again resumes its session.
    pub resumption: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { authority: None, insecure: false, resumption: true }
    }
}

/// How requests are paced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// Each connection sends its next request when the answer to the last has come: finds the ceiling.
    Closed {
        /// Connections, all opened before the clock starts.
        connections: usize,
    },
    /// Requests are sent by the clock, whatever the answers do: finds the latency at that rate.
    Open {
        /// Requests a second, over all addresses.
        rate: f64,
        /// How the gaps between requests are drawn.
        arrivals: Arrivals,
        /// Most connections; a request that finds them all busy waits, and its latency runs on.
        max_connections: usize,
    },
}

/// What makes an answer correct.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    /// Accepted status codes; empty accepts every 2xx.
    pub status: Vec<StatusPattern>,
    /// Text that the body must hold.
    pub body: Option<String>,
}

/// One status code, or a class of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusPattern {
    /// Exactly this code.
    Code(u16),
    /// `2xx` is class 2.
    Class(u16),
}

impl std::str::FromStr for StatusPattern {
    type Err = String;

    /// Reads `200` or `2xx`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || format!("'{text}' is not a status; write for instance 200, 404 or 2xx");
        let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
        let (number, range) = match class {
            Some(digit) => (digit, 2..=5),
            None => (text, 200..=599),
        };
        let number: u16 = number.parse().map_err(|_| error())?;
        match (range.contains(&number), class) {
            (false, _) => Err(error()),
            (true, Some(_)) => Ok(Self::Class(number)),
            (true, None) => Ok(Self::Code(number)),
        }
    }
}

impl Expect {
    /// Whether an answer with this status is correct.
    pub fn accepts(&self, status: u16) -> bool {
        if self.status.is_empty() {
            return status / 100 == 2;
        }
        self.status.iter().any(|pattern| match *pattern {
            StatusPattern::Code(code) => status == code,
            StatusPattern::Class(class) => status / 100 == class,
        })
    }
}

/// Longest run: times are kept in nanoseconds, and nobody waits a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

impl LoadPlan {
    /// A closed loop with the usual settings: one second of warm-up, 10 s measured and as much of timeout, GET, keep-alive.
    pub fn closed(targets: Vec<LoadTarget>, connections: usize) -> Self {
        Self {
            targets,
            load: Load::Closed { connections },
            profile: None,
            at: None,
            duration: Duration::from_secs(10),
            warmup: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            cookies: false,
            in_turn: false,
            seed: 1,
            headers: Vec::new(),
            rows: None,
            keepalive: true,
            connect_to: Vec::new(),
            tls: TlsSettings::default(),
            expect: Expect::default(),
            threads: None,
        }
    }

    /// Checks what can be checked without a network.
    ///
    /// # Errors
    /// Names the first setting that makes no sense, and what is allowed.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.targets.is_empty(), "give at least one address");
        ensure!(self.targets.len() <= usize::from(u16::MAX), "at most {} addresses", u16::MAX);
        ensure!(!self.duration.is_zero(), "the duration must be longer than zero");
        ensure!(!self.timeout.is_zero(), "the timeout must be longer than zero");
        for (name, time) in [("duration", self.duration), ("warm-up", self.warmup), ("timeout", self.timeout)] {
            ensure!(time <= LONGEST, "the {name} must be at most a year");
        }
        match self.load {
            Load::Closed { connections } => ensure!(connections > 0, "at least one connection is needed"),
            Load::Open { rate, max_connections, .. } => {
                ensure!(rate.is_finite() && rate > 0.0, "the rate must be above 0 requests a second");
                ensure!(rate <= 10_000_000.0, "the rate must be at most 10 million requests a second");
                ensure!(max_connections > 0, "at least one connection is needed");
            }
        }
        if let Some(profile) = &self.profile {
            ensure!(matches!(self.load, Load::Open { .. }), "a profile is for the open loop");
            ensure!(
                self.warmup.is_zero(),
                "a profile has no warm-up: let it begin with the load you want to warm up by"
            );
            ensure!(profile.highest_rate() <= 10_000_000.0, "the rate must be at most 10 million requests a second");
        }
        self.check_rows()?;
        ensure!(self.threads != Some(0), "at least one thread is needed");
        let token = |text: &str| !text.is_empty() && text.bytes().all(is_token_byte);
        for LoadTarget { method, body, .. } in &self.targets {
            ensure!(token(method), "'{method}' is not an HTTP method");
            if matches!(&**method, "CONNECT" | "TRACE") {
                bail!("the method {method} is not for load");
            }
            if method == "HEAD" && self.expect.body.is_some() {
                bail!("an answer to HEAD has no body, so none can be expected");
            }
            if body.is_some() && matches!(&**method, "GET" | "HEAD") {
                bail!("a {method} has no body; say PUT or POST (--method)");
            }
        }
        for header in &self.headers {
            let (name, value) = header.split_once(':').unwrap_or(("", ""));
            ensure!(token(name), "'{header}' is not a header field; write for instance 'Accept: text/plain'");
            ensure!(
                value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)),
                "the value of the header field '{name}' holds a control character"
            );
            ensure!(
                !(self.cookies && name.eq_ignore_ascii_case("Cookie")),
                "the header field Cookie is the users' own where they keep cookies; leave out --cookies or the field"
            );
            for ours in ["Content-Length", "Transfer-Encoding", "Connection"] {
                ensure!(!name.eq_ignore_ascii_case(ours), "the header field {ours} is the generator's own");
            }
        }
        Ok(())
    }

    /// The names of the table's columns; none without a table.
    pub fn columns(&self) -> &[String] {
        self.rows.as_ref().map_or(&[][..], |rows| &rows.columns)
    }

    /// Checks that the table suits the requests, and the users.
    fn check_rows(&self) -> anyhow::Result<()> {
        let Some(rows) = &self.rows else { return Ok(()) };
        let fields: Vec<Template> =
            self.headers.iter().map(|header| Template::parse_field(header, &rows.columns)).collect();
        fields.iter().flat_map(Template::columns).try_for_each(|column| rows.check_header(column))?;
        let templates = self.targets.iter().flat_map(|target| target.body.iter().chain([&target.path]));
        ensure!(
            templates.chain(&fields).any(|template| template.columns().next().is_some()),
            "no request uses a column of the table (--csv); write {{{}}} in the address, a header field or the body",
            rows.columns[0]
        );
        if rows.order == RowOrder::User {
            let users = match self.load {
                Load::Closed { connections } => connections,
                Load::Open { max_connections, .. } if self.in_turn => max_connections,
                Load::Open { .. } => bail!("one row a user needs users: --users with --rate, or a closed loop"),
            };
            ensure!(
                users <= rows.count(),
                "there are {users} users and {} rows, so some would share a row; give the table more rows, or take another \
                 --csv-order",
                rows.count()
            );
        }
        Ok(())
    }

    /// Checks that the moment to begin at is still to come.
    ///
    /// # Errors
    /// When it has passed, or is more than a day away.
    pub fn check_start(&self) -> anyhow::Result<()> {
        self.at.map_or(Ok(()), |at| start::check(at, SystemTime::now()))
    }

    /// Generator threads: as asked, else one for each four CPUs. A thread drives tens of thousands of requests a
    /// second, and on a small machine the nodes need the other CPUs; when it was too little, the verdict says so.
    pub fn thread_count(&self, cpus: usize) -> usize {
        self.threads.unwrap_or_else(|| cpus.div_ceil(4).max(1))
    }
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::target::{parse_mix, parse_mix_with};

    fn plan() -> LoadPlan {
        LoadPlan::closed(parse_mix(&["http://a:81/x?y=z"]).unwrap(), 1)
    }

    #[test]
    fn checks() {
        plan().check().unwrap();
        let open = |rate| Load::Open { rate, arrivals: Arrivals::Constant, max_connections: 1 };
        type Spoil = fn(&mut LoadPlan);
        let cases: Vec<(&str, Spoil)> = vec![
            ("one address", |plan| plan.targets.clear()),
            ("duration must", |plan| plan.duration = Duration::ZERO),
            ("timeout must", |plan| plan.timeout = Duration::ZERO),
            ("a year", |plan| plan.warmup = Duration::MAX),
            ("one connection", |plan| plan.load = Load::Closed { connections: 0 }),
            ("one thread", |plan| plan.threads = Some(0)),
            ("not an HTTP method", |plan| plan.targets[0].method = "GE T".into()),
            ("not for load", |plan| plan.targets[0].method = "CONNECT".into()),
            ("no body", |plan| {
                plan.targets[0].method = "HEAD".into();
                plan.expect.body = Some("x".into());
            }),
            ("a GET has no body", |plan| plan.targets[0].body = Some(Template::parse("x").unwrap())),
            ("not a header field", |plan| plan.headers = vec!["x".into()]),
            ("not a header field", |plan| plan.headers = vec!["a b: c".into()]),
            ("control", |plan| plan.headers = vec!["a: c\r\nd: e".into()]),
            ("generator's own", |plan| plan.headers = vec!["connection: close".into()]),
        ];
        for (says, spoil) in cases {
            let mut plan = plan();
            spoil(&mut plan);
            let error = plan.check().unwrap_err().to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(LoadPlan { load: open(rate), ..plan() }.check().is_err(), "{rate}");
        }
    }

    #[test]
    fn tables_suit_requests_and_users() {
        let rows = |order| RowTable::parse("id,name\n1,a\n2,b\n", order).unwrap();
        let columns = rows(RowOrder::Turn).columns;
        let with = |order, connections| LoadPlan {
            rows: Some(rows(order)),
            ..LoadPlan::closed(parse_mix_with(&["http://a/{id}"], &columns).unwrap(), connections)
        };
        with(RowOrder::Turn, 3).check().unwrap();
        with(RowOrder::User, 2).check().unwrap();
        let open = Load::Open { rate: 1.0, arrivals: Arrivals::Constant, max_connections: 2 };
        LoadPlan { load: open, in_turn: true, ..with(RowOrder::User, 1) }.check().unwrap();
        let unused = LoadPlan { rows: Some(rows(RowOrder::Turn)), ..plan() };
        LoadPlan { headers: vec!["X: {name}".into()], ..unused.clone() }.check().unwrap();
        for (plan, says) in [
            (unused, "write {id}"),
            (with(RowOrder::User, 3), "3 users and 2 rows"),
            (LoadPlan { load: open, ..with(RowOrder::User, 1) }, "--users"),
        ] {
            let error = plan.check().unwrap_err().to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
    }

    #[test]
    fn expectations() {
        let any = Expect::default();
        assert!(any.accepts(204) && !any.accepts(301) && !any.accepts(503));
        let some = Expect { status: vec!["404".parse().unwrap(), "5xx".parse().unwrap()], body: None };
        assert!(some.accepts(404) && some.accepts(503) && !some.accepts(200) && !some.accepts(403));
        for bad in ["", "2x", "1xx", "6xx", "99", "600", "abc", "-1", "é0xx"] {
            assert!(bad.parse::<StatusPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn threads() {
        let plan = plan();
        assert_eq!([1, 2, 4, 8, 64].map(|cpus| plan.thread_count(cpus)), [1, 1, 1, 2, 16]);
        assert_eq!(LoadPlan { threads: Some(3), ..plan }.thread_count(64), 3);
    }
}
