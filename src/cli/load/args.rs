//! The arguments of `webapp load`: as typed, and resolved once into a plan.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;

use crate::cli::units;
use crate::load::{
    self, ConnectTo, Expect, Load, LoadPlan, LoadTarget, RowOrder, RowTable, StatusPattern, TlsSettings,
};
use crate::results::experiment;
use crate::results::keys::Template;
use crate::results::load::Arrivals;
use crate::results::objective::Objective;
use crate::results::profile::Profile;
use crate::results::work::WeightedRequest;

const EXAMPLES: &str = "\
Examples:
  webapp load 'http://127.0.0.1:3000/fib?number=20' --connections 32  # closed loop: the ceiling
  webapp load 'http://127.0.0.1:3000/fib?number=20' --rate 200        # open loop: the latency
  webapp load http://127.0.0.1:3000/whoami --profile day --scale-time 0.001 --scale-rate 2
  webapp load '3:http://127.0.0.1:3000/fib?number=20' 1:/whoami --rate 50 --poisson
  webapp load 'http://127.0.0.1:3000/item?id={zipf 1..100000 0.99}'   # another row each time
  webapp load https://dev.acme.com.ar:8443/whoami --connect-to 127.0.0.1:8443 --cacert authority.pem
  webapp load 'http://127.0.0.1:3000/login' --method POST --body 'name={name}&password={word}' --csv users.csv
  webapp load http://127.0.0.1:3000/whoami --find-limit --slo p99=100ms --max-errors 0.1%
  webapp load http://10.0.0.1/whoami --at 2026-11-26T10:30:00Z --json a.json   # and on other machines b.json, c.json
  webapp load --merge a.json b.json c.json

Exit codes: 0 measured; 1 failed, interrupted or no correct answer; 2 wrong usage;
3 measured, but the generator was the limit.";

/// Arguments of `webapp load`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Addresses, asked in turn; 'W:' in front gives a weight, a path alone is on the host before it. In paths, {uniform
    /// 1..1000} and {zipf 1..1000 0.99} are numbers drawn for each request.
    #[arg(value_name = "URL", required_unless_present = "merge")]
    urls: Vec<String>,
    /// Load nothing, but put the results of several generators together: what each wrote with --json.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["urls", "at", "find_limit", "work"])]
    pub(super) merge: Vec<PathBuf>,
    /// Write the result as JSON to a file, or with '-' to stdout instead of the text.
    #[arg(long, value_name = "FILE", env = "WEBAPP_LOAD_JSON")]
    pub(super) json: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Pace")]
    pub(super) pace: PaceArgs,
    #[command(flatten, next_help_heading = "Requests and answers")]
    requests: RequestArgs,
    #[command(flatten, next_help_heading = "HTTPS")]
    tls: TlsArgs,
    #[command(flatten, next_help_heading = "Limit")]
    pub(super) limit: LimitArgs,
}

#[derive(clap::Args)]
pub(super) struct PaceArgs {
    /// Closed loop: connections; each sends its next request when the last is answered [default: 10].
    #[arg(long, value_name = "N", env = "WEBAPP_LOAD_CONNECTIONS", conflicts_with_all = ["rate", "find_limit"])]
    connections: Option<usize>,
    /// Open loop: requests a second, sent by the clock whatever the answers do.
    #[arg(long, value_name = "R", env = "WEBAPP_LOAD_RATE")]
    pub(super) rate: Option<f64>,
    /// Open loop: a rate that changes: day, spike, ramp, steps, or a file with lines of seconds,rate, linear between. The
    /// load lasts as long as the profile and has no warm-up; the JSON then has a timeline, second by second.
    #[arg(long, value_name = "NAME|FILE.csv", env = "WEBAPP_LOAD_PROFILE", conflicts_with_all = ["rate", "connections", "find_limit", "duration", "warmup"])]
    profile: Option<String>,
    /// Stretch the times of the profile by this factor, for instance 0.01.
    #[arg(
        long,
        value_name = "FACTOR",
        default_value_t = 1.0,
        allow_negative_numbers = true,
        requires = "profile",
        env = "WEBAPP_LOAD_SCALE_TIME"
    )]
    scale_time: f64,
    /// Multiply the rates of the profile by this factor.
    #[arg(
        long,
        value_name = "FACTOR",
        default_value_t = 1.0,
        allow_negative_numbers = true,
        requires = "profile",
        env = "WEBAPP_LOAD_SCALE_RATE"
    )]
    scale_rate: f64,
    /// Open loop: random gaps between requests, as from many independent users.
    #[arg(long, env = "WEBAPP_LOAD_POISSON")]
    poisson: bool,
    /// Open loop: most connections; further requests wait, and their latency runs on.
    #[arg(long, value_name = "N", default_value_t = 1000, env = "WEBAPP_LOAD_MAX_CONNECTIONS")]
    max_connections: usize,
    /// Seed of random gaps and drawn keys: the same seed draws the same.
    #[arg(long, value_name = "N", default_value_t = 1, env = "WEBAPP_LOAD_SEED")]
    seed: u64,
    /// Begin at this moment (seconds since 1970, or 2026-11-26T10:30:00Z), so that generators on several machines begin
    /// together; --merge puts their results together. The JSON then has a timeline.
    #[arg(long, value_name = "TIME", value_parser = units::moment, conflicts_with = "find_limit", env = "WEBAPP_LOAD_AT")]
    at: Option<SystemTime>,
    /// Measured time, after the warm-up.
    #[arg(long, default_value = "10s", value_parser = units::duration, env = "WEBAPP_LOAD_DURATION")]
    duration: Duration,
    /// Time before, that is not measured.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = units::duration, env = "WEBAPP_LOAD_WARMUP")]
    warmup: Duration,
    /// Generator threads [default: one for each four CPUs].
    #[arg(long, value_name = "N", env = "WEBAPP_LOAD_THREADS")]
    threads: Option<usize>,
}

#[derive(clap::Args)]
struct RequestArgs {
    /// A request that takes longer is an error.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = units::duration, env = "WEBAPP_LOAD_TIMEOUT")]
    timeout: Duration,
    /// Method of the requests.
    #[arg(long, default_value = "GET", env = "WEBAPP_LOAD_METHOD")]
    method: String,
    /// Body of the requests, with --method PUT or POST; may have keys and columns. With '@' in front, it is read from a file.
    #[arg(long, value_name = "TEXT|@FILE", env = "WEBAPP_LOAD_BODY")]
    body: Option<String>,
    /// Requests of several methods and bodies to URL: a file with [[work]] as an experiment has it, '-' for standard input.
    #[arg(long, value_name = "FILE", env = "WEBAPP_LOAD_WORK", conflicts_with_all = ["method", "body"])]
    work: Option<PathBuf>,
    /// A table whose rows go into requests: {column} stands for a value in paths, header fields and bodies. Its first line has
    /// the names. In paths values are percent-encoded; {+column} keeps '/', '?' and '&'.
    #[arg(long, value_name = "FILE", env = "WEBAPP_LOAD_CSV")]
    csv: Option<PathBuf>,
    /// Which row a request has: the next one, any one, or that of its user, each of whom has one of its own.
    #[arg(long, value_name = "ORDER", default_value = "turn", requires = "csv", env = "WEBAPP_LOAD_CSV_ORDER")]
    csv_order: CsvOrder,
    /// Add a header field to each request, as 'Name: value'; may be repeated.
    #[arg(long = "header", value_name = "FIELD", env = "WEBAPP_LOAD_HEADER")]
    headers: Vec<String>,
    /// Each connection is a user who keeps cookies; a counter at /session that goes back is an error of its own.
    #[arg(long, env = "WEBAPP_LOAD_COOKIES")]
    cookies: bool,
    /// Open loop: so many users, who take turns, in place of --max-connections.
    #[arg(long, value_name = "N", env = "WEBAPP_LOAD_USERS", conflicts_with = "connections")]
    users: Option<usize>,
    /// Connect to HOST:PORT, whatever host the address names: Host, certificate and cookies stay those of the address. As of
    /// curl, OF:PORT:HOST:PORT does so for one of them; may be repeated.
    #[arg(long, value_name = "HOST:PORT", env = "WEBAPP_LOAD_CONNECT_TO")]
    connect_to: Vec<ConnectTo>,
    /// One request a connection.
    #[arg(long, env = "WEBAPP_LOAD_NO_KEEPALIVE")]
    no_keepalive: bool,
    /// Status codes of a correct answer, such as 200,404 or 2xx [default: 2xx].
    #[arg(long, value_name = "CODES", value_delimiter = ',', env = "WEBAPP_LOAD_EXPECT_STATUS")]
    expect_status: Vec<StatusPattern>,
    /// Text that the body of a correct answer holds.
    #[arg(long, value_name = "TEXT", env = "WEBAPP_LOAD_EXPECT_BODY")]
    expect_body: Option<String>,
}

/// Which row of the table a request has.
#[derive(Clone, Copy, clap::ValueEnum)]
enum CsvOrder {
    Turn,
    Random,
    User,
}

impl From<CsvOrder> for RowOrder {
    fn from(order: CsvOrder) -> Self {
        match order {
            CsvOrder::Turn => Self::Turn,
            CsvOrder::Random => Self::Random,
            CsvOrder::User => Self::User,
        }
    }
}

#[derive(clap::Args)]
struct TlsArgs {
    /// Trust the authorities of this file (PEM), in place of those of this machine.
    #[arg(long, value_name = "FILE", env = "WEBAPP_LOAD_CACERT", conflicts_with = "insecure")]
    cacert: Option<PathBuf>,
    /// Accept any certificate; the result says so.
    #[arg(long, env = "WEBAPP_LOAD_INSECURE")]
    insecure: bool,
    /// A whole handshake for each connection: no user resumes an earlier session.
    #[arg(long, env = "WEBAPP_LOAD_NO_RESUMPTION")]
    no_resumption: bool,
}

#[derive(clap::Args)]
pub(super) struct LimitArgs {
    /// Search the highest rate that keeps --slo and --max-errors; --rate is the first one tried [default: 50].
    #[arg(long, requires = "slo", env = "WEBAPP_LOAD_FIND_LIMIT")]
    pub(super) find_limit: bool,
    /// Objective of the search, such as p99=100ms; may be repeated.
    #[arg(long, value_name = "FIGURE=DURATION", value_parser = units::objective, value_delimiter = ',', requires = "find_limit", env = "WEBAPP_LOAD_SLO")]
    pub(super) slo: Vec<Objective>,
    /// Largest share of requests without a correct answer.
    #[arg(long, value_name = "SHARE", default_value = "0.1%", value_parser = units::share, env = "WEBAPP_LOAD_MAX_ERRORS")]
    pub(super) max_errors: f64,
    /// Highest rate that is tried.
    #[arg(long, value_name = "R", default_value_t = 1e6, env = "WEBAPP_LOAD_MAX_RATE")]
    pub(super) max_rate: f64,
    /// End the search when success and failure are this close.
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = units::share, env = "WEBAPP_LOAD_PRECISION")]
    pub(super) precision: f64,
}

/// First rate of a search.
pub(super) const FIRST_RATE: f64 = 50.0;
const DEFAULT_CONNECTIONS: usize = 10;

impl Args {
    /// What shall be done.
    ///
    /// # Errors
    /// When the arguments contradict each other, or a file that they name cannot be read.
    pub(super) fn plan(&self) -> anyhow::Result<LoadPlan> {
        plan(self)
    }
}

fn plan(args: &Args) -> anyhow::Result<LoadPlan> {
    let pace = &args.pace;
    let profile = pace.profile.as_deref().map(Profile::named).transpose()?;
    let profile = profile.map(|profile| profile.scaled(pace.scale_time, pace.scale_rate)).transpose()?;
    let mean = profile.as_ref().map(Profile::mean_rate);
    let rate = pace.rate.or(mean).or(args.limit.find_limit.then_some(FIRST_RATE));
    anyhow::ensure!(
        rate.is_some() || !pace.poisson,
        "--poisson needs --rate or --profile: a closed loop has no arrivals"
    );
    anyhow::ensure!(
        rate.is_some() || args.requests.users.is_none(),
        "--users needs --rate or --profile: in a closed loop each of the --connections is a user"
    );
    let requests = &args.requests;
    anyhow::ensure!(
        requests.users.is_none() || requests.cookies || matches!(requests.csv_order, CsvOrder::User),
        "--users needs something that a user keeps: --cookies, or a row of a table (--csv-order user)"
    );
    let rows = requests.csv.as_deref().map(|file| RowTable::read(file, requests.csv_order.into())).transpose()?;
    let columns = rows.as_ref().map_or(&[][..], |rows| &rows.columns);
    let targets = targets(args, columns)?;
    let (duration, warmup) = match &profile {
        Some(profile) => (Duration::try_from_secs_f64(profile.seconds())?, Duration::ZERO),
        None => (pace.duration, pace.warmup),
    };
    Ok(LoadPlan {
        load: match rate {
            None => Load::Closed { connections: args.pace.connections.unwrap_or(DEFAULT_CONNECTIONS) },
            Some(rate) => Load::Open {
                rate,
                arrivals: if args.pace.poisson { Arrivals::Poisson } else { Arrivals::Constant },
                max_connections: args.requests.users.unwrap_or(args.pace.max_connections),
            },
        },
        profile: profile.map(Arc::new),
        at: pace.at,
        duration,
        warmup,
        timeout: args.requests.timeout,
        cookies: args.requests.cookies,
        in_turn: args.requests.users.is_some(),
        seed: args.pace.seed,
        headers: args.requests.headers.clone(),
        keepalive: !args.requests.no_keepalive,
        connect_to: args.requests.connect_to.clone(),
        tls: TlsSettings {
            authority: args.tls.cacert.clone(),
            insecure: args.tls.insecure,
            resumption: !args.tls.no_resumption,
        },
        expect: Expect { status: args.requests.expect_status.clone(), body: args.requests.expect_body.clone() },
        threads: args.pace.threads,
        rows,
        ..LoadPlan::closed(targets, DEFAULT_CONNECTIONS)
    })
}

/// What is asked, with its methods and bodies.
fn targets(args: &Args, columns: &[String]) -> anyhow::Result<Vec<LoadTarget>> {
    let requests = &args.requests;
    if let Some(file) = &requests.work {
        return load::targets_of(&args.urls, &read_work(file, columns)?, columns);
    }
    let mut targets = load::parse_mix_with(&args.urls, columns)?;
    let body = requests.body.as_deref().map(|body| read_body(body, columns)).transpose().context("--body")?;
    for target in &mut targets {
        target.method.clone_from(&requests.method);
        target.body.clone_from(&body);
    }
    Ok(targets)
}

/// A body as it is typed, or what a file holds, which need not be text.
fn read_body(typed: &str, columns: &[String]) -> anyhow::Result<Template> {
    let Some(file) = typed.strip_prefix('@') else { return Ok(Template::parse_body_with(typed, columns)?) };
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {file}"))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Template::parse_body_with(&text, columns)?),
        Err(error) => Ok(Template::of_bytes(error.into_bytes())),
    }
}

fn read_work(file: &Path, columns: &[String]) -> anyhow::Result<Vec<WeightedRequest>> {
    let (name, text) = match file.as_os_str() == "-" {
        true => ("standard input".to_owned(), std::io::read_to_string(std::io::stdin())),
        false => (file.display().to_string(), std::fs::read_to_string(file)),
    };
    let text = text.with_context(|| format!("--work: cannot read {name}"))?;
    Ok(experiment::work_file(&name, &text, columns)?)
}
