//! Each arm against the baseline at the same scale, block by block, with what explains the difference.

use serde::Serialize;

use super::analysis::{LatencyPoint, Point};
use super::columns::cpu_milliseconds;
use crate::design::{Text, both};
use crate::results::arm::Scale;
use crate::results::comparison::{self, SpeedMeasured, Verdict};
use crate::results::plan::Plan;

/// Below this difference of the ceilings there is nothing to explain, in percent.
const WORTH_EXPLAINING_PERCENT: f64 = 5.0;

/// The comparison at equal speed is told where its interval is so much narrower.
const NARROWER: f64 = 0.8;

/// An arm against the baseline at one scale.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmComparison {
    /// At which scale.
    pub scale: Scale,
    /// The arm.
    pub arm: String,
    /// What it is compared with.
    pub baseline: String,
    /// Goodput of the arm, requests a second.
    pub arm_per_second: f64,
    /// Goodput of the baseline, requests a second.
    pub baseline_per_second: f64,
    /// The goodput of the two, block by block: ratio, intervals and verdict. Runs that are not valid are left out.
    pub goodput: comparison::Comparison,
    /// The same at equal speed of the machine, where that is known and tells clearly more: a second look, and not the verdict.
    pub at_equal_speed: Option<comparison::Comparison>,
    /// False where one of the two has no valid run.
    pub valid: bool,
    /// What took the difference, where there is one worth explaining.
    pub because: Option<Text>,
    /// Response times at the highest rate that both were offered below their ceilings.
    pub same_load: Option<SameLoad>,
}

/// Response times of an arm and its baseline at one rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[allow(missing_docs)] // the names say it
pub struct SameLoad {
    pub rate_per_second: f64,
    pub fraction: f64,
    pub baseline_p50_milliseconds: Option<f64>,
    pub baseline_p99_milliseconds: Option<f64>,
    pub arm_p50_milliseconds: Option<f64>,
    pub arm_p99_milliseconds: Option<f64>,
}

/// Every arm that was measured against the baseline, scale by scale.
pub fn comparisons(plan: &Plan, points: &[Point]) -> Vec<ArmComparison> {
    let Some(baseline) = plan.baseline() else { return Vec::new() };
    let of = |arm: &str, scale: &Scale| points.iter().find(|point| point.key.arm == arm && point.key.scale == *scale);
    let at = |scale: &Scale| {
        let Some(reference) = of(&baseline.name, scale) else { return Vec::new() };
        let arms: Vec<&Point> = plan.arms[1..].iter().filter_map(|arm| of(&arm.name, scale)).collect();
        let blocks: Vec<_> = arms.iter().map(|point| point.valid_blocks()).collect();
        let baseline = reference.valid_blocks();
        let effect = plan.smallest_effect_percent;
        let goodput = comparison::compare(&baseline, &blocks.iter().collect::<Vec<_>>(), effect);
        let measured = arms
            .iter()
            .zip(&blocks)
            .map(|(arm, figures)| SpeedMeasured { figures, speeds: &arm.machine_speed_by_block });
        let equal = comparison::compare_at_equal_speed(
            SpeedMeasured { figures: &baseline, speeds: &reference.machine_speed_by_block },
            &measured.collect::<Vec<_>>(),
            effect,
        );
        let equal = equal.map_or_else(|| vec![None; arms.len()], |equal| equal.into_iter().map(Some).collect());
        let compared = goodput.into_iter().zip(equal);
        arms.into_iter().zip(compared).map(|(arm, (goodput, equal))| one(reference, arm, goodput, equal)).collect()
    };
    plan.scales.iter().flat_map(at).collect()
}

fn one(
    baseline: &Point,
    arm: &Point,
    goodput: comparison::Comparison,
    equal: Option<comparison::Comparison>,
) -> ArmComparison {
    let width = |of: &comparison::Comparison| of.half_width_percent().unwrap_or(f64::INFINITY);
    ArmComparison {
        at_equal_speed: equal.filter(|equal| width(equal) <= NARROWER * width(&goodput)),
        scale: arm.key.scale.clone(),
        arm: arm.key.arm.clone(),
        baseline: baseline.key.arm.clone(),
        arm_per_second: arm.ceiling_per_second.median,
        baseline_per_second: baseline.ceiling_per_second.median,
        goodput,
        valid: arm.valid && baseline.valid,
        because: because(baseline, arm, &goodput),
        same_load: same_load(&baseline.latency, &arm.latency),
    }
}

/// Goodput is CPU used divided by CPU an answer costs: the larger of the two changes explains the difference.
fn because(baseline: &Point, arm: &Point, goodput: &comparison::Comparison) -> Option<Text> {
    let used = baseline.used.cpu_percent.zip(arm.used.cpu_percent);
    let demand = baseline.demand_milliseconds.zip(arm.demand_milliseconds);
    let ((used_baseline, used_arm), (demand_baseline, demand_arm)) = used.zip(demand)?;
    let difference = goodput.difference_percent().filter(|difference| difference.abs() >= WORTH_EXPLAINING_PERCENT)?;
    let (arm_name, baseline_name) = (Text::name(&arm.key.arm), Text::name(&baseline.key.arm));
    let by_use = 100.0 * (used_arm / used_baseline - 1.0);
    let by_demand = 100.0 * (demand_baseline.median / demand_arm.median - 1.0);
    // What explains a loss is itself a loss, and a gain a gain.
    if by_use.abs().max(by_demand.abs()) < WORTH_EXPLAINING_PERCENT / 2.0
        || by_use.abs().max(by_demand.abs()) < 0.25 * difference.abs()
    {
        return None;
    }
    if by_use.abs() >= by_demand.abs() {
        let of = if arm.quota_cores.is_some() {
            Text::new("of its quota", "de su cuota")
        } else {
            Text::new("of one core", "de un núcleo")
        };
        return Some(both!(
            "{arm_name} used {used_arm} % {of}, {baseline_name} {used_baseline} %",
            "{arm_name} usó el {used_arm} % {of}; {baseline_name}, el {used_baseline} %",
            arm_name,
            used_arm = format!("{used_arm:.0}"),
            of,
            baseline_name,
            used_baseline = format!("{used_baseline:.0}")
        ));
    }
    let machine = baseline.machine_speed_per_second.zip(arm.machine_speed_per_second);
    let machine = machine.map(|(reference, here)| 100.0 * (here.median / reference.median - 1.0));
    let machine = machine.filter(|machine| machine.abs() >= 2.0).map_or_else(Text::default, |machine| {
        let way = if machine > 0.0 { Text::new("faster", "más rápida") } else { Text::new("slower", "más lenta") };
        both!(
            "; the machine itself was {change} % {way} meanwhile",
            "; la propia máquina estuvo un {change} % {way} mientras tanto",
            change = format!("{:.0}", machine.abs()),
            way
        )
    });
    Some(both!(
        "an answer cost {own} ms of CPU with {arm_name}, {reference} ms with {baseline_name}{machine}",
        "una respuesta costó {own} ms de CPU con {arm_name}, {reference} ms con {baseline_name}{machine}",
        own = cpu_milliseconds(demand_arm.median),
        arm_name,
        reference = cpu_milliseconds(demand_baseline.median),
        baseline_name,
        machine
    ))
}

/// The highest rate that both were offered and that is at most 80 % of the ceiling of each: near the ceiling, figures are
/// those of a queue that has not settled.
fn same_load(baseline: &[LatencyPoint], arm: &[LatencyPoint]) -> Option<SameLoad> {
    let close = |a: f64, b: f64| (a - b).abs() <= 0.01 * b;
    let settled = |point: &&LatencyPoint| point.fraction <= 0.8 && point.valid;
    baseline.iter().rev().filter(settled).find_map(|reference| {
        let here = arm.iter().filter(settled).find(|here| close(here.rate_per_second, reference.rate_per_second))?;
        Some(SameLoad {
            rate_per_second: reference.rate_per_second,
            fraction: reference.fraction,
            baseline_p50_milliseconds: reference.p50_milliseconds,
            baseline_p99_milliseconds: reference.p99_milliseconds,
            arm_p50_milliseconds: here.p50_milliseconds,
            arm_p99_milliseconds: here.p99_milliseconds,
        })
    })
}

impl ArmComparison {
    /// Whether the verdict may be used: it is made of valid runs.
    pub fn verdict(&self) -> Option<Verdict> {
        self.valid.then_some(self.goodput.verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{analysis, sample, words};
    use crate::results::run::Level;

    #[test]
    fn side_by_side() {
        let results = sample::results();
        let comparisons = comparisons(&results.manifest.plan, &analysis::points(&results));
        assert_eq!(comparisons.iter().map(|comparison| comparison.scale.as_str()).collect::<Vec<_>>(), ["1", "2", "4"]);
        let [one, _, four] = &comparisons[..] else { panic!("three") };
        assert_eq!(one.verdict(), Some(Verdict::Equivalent));
        assert!(one.because.is_none() && one.same_load.is_none(), "{one:?}");
        assert_eq!(four.verdict(), Some(Verdict::Different));
        assert!((four.goodput.difference_percent().unwrap() + 13.0).abs() < 0.1, "{four:?}");
        assert!(four.because.as_ref().unwrap().en().contains("an answer cost"), "{four:?}");
        let same = four.same_load.unwrap();
        assert!((same.fraction - 0.8).abs() < 1e-9 && same.baseline_p99_milliseconds == Some(100.0));
        let sentence = words::sentence(four, &results.manifest.plan);
        assert!(
            sentence
                .en()
                .starts_with("4 units: horizontal 313/s, vertical 360/s; different: -13.0 % (95 %: -13.0 % to -13.0 %"),
            "{sentence:?}"
        );
    }

    #[test]
    fn a_machine_that_changed_its_speed_gets_a_second_look() {
        let mut results = sample::results();
        results.manifest.plan.blocks = 8;
        let block_speeds = [0.9, 1.1, 1.0, 0.8, 1.2, 0.95, 1.05, 1.15];
        results.runs.retain(|run| run.point.scale != 4.into() || !matches!(run.level, Level::Closed { .. }));
        for (block, speed) in (1..).zip(block_speeds) {
            for (arm, goodput, speed) in [("vertical", 360.0, 1.0), ("horizontal", 324.0 * speed, speed)] {
                let levels = if block == 1 { vec![16, 32, 32] } else { vec![16] };
                for connections in levels {
                    let mut run = sample::run(block, arm, 4, Level::Closed { connections }, goodput, 80.0);
                    run.machine.speed_per_second = Some(40_000.0 * speed);
                    results.runs.push(run);
                }
            }
        }
        let comparisons = comparisons(&results.manifest.plan, &analysis::points(&results));
        let four = comparisons.last().unwrap();
        assert!(matches!(four.verdict(), Some(Verdict::Undecided { .. })), "{four:?}");
        let equal = four.at_equal_speed.unwrap();
        assert!((equal.difference_percent().unwrap() + 10.0).abs() < 0.1, "{equal:?}");
        let sentence = words::sentence(four, &results.manifest.plan);
        assert!(
            sentence.en().contains("at equal speed of the machine -10.0 % (95 %: -10.0 % to -10.0 %)"),
            "{sentence:?}"
        );
        assert!(comparisons[0].at_equal_speed.is_none(), "fewer than six blocks");
    }

    #[test]
    fn runs_that_are_not_valid_carry_nothing() {
        let mut results = sample::results();
        for run in results.runs.iter_mut().filter(|run| run.point.arm == "vertical") {
            run.verdict.valid = false;
            run.verdict.reasons = vec!["other processes used 0.9 cores meanwhile".into()];
        }
        let comparisons = comparisons(&results.manifest.plan, &analysis::points(&results));
        assert!(comparisons.iter().all(|comparison| comparison.verdict().is_none() && comparison.goodput.blocks == 0));
    }
}
