//! `webapp load`.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::error::ErrorKind;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::{Exit, units};
use crate::load::{
    self, Expect, Found, Judgement, Load, LoadPart, LoadPlan, LoadProgress, Search, SearchEvent, ServiceLevel,
    StatusPattern, StopFlag, Target,
};
use crate::results::experiment;
use crate::results::keys::Template;
use crate::results::load::{Arrivals, LoadOutcome, Validity};
use crate::results::objective::Objective;
use crate::results::profile::Profile;
use crate::results::work::Request;

const EXAMPLES: &str = "\
Examples:
  webapp load 'http://127.0.0.1:3000/fib?number=20' --connections 32  # closed loop: the ceiling
  webapp load 'http://127.0.0.1:3000/fib?number=20' --rate 200        # open loop: the latency
  webapp load http://127.0.0.1:3000/whoami --profile day --scale-time 0.001 --scale-rate 2
  webapp load '3:http://127.0.0.1:3000/fib?number=20' 1:/whoami --rate 50 --poisson
  webapp load 'http://127.0.0.1:3000/item?id={zipf 1..100000 0.99}'   # another row each time
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
    merge: Vec<PathBuf>,
    /// Write the result as JSON to a file, or with '-' to stdout instead of the text.
    #[arg(long, value_name = "FILE", env = "WEBAPP_LOAD_JSON")]
    json: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Pace")]
    pace: PaceArgs,
    #[command(flatten, next_help_heading = "Requests and answers")]
    requests: RequestArgs,
    #[command(flatten, next_help_heading = "Limit")]
    limit: LimitArgs,
}

#[derive(clap::Args)]
struct PaceArgs {
    /// Closed loop: connections; each sends its next request when the last is answered [default: 10].
    #[arg(long, value_name = "N", env = "WEBAPP_LOAD_CONNECTIONS", conflicts_with_all = ["rate", "find_limit"])]
    connections: Option<usize>,
    /// Open loop: requests a second, sent by the clock whatever the answers do.
    #[arg(long, value_name = "R", env = "WEBAPP_LOAD_RATE")]
    rate: Option<f64>,
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
    /// Body of the requests, with --method PUT or POST; may have keys.
    #[arg(long, value_name = "TEXT", env = "WEBAPP_LOAD_BODY")]
    body: Option<String>,
    /// Requests of several methods and bodies to URL: a file with [[work]] as an experiment has it, '-' for standard input.
    #[arg(long, value_name = "FILE", env = "WEBAPP_LOAD_WORK", conflicts_with_all = ["method", "body"])]
    work: Option<PathBuf>,
    /// Add a header field to each request, as 'Name: value'; may be repeated.
    #[arg(long = "header", value_name = "FIELD", env = "WEBAPP_LOAD_HEADER")]
    headers: Vec<String>,
    /// Each connection is a user who keeps cookies; a counter at /session that goes back is an error of its own.
    #[arg(long, env = "WEBAPP_LOAD_COOKIES")]
    cookies: bool,
    /// Open loop: so many users, who take turns, in place of --max-connections.
    #[arg(long, value_name = "N", env = "WEBAPP_LOAD_USERS", requires = "cookies", conflicts_with = "connections")]
    users: Option<usize>,
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

#[derive(clap::Args)]
struct LimitArgs {
    /// Search the highest rate that keeps --slo and --max-errors; --rate is the first one tried [default: 50].
    #[arg(long, requires = "slo", env = "WEBAPP_LOAD_FIND_LIMIT")]
    find_limit: bool,
    /// Objective of the search, such as p99=100ms; may be repeated.
    #[arg(long, value_name = "FIGURE=DURATION", value_parser = units::objective, value_delimiter = ',', requires = "find_limit", env = "WEBAPP_LOAD_SLO")]
    slo: Vec<Objective>,
    /// Largest share of requests without a correct answer.
    #[arg(long, value_name = "SHARE", default_value = "0.1%", value_parser = units::share, env = "WEBAPP_LOAD_MAX_ERRORS")]
    max_errors: f64,
    /// Highest rate that is tried.
    #[arg(long, value_name = "R", default_value_t = 1e6, env = "WEBAPP_LOAD_MAX_RATE")]
    max_rate: f64,
    /// End the search when success and failure are this close.
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = units::share, env = "WEBAPP_LOAD_PRECISION")]
    precision: f64,
}

/// First rate of a search.
const FIRST_RATE: f64 = 50.0;
const DEFAULT_CONNECTIONS: usize = 10;

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    if !args.merge.is_empty() {
        return merge(&args);
    }
    let plan = match plan(&args).and_then(|plan| plan.check().and_then(|()| plan.check_start()).map(|()| plan)) {
        Ok(plan) => plan,
        Err(error) => clap::Error::raw(ErrorKind::ValueValidation, format!("{error:#}\n")).exit(),
    };
    let json = args.json.as_deref().map(open).transpose()?;
    let interrupt = StopFlag::default();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // A second signal ends the process at once, with the shell's code for an interrupted command.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, interrupt.flag())?;
        signal_hook::flag::register(signal, interrupt.flag())?;
    }
    if args.limit.find_limit {
        return find(&args, &plan, &interrupt, json);
    }
    let live = Live::new("");
    let mut publish = live.as_ref().map(|live| |progress: &LoadProgress| live.tell(progress));
    let progress = publish.as_mut().map(|tell| tell as &mut dyn FnMut(&LoadProgress));
    let outcome = load::run(&plan, &interrupt, progress)?;
    drop(live);
    write(&outcome, &load::text(&outcome), json)?;
    Ok(exit(&outcome))
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
        expect: Expect { status: args.requests.expect_status.clone(), body: args.requests.expect_body.clone() },
        threads: args.pace.threads,
        ..LoadPlan::closed(targets(args)?, DEFAULT_CONNECTIONS)
    })
}

/// Reads what several generators wrote, and writes their sum as one of them would.
fn merge(args: &Args) -> anyhow::Result<Exit> {
    let read = |path: &PathBuf| -> anyhow::Result<LoadPart> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        let outcome =
            serde_json::from_str(&text).with_context(|| format!("{name} is not a result of webapp load --json"))?;
        Ok((name, outcome))
    };
    let parts = args.merge.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let outcome = load::merge(&parts)?;
    let json = args.json.as_deref().map(open).transpose()?;
    write(&outcome, &load::text(&outcome), json)?;
    Ok(exit(&outcome))
}

/// What is asked, with its methods and bodies.
fn targets(args: &Args) -> anyhow::Result<Vec<Target>> {
    let requests = &args.requests;
    if let Some(file) = &requests.work {
        return load::targets_of(&args.urls, &read_work(file)?);
    }
    let mut targets = load::parse_mix(&args.urls)?;
    let body = requests.body.as_deref().map(Template::parse_body).transpose().context("--body")?;
    for target in &mut targets {
        target.method.clone_from(&requests.method);
        target.body.clone_from(&body);
    }
    Ok(targets)
}

fn read_work(file: &Path) -> anyhow::Result<Vec<Request>> {
    let (name, text) = match file.as_os_str() == "-" {
        true => ("standard input".to_owned(), std::io::read_to_string(std::io::stdin())),
        false => (file.display().to_string(), std::fs::read_to_string(file)),
    };
    let text = text.with_context(|| format!("--work: cannot read {name}"))?;
    Ok(experiment::work_file(&name, &text)?)
}

fn find(args: &Args, plan: &LoadPlan, interrupt: &StopFlag, json: Option<Option<File>>) -> anyhow::Result<Exit> {
    let objective = ServiceLevel { bounds: args.limit.slo.clone(), max_error_share: args.limit.max_errors };
    let search = Search {
        start: args.pace.rate.unwrap_or(FIRST_RATE),
        most: args.limit.max_rate,
        precision: args.limit.precision,
    };
    let to_stdout = !matches!(json, Some(None));
    say(to_stdout, &format!("Searching the highest rate that keeps {objective}:"))?;
    let mut said = Ok(());
    let mut live: Option<Live> = None;
    let found = load::find(plan, &search, &objective, interrupt, &mut |event| match event {
        SearchEvent::Begins(rate) => live = Live::new(&format!("{rate} requests/s: ")),
        SearchEvent::Goes(progress) => {
            if let Some(live) = &live {
                live.tell(progress);
            }
        }
        SearchEvent::Ended(level) => {
            live = None;
            let word = match level.judgement {
                Judgement::Kept => "kept",
                Judgement::Breached => "breached",
                Judgement::Invalid => "not valid",
            };
            let line = format!("{:>10} requests/s   {word:<9}   {}", level.rate, level.reason);
            if let Err(error) = say(to_stdout, &line) {
                said = Err(error);
                interrupt.set();
            }
        }
    })?;
    drop(live);
    said?;
    write(&found, &format!("\n{}\n", found.summary), json)?;
    Ok(exit_of_search(&found))
}

/// Says how a search goes, line by line as it comes. When stdout belongs to the JSON, only a terminal hears it.
fn say(to_stdout: bool, line: &str) -> std::io::Result<()> {
    if to_stdout {
        let mut stdout = std::io::stdout().lock();
        return writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    }
    if std::io::stderr().is_terminal() {
        eprintln!("{line}");
    }
    Ok(())
}

/// Opens the file before the run, so that a bad path fails at once. `None` is stdout.
fn open(json: &Path) -> anyhow::Result<Option<File>> {
    if json.as_os_str() == "-" {
        return Ok(None);
    }
    // What an earlier run wrote stays until this one has something better.
    let file = File::options().create(true).write(true).truncate(false).open(json);
    file.map(Some).with_context(|| format!("cannot write {}", json.display()))
}

fn write(result: &impl Serialize, text: &str, json: Option<Option<File>>) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match json {
        Some(None) => writeln!(stdout, "{}", serde_json::to_string_pretty(result)?)?,
        Some(Some(mut file)) => {
            // Not every file can be cut to length: a pipe or /dev/null cannot.
            if file.metadata()?.is_file() {
                file.set_len(0)?;
            }
            writeln!(file, "{}", serde_json::to_string_pretty(result)?).context("writing the JSON result")?;
            stdout.write_all(text.as_bytes())?;
        }
        None => stdout.write_all(text.as_bytes())?,
    }
    Ok(())
}

fn exit(outcome: &LoadOutcome) -> Exit {
    match outcome.generator.verdict {
        _ if outcome.interrupted || outcome.requests_ok == 0 => Exit::Failed,
        Validity::Valid => Exit::Done,
        Validity::GeneratorBound => Exit::NotValid,
    }
}

fn exit_of_search(found: &Found) -> Exit {
    match found.last_success_per_second {
        _ if found.interrupted => Exit::Failed,
        _ if found.generator_bound => Exit::NotValid,
        Some(_) => Exit::Done,
        None => Exit::Failed,
    }
}

/// One line on a terminal while a run lasts; off a terminal there is none.
struct Live {
    bar: ProgressBar,
    prefix: String,
}

impl Live {
    fn new(prefix: &str) -> Option<Self> {
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return None;
        }
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("[{bar:24}] {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Some(Self { bar, prefix: prefix.to_owned() })
    }

    fn tell(&self, progress: &LoadProgress) {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.bar.set_length(milliseconds(progress.total));
        self.bar.set_position(milliseconds(progress.total.saturating_sub(progress.left)));
        self.bar.set_message(format!("{}{progress}", self.prefix));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
