//! Why the figures of a run may not be used: judged once, from the run's own figures, and said in both languages.

use std::collections::BTreeMap;

use super::load::{ErrorKind, GeneratorUse, InvalidCause, LoadOutcome, Validity};
use super::number::{percent, significant};
use super::run::{MachineUse, RunVerdict};
use crate::design::{Text, both};

/// Above this share of the machine, CPU of others makes a run not valid.
const MOST_FOREIGN: f64 = 0.1;
/// A machine with less than this left is full.
const FULL: f64 = 0.95;
/// On a full machine, this share of it already takes something from the cluster.
const NOTICEABLE: f64 = 0.03;
/// A cluster that used less than this share of its quota could have used more.
const BELOW_QUOTA: f64 = 0.9;
/// Share of requests that may fail before a run's figures are refused as a ceiling's.
const TOLERATED_ERRORS: f64 = 0.01;

/// What a run is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// What was sent, and answered.
    pub load: &'a LoadOutcome,
    /// The machine meanwhile.
    pub machine: &'a MachineUse,
    /// CPU that all nodes may use, in cores. `None` without a limit, and where nodes come and go.
    pub quota_cores: Option<f64>,
    /// Refusals are the right answer beyond the ceiling.
    pub overload_expected: bool,
    /// Each answer has a node that gave it.
    pub names_expected: bool,
}

/// One reason.
#[derive(Clone, Debug, PartialEq)]
pub enum InvalidReason {
    /// Others used CPU of the machine.
    Others(ForeignCpu),
    /// The load generator was the limit, for this reason.
    Generator(Text),
    /// No request was answered correctly.
    NothingAnswered,
    /// More requests failed than a ceiling may have.
    Failed {
        /// Of so many requests.
        requests: u64,
        /// How many, by kind.
        kinds: BTreeMap<ErrorKind, u64>,
    },
    /// Answers that name no node.
    Nameless {
        /// So many.
        nameless: u64,
        /// Of so many correct answers.
        answers: u64,
    },
}

/// CPU that belongs to nobody of the run, in cores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForeignCpu {
    /// Used by others.
    pub cores: f64,
    /// Taken by the hypervisor, where it is worth telling.
    pub stolen: Option<f64>,
    /// What the nodes got, and what they might have had, where that was less.
    pub held: Option<(f64, f64)>,
}

impl Judged<'_> {
    /// Why the run is not valid; empty where it is.
    pub fn reasons(&self) -> Vec<InvalidReason> {
        let others = self.others().map(InvalidReason::Others);
        let generator = generator(&self.load.generator).map(InvalidReason::Generator);
        let nothing = (self.load.requests_ok == 0).then_some(InvalidReason::NothingAnswered);
        others.into_iter().chain(generator).chain(nothing).chain(self.failed()).chain(self.nameless()).collect()
    }

    /// Whether the figures may be used, as a line of `runs.jsonl` has it.
    pub fn verdict(&self) -> RunVerdict {
        let reasons: Vec<String> = self.reasons().iter().map(|reason| reason.words().en().to_owned()).collect();
        RunVerdict { valid: reasons.is_empty(), reasons }
    }

    fn others(&self) -> Option<ForeignCpu> {
        let machine = self.machine;
        let (foreign, cores) = (machine.foreign_cores?, machine.cores?);
        let full = machine.busy_cores.is_some_and(|busy| busy >= FULL * cores);
        let held = machine.nodes_cores.zip(self.quota_cores).filter(|(used, quota)| *used < BELOW_QUOTA * quota);
        let held = held.filter(|_| full && foreign >= NOTICEABLE * cores);
        if foreign <= MOST_FOREIGN * cores && held.is_none() {
            return None;
        }
        let stolen = machine.steal_percent.map(|percent| percent / 100.0 * cores);
        Some(ForeignCpu { cores: foreign, stolen: stolen.filter(|stolen| *stolen >= NOTICEABLE * cores), held })
    }

    fn failed(&self) -> Option<InvalidReason> {
        // A lost session is what such a run asks for: it is told as a figure, and lowers goodput, but is nothing wrong with the
        // run.
        let failures = self.load.errors.iter().filter(|(kind, _)| **kind != ErrorKind::SessionLost);
        let kinds: BTreeMap<ErrorKind, u64> = failures.map(|(kind, count)| (*kind, *count)).collect();
        let requests = self.load.requests_total;
        let too_many = kinds.values().sum::<u64>() as f64 > TOLERATED_ERRORS * requests as f64;
        (too_many && !self.overload_expected).then_some(InvalidReason::Failed { requests, kinds })
    }

    fn nameless(&self) -> Option<InvalidReason> {
        let (named, answers): (u64, u64) = (self.load.nodes.values().sum(), self.load.requests_ok);
        let nameless = answers.saturating_sub(named);
        (self.names_expected && nameless > 0).then_some(InvalidReason::Nameless { nameless, answers })
    }
}

/// What made the generator the limit, where it was.
pub fn generator(generator: &GeneratorUse) -> Option<Text> {
    match (generator.verdict, generator.cause) {
        (Validity::Valid, _) => None,
        (Validity::GeneratorBound, None) => Some(Text::as_written(&generator.reason)),
        (Validity::GeneratorBound, Some(cause)) => Some(Text::new(&generator.reason, cause_es(cause))),
    }
}

/// The English is the sentence that the generator wrote, with its figures.
fn cause_es(cause: InvalidCause) -> &'static str {
    match cause {
        InvalidCause::Nothing => "no se envió nada",
        InvalidCause::Files => "se quedó sin archivos abiertos",
        InvalidCause::Ports => "se quedó sin puertos locales",
        InvalidCause::Unreadable => "no se pudo leer su propio tiempo de CPU",
        InvalidCause::Busy => "uno de sus hilos estuvo ocupado todo el tiempo",
        InvalidCause::Crowded => "todas las CPU de la máquina estaban en uso",
        InvalidCause::Short => "despachó menos peticiones de las que debía",
        InvalidCause::Late => "envió las peticiones, pero tarde",
    }
}

impl InvalidReason {
    /// In plain words.
    pub fn words(&self) -> Text {
        match self {
            Self::Others(others) => others.words(),
            Self::Generator(why) => {
                both!("the generator was the limit: {why}", "el generador fue el límite: {why}", why)
            }
            Self::NothingAnswered => {
                Text::new("no request was answered correctly", "ninguna petición fue respondida correctamente")
            }
            Self::Failed { requests, kinds } => {
                let failed: u64 = kinds.values().sum();
                let share = percent(100.0 * failed as f64 / (*requests).max(1) as f64);
                let each = kinds.iter().map(|(kind, count)| format!("{count} {}", kind.words())).collect::<Vec<_>>();
                let english = format!("{failed} of {requests} requests failed ({})", each.join(", "));
                Text::counted(english, format!("fallaron {failed} de {requests} peticiones ({share} %)"))
            }
            Self::Nameless { nameless, answers } => both!(
                "{nameless} of {answers} answers name no node",
                "{nameless} de {answers} respuestas no dicen de qué nodo son",
                nameless,
                answers
            ),
        }
    }
}

impl ForeignCpu {
    fn words(&self) -> Text {
        let two = |cores: f64| significant(cores, 2);
        let stolen = self.stolen.map_or_else(Text::default, |stolen| {
            both!(
                " ({stolen} of them taken by the hypervisor)",
                " ({stolen} de ellos los tomó el hipervisor)",
                stolen = two(stolen)
            )
        });
        let held = self.held.map_or_else(Text::default, |(used, quota)| {
            both!(
                "; the nodes got {used} of their {quota} cores",
                "; los nodos recibieron {used} de sus {quota} núcleos",
                used = two(used),
                quota = two(quota)
            )
        });
        both!(
            "other processes used {cores} cores meanwhile{stolen}{held}",
            "otros procesos usaron {cores} núcleos mientras tanto{stolen}{held}",
            cores = two(self.cores),
            stolen,
            held
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> LoadOutcome {
        LoadOutcome {
            requests_total: 100,
            requests_ok: 100,
            nodes: BTreeMap::from([("a".to_owned(), 60), ("b".to_owned(), 40)]),
            generator: GeneratorUse { verdict: Validity::Valid, ..GeneratorUse::default() },
            ..LoadOutcome::default()
        }
    }

    fn judged(load: &LoadOutcome, overload_expected: bool, names_expected: bool) -> Vec<InvalidReason> {
        let machine = &MachineUse::default();
        Judged { load, machine, quota_cores: None, overload_expected, names_expected }.reasons()
    }

    #[test]
    fn what_the_load_tells() {
        assert_eq!(judged(&good(), false, true), []);
        let nameless = LoadOutcome { nodes: BTreeMap::new(), ..good() };
        assert_eq!(judged(&nameless, false, false), [], "other people's services need not name themselves");
        let bound = GeneratorUse { reason: "30 ms late".to_owned(), ..GeneratorUse::default() };
        let late = GeneratorUse { cause: Some(InvalidCause::Late), ..bound.clone() };
        let failed = BTreeMap::from([(ErrorKind::TimedOut, 4), (ErrorKind::Reset, 1)]);
        for (load, english, spanish) in [
            (
                LoadOutcome { generator: bound, ..good() },
                "the generator was the limit: 30 ms late",
                "el generador fue el límite: 30 ms late",
            ),
            (
                LoadOutcome { generator: late, ..good() },
                "the generator was the limit: 30 ms late",
                "el generador fue el límite: envió las peticiones, pero tarde",
            ),
            (nameless, "100 of 100 answers name no node", "100 de 100 respuestas no dicen de qué nodo son"),
            (
                LoadOutcome { requests_ok: 0, ..good() },
                "no request was answered correctly",
                "ninguna petición fue respondida correctamente",
            ),
            (
                LoadOutcome { errors: failed, requests_total: 200, ..good() },
                "5 of 200 requests failed (1 reset, 4 timed out)",
                "fallaron 5 de 200 peticiones (2,5 %)",
            ),
        ] {
            let reasons = judged(&load, false, true);
            let [reason] = &*reasons else { panic!("{reasons:?}") };
            assert_eq!((reason.words().en(), reason.words().es()), (english, spanish));
        }
    }

    #[test]
    fn what_is_nothing_wrong() {
        let forgetful = LoadOutcome {
            requests_ok: 30,
            nodes: BTreeMap::from([("a".to_owned(), 100)]),
            errors: BTreeMap::from([(ErrorKind::SessionLost, 70)]),
            ..good()
        };
        assert_eq!(judged(&forgetful, false, true), [], "lost sessions are a result");
        let overloaded = LoadOutcome { errors: BTreeMap::from([(ErrorKind::UnexpectedStatus, 40)]), ..good() };
        assert_eq!(judged(&overloaded, true, true), [], "beyond the ceiling, refusals are the right answer");
    }

    #[test]
    fn runs_beside_others_are_not_valid() {
        for (foreign, busy, steal, used, quota, said) in [
            (None, 2.0, 0.0, Some(0.5), Some(1.0), None),
            (Some(0.05), 1.0, 0.0, Some(1.0), Some(1.0), None),
            (Some(0.2), 1.0, 0.0, Some(1.0), Some(1.0), None),
            (Some(0.9), 2.0, 0.0, Some(1.0), Some(1.0), Some("other processes used 0.90 cores meanwhile")),
            (
                Some(0.5),
                1.2,
                20.0,
                Some(1.0),
                Some(1.0),
                Some("other processes used 0.50 cores meanwhile (0.40 of them taken by the hypervisor)"),
            ),
            // On a full machine less is enough, where the cluster had to do with less than its quota.
            (
                Some(0.1),
                1.95,
                0.0,
                Some(0.8),
                Some(1.0),
                Some("other processes used 0.10 cores meanwhile; the nodes got 0.80 of their 1.0 cores"),
            ),
            (Some(0.1), 1.95, 0.0, Some(0.98), Some(1.0), None),
            (Some(0.1), 1.5, 0.0, Some(0.8), Some(1.0), None),
            (Some(0.01), 2.0, 0.0, Some(0.8), Some(1.0), None),
            (Some(0.1), 1.95, 0.0, Some(0.8), None, None),
        ] {
            let machine = &MachineUse {
                cores: Some(2.0),
                busy_cores: Some(busy),
                nodes_cores: used,
                foreign_cores: foreign,
                steal_percent: Some(steal),
                ..MachineUse::default()
            };
            let judged =
                Judged { load: &good(), machine, quota_cores: quota, overload_expected: false, names_expected: true };
            let found: Vec<Text> = judged.reasons().iter().map(InvalidReason::words).collect();
            assert_eq!(found.first().map(Text::en), said, "{foreign:?} {busy} {steal} {used:?} {quota:?}");
        }
    }
}
