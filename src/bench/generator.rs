//! The load generator as a child process of the same binary: its CPU is its own, and a run cannot outlive the bench.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::cluster::contract::ClusterAnswer;
use crate::http::url::Url;
use crate::results::arm::Arm;
use crate::results::keys::Template;
use crate::results::load::LoadOutcome;
use crate::results::plan::Ladder;
use crate::results::run::Level;
use crate::results::work::{self, WeightedRequest};

/// One run of the generator.
#[derive(Clone, Debug)]
pub struct LoadJob<'a> {
    /// The address the paths are appended to.
    pub target: &'a str,
    /// What is asked.
    pub work: &'a [WeightedRequest],
    /// Further arguments of the load.
    pub further: &'a [String],
    /// How.
    pub level: Level,
    /// Users with cookies who take turns where requests are sent by the clock. `None`: there are no users.
    pub users: Option<u32>,
    /// Of the keys: the same for all arms of a block, so that they are asked the same.
    pub seed: u64,
    /// Before the window.
    pub warmup_seconds: f64,
    /// The window.
    pub window_seconds: f64,
}

/// Where the generator of an arm asks, and its further arguments.
pub struct GeneratorTarget {
    /// The address the paths are appended to.
    pub target: String,
    /// Those of the arm, and what HTTPS needs.
    pub further: Vec<String>,
}

/// Where the generator asks an arm's cluster. By HTTPS the name is that of the certificate, and the connection goes to where the
/// cluster is: nothing need stand in the machine's hosts file, and its authority need not be trusted by the machine.
///
/// # Errors
/// When the arm is to be asked by HTTPS, and its cluster does not speak it.
pub fn asked(arm: &Arm, cluster: &ClusterAnswer) -> anyhow::Result<GeneratorTarget> {
    let mut further = arm.load.clone();
    if !arm.https {
        return Ok(GeneratorTarget { target: cluster.target.clone(), further });
    }
    let tls = cluster.tls.as_ref().with_context(|| {
        format!("the arm {} is to be asked by HTTPS, but its cluster speaks none: give its up --tls", arm.name)
    })?;
    let (plain, secure) = (Url::parse(&cluster.target)?.origin, Url::parse_with_tls(&tls.target)?.origin);
    let place = plain.with_port(secure.port()).authority();
    further.extend(["--cacert".to_owned(), tls.authority.clone(), "--connect-to".to_owned(), place]);
    Ok(GeneratorTarget { target: tls.target.clone(), further })
}

/// A request that waits longer than this has no user any more.
const TIMEOUT_SECONDS: f64 = 10.0;

/// Exit code of a generator that measured, but was itself the limit.
const NOT_VALID: i32 = 3;

/// Drives the load to its end and gives back what was measured.
///
/// # Errors
/// When the generator cannot run, prints no JSON, or `interrupted` becomes true.
pub fn run(binary: &Path, job: &LoadJob<'_>, interrupted: &AtomicBool) -> anyhow::Result<LoadOutcome> {
    let mut command = Command::new(binary);
    command.args(arguments(job));
    let input = if is_plain(job.work) { String::new() } else { work::to_toml(job.work) };
    let limit = Duration::from_secs_f64(job.warmup_seconds + job.window_seconds + 2.0 * TIMEOUT_SECONDS + 10.0);
    let finished = crate::child::run_with_input(command, input, limit, Some(interrupted))?;
    if !finished.status.success() && finished.status.code() != Some(NOT_VALID) && finished.stdout.trim().is_empty() {
        bail!("webapp load failed ({}): {}", finished.status, finished.stderr.trim());
    }
    let outcome = serde_json::from_str(finished.stdout.trim()).map(LoadOutcome::without_histograms);
    outcome.with_context(|| {
        format!(
            "webapp load ({}) printed no JSON that can be read; it said: {}",
            finished.status,
            finished.stderr.trim()
        )
    })
}

/// Whether addresses alone say it.
fn is_plain(work: &[WeightedRequest]) -> bool {
    work.iter().all(|request| request.method == "GET" && request.body.is_none())
}

/// Whether it is the same each time; what cannot be read is not.
fn is_fixed(request: &WeightedRequest) -> bool {
    let body = request.body.as_deref().map_or(Ok(true), |body| Template::parse_body(body).map(|t| t.is_constant()));
    matches!((Template::parse(&request.path).map(|path| path.is_constant()), body), (Ok(true), Ok(true)))
}

/// Each level draws other keys, or a cache would know them all from the level before.
fn key_seed(job: &LoadJob<'_>) -> u64 {
    let level = match job.level {
        Level::Closed { connections } => u64::from(connections) << 1,
        Level::Open { fraction, .. } => (fraction * 1e6) as u64 * 2 + 1,
        Level::Death { killed_at_seconds, .. } => (killed_at_seconds * 1e6) as u64 * 2 + (1 << 40),
        Level::Profile { .. } => 1 << 41,
    };
    job.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(level)
}

fn arguments(job: &LoadJob<'_>) -> Vec<String> {
    let target = job.target.trim_end_matches('/');
    let mut arguments = vec!["load".to_owned()];
    if is_plain(job.work) {
        arguments.extend(job.work.iter().map(|path| match job.work.len() {
            1 => format!("{target}{}", path.path),
            _ => format!("{}:{target}{}", path.weight, path.path),
        }));
    } else {
        // On its standard input: bodies are nothing for the list of processes.
        arguments.extend([target.to_owned(), "--work".to_owned(), "-".to_owned()]);
    }
    if !job.work.iter().all(is_fixed) {
        arguments.extend(["--seed".to_owned(), key_seed(job).to_string()]);
    }
    match job.level {
        Level::Closed { connections } => arguments.extend(["--connections".to_owned(), connections.to_string()]),
        Level::Open { rate_per_second, .. } | Level::Death { rate_per_second, .. } => {
            arguments.extend(["--rate".to_owned(), format!("{rate_per_second:.3}")]);
            arguments.extend(job.users.iter().flat_map(|users| ["--users".to_owned(), users.to_string()]));
        }
        Level::Profile { shape, peak_per_second, seconds } => {
            let profile = shape.profile();
            let (time, rate) = (seconds / profile.seconds(), peak_per_second / profile.highest_rate());
            arguments.extend(["--profile".to_owned(), shape.name().to_owned()]);
            arguments.extend(["--scale-time".to_owned(), time.to_string()]);
            arguments.extend(["--scale-rate".to_owned(), rate.to_string()]);
        }
    }
    // A profile has its own length, and no warm-up.
    let windows = [("--warmup", job.warmup_seconds), ("--duration", job.window_seconds)];
    let windows = windows.into_iter().filter(|_| job.level.ladder() != Ladder::Profile);
    for (flag, seconds) in windows.chain([("--timeout", TIMEOUT_SECONDS)]) {
        arguments.extend([flag.to_owned(), format!("{}ms", (seconds * 1e3).round())]);
    }
    arguments.extend_from_slice(job.further);
    arguments.extend(["--json".to_owned(), "-".to_owned()]);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::plan::Workload;
    use crate::results::profile::Shape;

    #[test]
    fn an_arm_is_asked_by_https_where_its_cluster_speaks_it() {
        let cluster = |tls: &str| -> ClusterAnswer {
            serde_json::from_str(&format!(r#"{{"target":"http://127.0.0.1:8080","nodes":[]{tls}}}"#)).unwrap()
        };
        let tls = r#","tls":{"target":"https://dev.acme.com.ar:8443","authority":"/a.pem","http2":false}"#;
        let arm = |https| Arm { https, load: vec!["--no-keepalive".to_owned()], ..Arm::default() };
        let plain = asked(&arm(false), &cluster(tls)).unwrap();
        assert_eq!((&*plain.target, plain.further.len()), ("http://127.0.0.1:8080", 1));
        let secure = asked(&arm(true), &cluster(tls)).unwrap();
        assert_eq!(secure.target, "https://dev.acme.com.ar:8443");
        assert_eq!(secure.further.join(" "), "--no-keepalive --cacert /a.pem --connect-to 127.0.0.1:8443");
        assert!(asked(&arm(true), &cluster("")).err().unwrap().to_string().contains("--tls"));
    }

    #[test]
    fn asks_as_agreed() {
        let job = |level, work: &[WeightedRequest]| {
            arguments(&LoadJob {
                target: "http://h:1/",
                work,
                further: &["--no-keepalive".to_owned()],
                level,
                users: Some(64),
                seed: 1,
                warmup_seconds: 0.4,
                window_seconds: 2.5,
            })
            .join(" ")
        };
        assert_eq!(
            job(Level::Closed { connections: 16 }, &[WeightedRequest::get(1, "/fib?number=28")]),
            "load http://h:1/fib?number=28 --connections 16 --warmup 400ms --duration 2500ms --timeout 10000ms --no-keepalive --json -"
        );
        assert!(job(Level::Open { fraction: 0.5, rate_per_second: 120.5 }, &Workload::Mixed.requests()).starts_with(
            "load 6:http://h:1/fib?number=28 3:http://h:1/sleep?seg=0.05 1:http://h:1/io?mb=1 --rate 120.500 --users 64 "
        ));
        let day = Level::Profile { shape: Shape::Day, peak_per_second: 250.0, seconds: 86.4 };
        let day = job(day, &[WeightedRequest::get(1, "/")]);
        assert!(
            day.starts_with("load http://h:1/ --profile day --scale-time 0.001 --scale-rate 2.5 --timeout 10000ms "),
            "{day}"
        );
        let closed = Level::Closed { connections: 1 };
        let keys = job(closed, &[WeightedRequest::get(1, "/item?id={uniform 1..9}")]);
        assert!(keys.starts_with("load http://h:1/item?id={uniform 1..9} --seed "), "{keys}");
        let put = WeightedRequest {
            method: "PUT".to_owned(),
            body: Some("secret".to_owned()),
            ..WeightedRequest::get(1, "/item?id=1")
        };
        let put = job(closed, &[put]);
        assert!(put.starts_with("load http://h:1 --work - --connections 1 ") && !put.contains("secret"), "{put}");
    }
}
