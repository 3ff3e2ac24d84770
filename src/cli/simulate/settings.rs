//! The flags of `webapp simulate`, which are also the keys of its TOML file, and the model they make.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use anyhow::Context;
use serde::{Deserialize, Deserializer};

use super::super::units;
use super::sources::{self, ArrivalsSpec, ServiceSpec};
use crate::simulate::{
    ClientModel, Death, Discipline, Policy, SimulatedQuota, SimulatedServer, StoreModel, SystemModel,
};

/// What can be set. Nothing is set by default: a flag overrides the file, and the file the default.
#[derive(clap::Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct SimulateSettings {
    /// poisson, even, or a file: one gap in seconds a line, or 'seconds,requests a second' a line (linear between)
    /// [default: poisson].
    #[arg(long, value_name = "poisson|even|FILE", env = "WEBAPP_SIMULATE_ARRIVALS", help_heading = "Load")]
    #[serde(deserialize_with = "typed")]
    arrivals: Option<ArrivalsSpec>,
    /// Requests a second, of the whole system; a file of arrivals is brought to this mean.
    #[arg(long, value_name = "R", env = "WEBAPP_SIMULATE_RATE", help_heading = "Load")]
    #[serde(deserialize_with = "typed")]
    rate: Option<f64>,
    /// Measured requests, such as 1e7; more make the intervals narrower [default: 1e6].
    #[arg(long, value_name = "N", env = "WEBAPP_SIMULATE_REQUESTS", help_heading = "Load")]
    #[serde(deserialize_with = "typed")]
    requests: Option<Count>,
    /// Requests before them, that are not measured [default: a tenth].
    #[arg(long, value_name = "N", env = "WEBAPP_SIMULATE_WARMUP", help_heading = "Load")]
    #[serde(deserialize_with = "typed")]
    warmup: Option<Count>,
    /// Tasks of a request: it is done when all of them are, each on a node of its own [default: 1].
    #[arg(long, value_name = "N", env = "WEBAPP_SIMULATE_FORK", help_heading = "Load")]
    #[serde(deserialize_with = "typed")]
    fork: Option<Count>,
    /// Equal seeds give equal results [default: 1].
    #[arg(long, value_name = "N", env = "WEBAPP_SIMULATE_SEED", help_heading = "Load")]
    #[serde(deserialize_with = "typed")]
    seed: Option<u64>,

    /// exponential:TIME, fixed:TIME, lognormal:TIME:CV, a results folder of 'webapp bench', or a file with a time in seconds a
    /// line [default: exponential:1s].
    #[arg(long, value_name = "SERVICE", env = "WEBAPP_SIMULATE_SERVICE", help_heading = "Nodes")]
    #[serde(deserialize_with = "typed")]
    service: Option<ServiceSpec>,
    /// [default: 1].
    #[arg(long, value_name = "N", env = "WEBAPP_SIMULATE_NODES", help_heading = "Nodes")]
    #[serde(deserialize_with = "typed")]
    nodes: Option<Count>,
    /// Threads of a node, each with a core of its own [default: 1].
    #[arg(long, value_name = "N", env = "WEBAPP_SIMULATE_THREADS", help_heading = "Nodes")]
    #[serde(deserialize_with = "typed")]
    threads: Option<Count>,
    /// Requests that may wait at a node; more are refused [default: any number].
    #[arg(long, value_name = "N", env = "WEBAPP_SIMULATE_QUEUE", help_heading = "Nodes")]
    #[serde(deserialize_with = "typed")]
    queue: Option<Count>,
    /// fcfs: first come, first served. ps: all at once, sharing the threads [default: fcfs].
    #[arg(long, value_name = "fcfs|ps", value_parser = word::<Discipline>, env = "WEBAPP_SIMULATE_DISCIPLINE", help_heading = "Nodes")]
    discipline: Option<Discipline>,
    /// CPU that the threads of a node get together, in percent of one core, as the kernel's quota gives it.
    #[arg(long, value_name = "SHARE", env = "WEBAPP_SIMULATE_QUOTA", help_heading = "Nodes")]
    #[serde(deserialize_with = "typed")]
    quota: Option<Fraction>,
    /// Period of the quota [default: 100ms].
    #[arg(long, value_name = "TIME", env = "WEBAPP_SIMULATE_PERIOD", help_heading = "Nodes")]
    #[serde(deserialize_with = "typed")]
    period: Option<Seconds>,

    /// random, round-robin, least-connections or two-choices [default: round-robin].
    #[arg(long, value_name = "POLICY", value_parser = word::<Policy>, env = "WEBAPP_SIMULATE_BALANCER", help_heading = "Balancer and failures")]
    balancer: Option<Policy>,
    /// So long after a node's death or return the balancer sees it [default: 2s].
    #[arg(long, value_name = "TIME", env = "WEBAPP_SIMULATE_HEALTH_CHECK", help_heading = "Balancer and failures")]
    #[serde(deserialize_with = "typed")]
    health_check: Option<Seconds>,
    /// A node dies, and with '+' is back after a time: 1@60s, 1@60s+30s; may be repeated. Times count from the warm-up's start.
    #[arg(
        long,
        value_name = "NODE@TIME[+TIME]",
        value_delimiter = ',',
        env = "WEBAPP_SIMULATE_DEATH",
        help_heading = "Balancer and failures"
    )]
    #[serde(deserialize_with = "typed_list")]
    death: Vec<DeathSpec>,

    /// A client gives up a try after this time [default: never].
    #[arg(long, value_name = "TIME", env = "WEBAPP_SIMULATE_TIMEOUT", help_heading = "Clients")]
    #[serde(deserialize_with = "typed")]
    timeout: Option<Seconds>,
    /// Tries after the first [default: 0].
    #[arg(long, value_name = "N", env = "WEBAPP_SIMULATE_RETRIES", help_heading = "Clients")]
    #[serde(deserialize_with = "typed")]
    retries: Option<Count>,
    /// Wait before the first of them; it doubles with each further one [default: 0s].
    #[arg(long, value_name = "TIME", env = "WEBAPP_SIMULATE_RETRY_DELAY", help_heading = "Clients")]
    #[serde(deserialize_with = "typed")]
    retry_delay: Option<Seconds>,
    /// Wait a random part of that time.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "WEBAPP_SIMULATE_RETRY_JITTER", help_heading = "Clients")]
    retry_jitter: Option<bool>,
    /// Retries of all clients together, as a share of the requests [default: any number].
    #[arg(long, value_name = "SHARE", env = "WEBAPP_SIMULATE_RETRY_BUDGET", help_heading = "Clients")]
    #[serde(deserialize_with = "typed")]
    retry_budget: Option<Fraction>,
    /// Nodes also serve queued requests whose client has given up; without it they drop them.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "WEBAPP_SIMULATE_SERVE_ABANDONED", help_heading = "Clients")]
    serve_abandoned: Option<bool>,

    /// Stores behind the nodes, one of which each request needs [default: 0].
    #[arg(long, value_name = "N", env = "WEBAPP_SIMULATE_STORES", help_heading = "Stores")]
    #[serde(deserialize_with = "typed")]
    stores: Option<Count>,
    /// As --service, for a store [default: exponential:1s].
    #[arg(long, value_name = "SERVICE", env = "WEBAPP_SIMULATE_STORE_SERVICE", help_heading = "Stores")]
    #[serde(deserialize_with = "typed")]
    store_service: Option<ServiceSpec>,
    /// Threads of a store [default: 1].
    #[arg(long, value_name = "N", env = "WEBAPP_SIMULATE_STORE_THREADS", help_heading = "Stores")]
    #[serde(deserialize_with = "typed")]
    store_threads: Option<Count>,
    /// Requests that may wait at a store [default: any number].
    #[arg(long, value_name = "N", env = "WEBAPP_SIMULATE_STORE_QUEUE", help_heading = "Stores")]
    #[serde(deserialize_with = "typed")]
    store_queue: Option<Count>,
    /// Share of the requests that need a store [default: 100%].
    #[arg(long, value_name = "SHARE", env = "WEBAPP_SIMULATE_STORE_SHARE", help_heading = "Stores")]
    #[serde(deserialize_with = "typed")]
    store_share: Option<Fraction>,
    /// The node's thread waits for the store, as in a synchronous server.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "WEBAPP_SIMULATE_STORE_HOLDS_THREAD", help_heading = "Stores")]
    store_holds_thread: Option<bool>,
}

/// The fields of the first, or where they are not set, of the second.
macro_rules! first_set {
    ($first:ident, $second:ident; $($field:ident),* $(,)?) => {
        SimulateSettings {
            death: if $first.death.is_empty() { $second.death } else { $first.death },
            $($field: $first.$field.or($second.$field)),*
        }
    };
}

impl SimulateSettings {
    /// Reads a TOML file.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("cannot understand {}", file.display()))
    }

    /// These settings, and `other` where nothing is set.
    pub fn or(self, other: Self) -> Self {
        first_set!(self, other;
            arrivals, rate, requests, warmup, fork, seed, service, nodes, threads, queue, discipline, quota, period, balancer,
            health_check, timeout, retries, retry_delay, retry_jitter, retry_budget, serve_abandoned, stores, store_service,
            store_threads, store_queue, store_share, store_holds_thread,
        )
    }

    /// The model, and what is to be said of its sources.
    ///
    /// # Errors
    /// When a file cannot be read, settings contradict each other, or the model cannot be simulated.
    pub fn model(self) -> anyhow::Result<(SystemModel, Vec<String>)> {
        let mut notes = Vec::new();
        let arrivals = sources::arrivals(self.arrivals.as_ref(), self.rate)?;
        let service = sources::service(self.service.as_ref(), &mut notes)?;
        let requests = self.requests.map_or(1_000_000, |count| count.0);
        let nodes = size(self.nodes, 1, "nodes")?;
        anyhow::ensure!(self.quota.is_some() || self.period.is_none(), "--period needs --quota");
        let quota = self
            .quota
            .map(|quota| SimulatedQuota { cores: quota.0, period_seconds: self.period.map_or(0.1, |period| period.0) });
        let model = SystemModel {
            server: SimulatedServer {
                threads: number(self.threads, 1, "threads")?,
                queue: self.queue.map(|queue| number(Some(queue), 0, "queue")).transpose()?,
                discipline: self.discipline.unwrap_or(Discipline::Fcfs),
                quota,
            },
            balancer: self.balancer.unwrap_or(Policy::RoundRobin),
            check_seconds: self.health_check.map_or(2.0, |seconds| seconds.0),
            fork: size(self.fork, 1, "fork")?,
            store: self.store(&mut notes)?,
            client: ClientModel {
                timeout_seconds: self.timeout.map(|seconds| seconds.0),
                retries: number(self.retries, 0, "retries")?,
                retry_seconds: self.retry_delay.map_or(0.0, |seconds| seconds.0),
                jitter: self.retry_jitter.unwrap_or(false),
                retry_budget: self.retry_budget.map(|share| share.0),
                serve_abandoned: self.serve_abandoned.unwrap_or(false),
            },
            deaths: self.death.iter().map(|death| death.0).collect(),
            warmup: self.warmup.map_or(requests / 10, |count| count.0),
            seed: self.seed.unwrap_or(1),
            arrivals,
            ..SystemModel::new(1.0, service, nodes, requests)
        };
        model.check()?;
        Ok((model, notes))
    }

    fn store(&self, notes: &mut Vec<String>) -> anyhow::Result<Option<StoreModel>> {
        let count = size(self.stores, 0, "stores")?;
        if count == 0 {
            let others = [
                (self.store_service.is_some(), "--store-service"),
                (self.store_threads.is_some(), "--store-threads"),
                (self.store_queue.is_some(), "--store-queue"),
                (self.store_share.is_some(), "--store-share"),
                (self.store_holds_thread.is_some(), "--store-holds-thread"),
            ];
            let given = others.into_iter().find(|(given, _)| *given);
            anyhow::ensure!(given.is_none(), "{} needs --stores", given.map_or("", |(_, flag)| flag));
            return Ok(None);
        }
        Ok(Some(StoreModel {
            count,
            server: SimulatedServer {
                threads: number(self.store_threads, 1, "store-threads")?,
                queue: self.store_queue.map(|queue| number(Some(queue), 0, "store-queue")).transpose()?,
                ..SimulatedServer::default()
            },
            service: sources::service(self.store_service.as_ref(), notes)?,
            share: self.store_share.map_or(1.0, |share| share.0),
            holds_thread: self.store_holds_thread.unwrap_or(false),
        }))
    }
}

fn number(count: Option<Count>, default: u32, flag: &str) -> anyhow::Result<u32> {
    let Some(Count(count)) = count else { return Ok(default) };
    u32::try_from(count).ok().with_context(|| format!("--{flag} {count} is too large"))
}

fn size(count: Option<Count>, default: usize, flag: &str) -> anyhow::Result<usize> {
    let Some(Count(count)) = count else { return Ok(default) };
    usize::try_from(count).ok().with_context(|| format!("--{flag} {count} is too large"))
}

/// A whole number, also as 1e7.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Count(u64);

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(count) = text.parse() {
            return Ok(Self(count));
        }
        match text.parse::<f64>() {
            // Beyond this not every whole number is one of f64's.
            Ok(count) if (0.0..=9e15).contains(&count) && count.fract() == 0.0 => Ok(Self(count as u64)),
            _ => Err(format!("'{text}' is not a whole number of 0 or more; write for instance 1000 or 1e7")),
        }
    }
}

/// A time with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seconds(f64);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        units::duration(text).map(|time| Self(time.as_secs_f64()))
    }
}

/// A share: 25% or 0.25.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fraction(f64);

impl FromStr for Fraction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (number, factor) = text.strip_suffix('%').map_or((text, 1.0), |number| (number.trim_end(), 0.01));
        match number.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(Self(number * factor)),
            _ => Err(format!("'{text}' is not a share; write for instance 25% or 0.25")),
        }
    }
}

/// A node that dies: `NODE@TIME` or `NODE@TIME+TIME`, nodes counted from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DeathSpec(Death);

impl FromStr for DeathSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a death; write NODE@TIME or NODE@TIME+TIME, for instance 1@60s+30s");
        let (node, times) = text.trim().split_once('@').ok_or_else(wrong)?;
        let (at, back) = times.split_once('+').map_or((times, None), |(at, back)| (at, Some(back)));
        let node: usize = node.parse().ok().filter(|node| *node > 0).ok_or_else(wrong)?;
        let seconds = |time: &str| units::duration(time).map(|time| time.as_secs_f64()).map_err(|_| wrong());
        Ok(Self(Death { node: node - 1, at_seconds: seconds(at)?, for_seconds: back.map(seconds).transpose()? }))
    }
}

/// One of the words that the file knows too.
fn word<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
    let value = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text);
    T::deserialize(value).map_err(|error| error.to_string())
}

/// What a TOML file may give where a flag takes a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum TomlText {
    Text(String),
    Whole(i64),
    Number(f64),
}

impl TomlText {
    fn parse<T: FromStr<Err: Display>, E: serde::de::Error>(self) -> Result<T, E> {
        let text = match self {
            Self::Text(text) => text,
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
        };
        text.parse().map_err(E::custom)
    }
}

fn typed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<Option<T>, D::Error> {
    TomlText::deserialize(deserializer)?.parse().map(Some)
}

fn typed_list<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        Many(Vec<TomlText>),
        One(TomlText),
    }
    match OneOrMany::deserialize(deserializer)? {
        OneOrMany::Many(all) => all.into_iter().map(TomlText::parse).collect(),
        OneOrMany::One(one) => Ok(vec![one.parse()?]),
    }
}
