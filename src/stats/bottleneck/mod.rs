//! What binds: a judgement on one window by the USE method (Gregg, "Thinking Methodically about Performance", ACM Queue
//! 10(12), 2012): for each resource its utilization, its saturation and its errors.
//!
//! A resource has a file of its own: when it binds, how full it is, and the sentences that say so. This file holds the
//! list of them, and the order in which they are checked.

mod cpu;
mod cpu_quota;
mod io;
mod memory;
mod network;
mod pool;
mod store;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::model::Window;
use super::window::Unavailable;

/// A resource that can bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Nothing binds.
    #[default]
    None,
    /// The machine's CPUs.
    Cpu,
    /// The CPU quota around this process.
    CpuQuota,
    /// Disks.
    Io,
    /// Memory, or a limit on it.
    Memory,
    /// The network.
    Network,
    /// The worker pool.
    Pool,
    /// The store, or the connections to it.
    Store,
}

impl Resource {
    /// Every resource, in the order in which they are shown.
    pub const ALL: [Self; 8] =
        [Self::None, Self::Cpu, Self::CpuQuota, Self::Io, Self::Memory, Self::Network, Self::Pool, Self::Store];

    /// The name, as `/stats` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cpu => "cpu",
            Self::CpuQuota => "cpu-quota",
            Self::Io => "io",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Pool => "pool",
            Self::Store => "store",
        }
    }

    /// The resource in a sentence: "the CPU quota".
    pub fn label(self) -> &'static str {
        self.rule().map_or("nothing", |rule| rule.label[0])
    }

    /// The same in Spanish.
    pub fn label_es(self) -> &'static str {
        self.rule().map_or("nada", |rule| rule.label[1])
    }

    fn rule(self) -> Option<&'static ResourceRule> {
        match self {
            Self::None => None,
            Self::Cpu => Some(&cpu::RULE),
            Self::CpuQuota => Some(&cpu_quota::RULE),
            Self::Io => Some(&io::RULE),
            Self::Memory => Some(&memory::RULE),
            Self::Network => Some(&network::RULE),
            Self::Pool => Some(&pool::RULE),
            Self::Store => Some(&store::RULE),
        }
    }
}

/// The order of the checks. It is part of the judgement, because one shortage shows as another.
///
/// Memory comes first: a machine short of it also waits for disks and burns system time. A quota comes before the CPU:
/// throttling is direct evidence that this node is held. The CPU comes before I/O: iowait is idle time, so a disk cannot be
/// what holds a machine that is never idle. The store comes after all that is in the machine: a node that is held takes its
/// answers late, too. The pool comes last: its threads also fill up when what they wait for is short, as the store in the
/// model sync, and more of them would not help then.
const CHECKS: [Resource; Resource::ALL.len() - 1] = [
    Resource::Memory,
    Resource::CpuQuota,
    Resource::Cpu,
    Resource::Io,
    Resource::Network,
    Resource::Store,
    Resource::Pool,
];

/// The judgement on a window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bottleneck {
    /// What binds.
    pub resource: Resource,
    /// How much of it was in use, 0 to 100; of the fullest resource when nothing binds.
    pub utilization: Option<f64>,
    /// One sentence with the figures that say so.
    pub evidence: String,
    /// The same in Spanish.
    pub evidence_es: String,
}

/// What a resource's file tells of it.
struct ResourceRule {
    resource: Resource,
    /// The resource in a sentence, in English and in Spanish.
    label: [&'static str; 2],
    /// The place in `/stats` under which `unavailable` says why `used` is not known.
    source: &'static str,
    /// How full it is, of its fullest part.
    used: fn(&Window) -> Option<Used>,
    /// Whether it binds in a window, and the figures that say so.
    binds: fn(&Window) -> Option<BindingResource>,
}

/// A resource that binds.
struct BindingResource {
    utilization: Option<f64>,
    figures: BottleneckText,
}

/// How full a resource is.
struct Used {
    /// 0 to 100.
    percent: f64,
    /// The part that is the fullest: `the disk vda is`, `el disco vda`.
    part: BottleneckText,
}

impl Used {
    fn new(percent: f64, en: impl Into<String>, es: impl Into<String>) -> Self {
        Self { percent, part: BottleneckText { en: en.into(), es: es.into() } }
    }

    fn compare(left: &Self, right: &Self) -> Ordering {
        left.percent.total_cmp(&right.percent)
    }
}

/// A sentence in the languages of the page.
struct BottleneckText {
    en: String,
    es: String,
}

impl BottleneckText {
    fn push(&mut self, en: impl AsRef<str>, es: impl AsRef<str>) {
        self.en.push_str(en.as_ref());
        self.es.push_str(es.as_ref());
    }
}

/// `1 task`, `2 tasks`.
fn counted(count: u64, [one, many]: [&str; 2]) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A number as Spanish writes it: `0,25`.
fn comma(number: impl Display) -> String {
    number.to_string().replace('.', ",")
}

/// Names the resource that binds in this window, or `none`, with one sentence of figures.
pub fn judge(window: &Window) -> Bottleneck {
    let bound = CHECKS.iter().filter_map(|resource| resource.rule());
    bound
        .filter_map(|rule| Some((rule.resource, (rule.binds)(window)?)))
        .map(|(resource, binding)| bottleneck(resource, binding))
        .next()
        .unwrap_or_else(|| bottleneck(Resource::None, none(window)))
}

fn bottleneck(resource: Resource, BindingResource { utilization, figures }: BindingResource) -> Bottleneck {
    let sentence = |figures: String| format!("{}: {figures}", resource.name());
    Bottleneck { resource, utilization, evidence: sentence(figures.en), evidence_es: sentence(figures.es) }
}

/// The fullest resource, when nothing binds.
fn none(window: &Window) -> BindingResource {
    let said = |en: &str, es: &str| BindingResource {
        utilization: None,
        figures: BottleneckText { en: en.into(), es: es.into() },
    };
    if window.window_seconds.is_none() {
        return said("the first window has not ended yet", "la primera ventana no ha terminado todavía");
    }
    let fullest = Resource::ALL.iter().filter_map(|resource| (resource.rule()?.used)(window)).max_by(Used::compare);
    match fullest {
        Some(Used { percent, part: BottleneckText { en, es } }) => BindingResource {
            utilization: Some(percent),
            figures: BottleneckText {
                en: format!("{en} used most, {percent:.0} %"),
                es: format!("lo más usado es {es}, {percent:.0} %"),
            },
        },
        None => said("no figure of this machine could be read", "no se pudo leer ningún valor de esta máquina"),
    }
}

/// How full each resource is, 0 to 100. Of one that is not known, `unavailable` gets the reason.
pub fn resources(window: &Window, unavailable: &mut Unavailable) -> BTreeMap<Resource, Option<f64>> {
    let rules = Resource::ALL.iter().filter_map(|resource| resource.rule());
    rules
        .map(|rule| {
            let used = (rule.used)(window).map(|used| (used.percent * 100.0).round() / 100.0);
            if used.is_none() {
                let reason = reason(unavailable, rule.source);
                let reason = reason.unwrap_or_else(|| "nothing of it has been counted in this window".to_owned());
                unavailable.insert(format!("resources.{}", rule.resource.name()), reason);
            }
            (rule.resource, used)
        })
        .collect()
}

/// The reason that stands at a place, or at the next one around it that has one.
fn reason(unavailable: &Unavailable, mut place: &str) -> Option<String> {
    loop {
        if let Some(reason) = unavailable.get(place) {
            return Some(reason.clone());
        }
        place = place.rsplit_once('.')?.0;
    }
}
