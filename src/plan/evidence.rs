//! What a results folder tells a plan, of one arm: the sizes at which its nodes were the limit, and what the tiers around them cost.

use super::error::PlanError;
use super::measurement::{Measurement, StoreMeasurement};
use crate::design::Text;
use crate::report::analysis::{self, Point};
use crate::report::binding::Limit;
use crate::results::arm::{Arm, PointKey, Scale};
use crate::results::folder::Results;
use crate::results::load::Arrivals;
use crate::results::plan::Plan;
use crate::results::queries;
use crate::results::run::{Level, Run};
use crate::results::statistics::Spread;
use crate::simulate::Policy;
use crate::stats::Resource;

/// One arm.
#[derive(Clone, Debug)]
pub struct ArmEvidence {
    /// Its name.
    pub arm: String,
    /// Sizes at which the nodes were the limit, rising.
    pub sizes: Vec<ClusterSize>,
    /// The other sizes, each with what was the limit there.
    pub left_out: Vec<LeftOut>,
    /// Units of CPU that a node has, by which machines are priced.
    pub node_units: u32,
    /// How the balancer chooses.
    pub policy: Policy,
    /// The open ladder at the largest size, rising in rate; empty where it was not climbed there.
    pub open: Vec<OpenPoint>,
    /// What was measured, and how.
    pub plan: Plan,
}

/// One size of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSize {
    /// Nodes.
    pub nodes: u32,
    /// The step of the scale.
    pub scale: Scale,
    /// Valid runs at the ceiling's level.
    pub runs: Vec<Measurement>,
    /// False: more connections might have brought more.
    pub is_limit: bool,
    /// What stopped it, with its figures.
    pub evidence: Text,
}

/// A size at which not the nodes were the limit.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// It.
    pub size: ClusterSize,
    /// What was.
    pub limit: Limit,
}

/// One rate of the open ladder: medians over its valid runs.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenPoint {
    /// Share of what counted as the ceiling.
    pub fraction: f64,
    /// Requests offered a second.
    pub rate_per_second: f64,
    /// How the gaps were drawn.
    pub arrivals: Arrivals,
    /// Median response time, milliseconds.
    pub p50_milliseconds: f64,
    /// Its 99th percentile.
    pub p99_milliseconds: f64,
    /// The percentile that the folder's objective names.
    pub objective_milliseconds: f64,
    /// CPU seconds of the nodes for each answer.
    pub node_seconds: Option<f64>,
    /// Requests that stand behind it, over its runs.
    pub requests: u64,
}

impl ArmEvidence {
    /// Of the arm that is named, else of the only one whose nodes grow.
    ///
    /// # Errors
    /// When the folder does not fit; each says what to do.
    pub fn of(results: &Results, arm: Option<&str>) -> Result<Self, PlanError> {
        let plan = &results.manifest.plan;
        let points = analysis::points(results);
        let arm = choose(plan, results, arm)?;
        let (sizes, left_out) = sizes(results, &points, &arm.name);
        if sizes.is_empty() && left_out.is_empty() {
            return Err(PlanError::NothingValid { arm: arm.name.clone() });
        }
        let Some(largest) = sizes.last() else { return Err(one_size(arm, &left_out)) };
        let first = sizes.first().unwrap_or(largest);
        let grows = first.nodes < largest.nodes;
        // Nodes that grow in size and not in number are replicated as they are: the largest one is the node.
        let (sizes, node_units) = if grows {
            let units = largest.scale.number().unwrap_or(1.0) / f64::from(largest.nodes);
            (sizes.clone(), units.round().max(1.0) as u32)
        } else if sizes.len() > 1 {
            (vec![largest.clone()], largest.scale.whole().unwrap_or(1))
        } else {
            return Err(one_size(arm, &left_out));
        };
        if sizes.iter().all(|size| size.runs.len() < 2) {
            return Err(PlanError::NoRepeats { arm: arm.name.clone() });
        }
        let open = sizes.last().map_or_else(Vec::new, |size| open_points(results, &points, &arm.name, &size.scale));
        Ok(Self { arm: arm.name.clone(), sizes, left_out, node_units, policy: policy(arm), open, plan: plan.clone() })
    }

    /// The largest size at which the nodes were the limit: the cell that is replicated.
    pub fn cell(&self) -> &ClusterSize {
        // There is one: `of` sees to it, and `without_largest` keeps one.
        &self.sizes[self.sizes.len() - 1]
    }

    /// The same without its largest size and without the open ladder, as if both had not been measured. `None` with one size.
    pub fn without_largest(&self) -> Option<Self> {
        let sizes = self.sizes.split_last().map(|(_, others)| others.to_vec()).filter(|others| !others.is_empty())?;
        Some(Self { sizes, open: Vec::new(), ..self.clone() })
    }

    /// All runs of all sizes, also of those at which something else was the limit: what a request costs is known from them, too.
    pub fn all_runs(&self) -> impl Iterator<Item = &Measurement> {
        self.sizes.iter().chain(self.left_out.iter().map(|left| &left.size)).flat_map(|size| &size.runs)
    }

    /// Units of a store's machine, by its quota.
    pub fn store_units(&self) -> u32 {
        let unit = self.plan.unit_cpu_percent.map_or(1.0, |percent| f64::from(percent) / 100.0);
        let quota = self.store_runs().find_map(|(_, store)| store.quota_cores).unwrap_or(unit);
        (quota / unit - 1e-9).ceil().max(1.0) as u32
    }

    /// The stores of these runs.
    pub fn store_runs(&self) -> impl Iterator<Item = (&Measurement, &StoreMeasurement)> {
        self.all_runs().filter_map(|run| Some((run, run.store.as_ref()?)))
    }
}

fn one_size(arm: &Arm, left_out: &[LeftOut]) -> PlanError {
    let words = |left: &LeftOut| format!("at {} it was something else: {}", left.size.scale, left.size.evidence.en());
    PlanError::OneSize { arm: arm.name.clone(), left_out: left_out.iter().map(words).collect() }
}

fn choose<'a>(plan: &'a Plan, results: &Results, wanted: Option<&str>) -> Result<&'a Arm, PlanError> {
    if let Some(name) = wanted {
        let arms = plan.arms.iter().map(|arm| arm.name.clone()).collect();
        return plan.arm(name).ok_or(PlanError::NoSuchArm { arm: name.to_owned(), arms });
    }
    let nodes = |arm: &Arm| {
        let mut counts: Vec<usize> =
            results.runs.iter().filter(|run| run.point.arm == arm.name).map(|run| run.nodes.len()).collect();
        counts.sort_unstable();
        counts.dedup();
        counts.len()
    };
    let growing: Vec<&Arm> = plan.arms.iter().filter(|arm| nodes(arm) > 1).collect();
    match growing[..] {
        [arm] => Ok(arm),
        [] => match &plan.arms[..] {
            [arm] => Ok(arm),
            _ => Err(PlanError::NothingGrows { scale: plan.scale_name.clone() }),
        },
        _ => Err(PlanError::SeveralArms { arms: growing.iter().map(|arm| arm.name.clone()).collect() }),
    }
}

fn sizes(results: &Results, points: &[Point], arm: &str) -> (Vec<ClusterSize>, Vec<LeftOut>) {
    let mut sizes = Vec::new();
    let mut left_out = Vec::new();
    for point in points.iter().filter(|point| point.key.arm == arm && point.key.scale.number().is_some()) {
        let runs: Vec<&Run> =
            analysis::ceiling_runs(results, &point.key).into_iter().filter(|run| run.verdict.valid).collect();
        let Some(nodes) = runs.first().and_then(|run| u32::try_from(run.nodes.len()).ok()) else { continue };
        let size = ClusterSize {
            nodes,
            scale: point.key.scale.clone(),
            runs: runs.into_iter().filter_map(Measurement::of).collect(),
            is_limit: point.is_limit,
            evidence: point.binding.words(),
        };
        match point.binding.resource {
            _ if size.runs.is_empty() || size.nodes == 0 => {}
            limit @ (Limit::Node(Resource::Store) | Limit::Balancer | Limit::Generator | Limit::Others) => {
                left_out.push(LeftOut { size, limit });
            }
            Limit::Node(_) => sizes.push(size),
        }
    }
    let by_scale = |size: &ClusterSize| size.scale.number().unwrap_or(0.0);
    sizes.sort_by(|a, b| by_scale(a).total_cmp(&by_scale(b)));
    (sizes, left_out)
}

/// As `scripts/cluster.sh` takes it; HAProxy's `random` is two choices (configuration manual, `balance random(2)`).
fn policy(arm: &Arm) -> Policy {
    let words: Vec<&str> = arm.up.iter().flat_map(|word| word.split(['=', ' '])).collect();
    let algorithm = words.iter().position(|word| *word == "--algorithm").and_then(|at| words.get(at + 1));
    match algorithm {
        Some(&"leastconn") => Policy::LeastConnections,
        Some(&"random") => Policy::TwoChoices,
        _ => Policy::RoundRobin,
    }
}

fn open_points(results: &Results, points: &[Point], arm: &str, scale: &Scale) -> Vec<OpenPoint> {
    let key = PointKey::new(arm, scale.clone());
    let Some(point) = points.iter().find(|point| point.key == key) else { return Vec::new() };
    let runs: Vec<(f64, &Run)> = queries::at(&results.runs, &key)
        .filter(|run| run.verdict.valid)
        .filter_map(|run| match run.level {
            Level::Open { fraction, .. } => Some((fraction, run)),
            Level::Closed { .. } | Level::Death { .. } | Level::Profile { .. } => None,
        })
        .collect();
    let of = |at: &analysis::LatencyPoint| {
        let here = || runs.iter().filter(|(fraction, _)| *fraction == at.fraction).map(|(_, run)| run);
        Some(OpenPoint {
            fraction: at.fraction,
            rate_per_second: at.rate_per_second,
            arrivals: here().find_map(|run| run.load.arrivals).unwrap_or(Arrivals::Constant),
            p50_milliseconds: at.p50_milliseconds?,
            p99_milliseconds: at.p99_milliseconds?,
            objective_milliseconds: at.objective_milliseconds?,
            node_seconds: Spread::of(here().filter_map(|run| Measurement::of(run)?.node_seconds))
                .map(|spread| spread.median),
            requests: here().map(|run| run.load.requests_total).sum(),
        })
    };
    point.latency.iter().filter(|at| at.valid).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::stats::Bottleneck;

    fn of(results: &Results, arm: Option<&str>) -> Result<ArmEvidence, PlanError> {
        ArmEvidence::of(results, arm)
    }

    #[test]
    fn the_arm_whose_nodes_grow() {
        let evidence = of(&sample::results(), None).unwrap();
        assert_eq!(evidence.arm, "horizontal");
        assert_eq!(evidence.sizes.iter().map(|size| size.nodes).collect::<Vec<_>>(), [1, 2, 4]);
        assert_eq!((evidence.node_units, evidence.cell().nodes, evidence.open.len()), (1, 4, 6));
        assert!(evidence.sizes.iter().all(|size| size.runs.len() >= 4));
        let small = evidence.without_largest().unwrap();
        assert_eq!((small.sizes.len(), small.open.len(), small.cell().nodes), (2, 0, 2));
    }

    #[test]
    fn big_machines_are_copied_as_they_are() {
        let evidence = of(&sample::results(), Some("vertical")).unwrap();
        assert_eq!((evidence.sizes.len(), evidence.cell().nodes, evidence.node_units), (1, 1, 4));
    }

    #[test]
    fn folders_that_do_not_fit_say_what_to_do() {
        let all = sample::results();
        let without = |keep: &dyn Fn(&Run) -> bool| {
            let mut results = all.clone();
            results.runs.retain(keep);
            results
        };
        let mut invalid = all.clone();
        invalid.runs.iter_mut().for_each(|run| run.verdict.valid = false);
        let mut two_arms = all.clone();
        for run in two_arms.runs.iter_mut().filter(|run| run.point.arm == "vertical" && run.point.scale == 4.into()) {
            run.nodes.push(run.nodes[0].clone());
        }
        let once = without(&|run| run.block == 1 && matches!(run.level, Level::Closed { .. }));
        let mut once = once;
        once.runs.dedup_by(|a, b| a.point == b.point);
        let mut unnumbered = all.clone();
        for run in &mut unnumbered.runs {
            run.nodes.truncate(1);
        }
        for (results, arm, words) in [
            (&invalid, None, "no run of 'horizontal' is valid"),
            (&two_arms, None, "--arm: vertical, horizontal"),
            (&all, Some("diagonal"), "the arms are vertical, horizontal"),
            (&without(&|run| run.point.scale == 4.into()), Some("horizontal"), "--units 1,2,4"),
            (&once, Some("horizontal"), "--blocks 3"),
            (&unnumbered, None, "neither the number of nodes nor their size grows with units"),
        ] {
            let error = of(results, arm).unwrap_err().to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
    }

    #[test]
    fn a_size_that_something_else_stopped_is_left_out() {
        let mut results = sample::results();
        for run in results.runs.iter_mut().filter(|run| run.point == PointKey::new("horizontal", 4)) {
            for node in &mut run.nodes {
                node.bottleneck = Some(Bottleneck { resource: Resource::Store, ..Bottleneck::default() });
            }
        }
        let evidence = of(&results, None).unwrap();
        assert_eq!((evidence.cell().nodes, evidence.left_out.len()), (2, 1));
        assert_eq!(evidence.left_out[0].limit, Limit::Node(Resource::Store));
        results.runs.retain(|run| run.point.scale != 2.into());
        let error = of(&results, Some("horizontal")).unwrap_err().to_string();
        assert!(error.contains("one size only") && error.contains("at 4 it was something else"), "{error}");
    }

    #[test]
    fn balancers_choose_as_they_were_told() {
        let arm = |words: &[&str]| Arm { up: words.iter().map(|word| (*word).to_owned()).collect(), ..Arm::default() };
        for (words, expected) in [
            (&["--nodes", "4"][..], Policy::RoundRobin),
            (&["--algorithm", "leastconn"], Policy::LeastConnections),
            (&["--algorithm=random"], Policy::TwoChoices),
            (&["--algorithm"], Policy::RoundRobin),
        ] {
            assert_eq!(policy(&arm(words)), expected, "{words:?}");
        }
    }
}
