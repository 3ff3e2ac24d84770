//! Vertical against horizontal with the same units, side by side.

use serde::Serialize;

use super::analysis::{Death, LatencyPoint, Point};
use super::topology::Topology;
use crate::results::number::{counted, plain, signed_percent};
use crate::results::statistics::Ratio;

/// Below this difference of the ceilings there is nothing to explain, in percent.
const WORTH_EXPLAINING_PERCENT: f64 = 5.0;

/// Both topologies with the same units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// Units of CPU of each.
    pub units: u32,
    /// Goodput of the one big node, requests a second.
    pub vertical_per_second: f64,
    /// Goodput of the many small ones.
    pub horizontal_per_second: f64,
    /// Horizontal over vertical, repeat by repeat: the two stand next to each other in time, so what the machine does
    /// meanwhile meets both.
    pub ratio: Option<Ratio>,
    /// How much more the horizontal one answered, in percent of the vertical one.
    pub difference_percent: f64,
    /// False where the difference may be chance.
    pub distinct: bool,
    /// What took the difference, where there is one worth explaining.
    pub because: Option<String>,
    /// Response times at the highest rate that both were offered below their ceilings.
    pub same_load: Option<SameLoad>,
    /// What is left of the ceilings when one node is dead.
    pub one_dead: OneDead,
}

/// Response times of both topologies at one rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[allow(missing_docs)] // the names say it
pub struct SameLoad {
    pub rate_per_second: f64,
    pub fraction: f64,
    pub vertical_p50_milliseconds: Option<f64>,
    pub vertical_p99_milliseconds: Option<f64>,
    pub horizontal_p50_milliseconds: Option<f64>,
    pub horizontal_p99_milliseconds: Option<f64>,
}

/// The cost of one dead node: by arithmetic, and as it was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OneDead {
    /// Goodput left to the vertical topology: none.
    pub vertical_left_per_second: f64,
    /// Goodput left to the horizontal one: one node's share less.
    pub horizontal_left_per_second: f64,
    /// Share of its capacity that the horizontal one loses, in percent.
    pub horizontal_lost_percent: f64,
    /// What was measured.
    pub vertical: Option<Death>,
    /// What was measured.
    pub horizontal: Option<Death>,
}

/// All unit counts at which both topologies were measured, rising.
pub fn pairs(points: &[Point]) -> Vec<Pair> {
    let of = |topology: Topology| points.iter().filter(move |point| point.topology() == topology);
    of(Topology::Vertical)
        .filter_map(|vertical| {
            let horizontal = of(Topology::Horizontal).find(|point| point.units() == vertical.units())?;
            Some(pair(vertical, horizontal))
        })
        .collect()
}

fn pair(vertical: &Point, horizontal: &Point) -> Pair {
    let (v, h) = (vertical.ceiling_per_second.median, horizontal.ceiling_per_second.median);
    let paired = horizontal.repeats_per_second.iter();
    let ratio = Ratio::of_pairs(paired.filter_map(|(repeat, h)| Some((*h, *vertical.repeats_per_second.get(repeat)?))));
    let difference_percent = ratio.map_or(0.0, |ratio| 100.0 * (ratio.mean - 1.0));
    let units = f64::from(vertical.units());
    Pair {
        units: vertical.units(),
        vertical_per_second: v,
        horizontal_per_second: h,
        ratio,
        difference_percent,
        distinct: ratio.is_some_and(|ratio| ratio.is_distinct()),
        because: because(vertical, horizontal, difference_percent),
        same_load: same_load(&vertical.latency, &horizontal.latency),
        one_dead: OneDead {
            vertical_left_per_second: 0.0,
            horizontal_left_per_second: h * (units - 1.0) / units,
            horizontal_lost_percent: 100.0 / units,
            vertical: vertical.death.clone(),
            horizontal: horizontal.death.clone(),
        },
    }
}

/// Goodput is CPU used over CPU an answer costs: the larger of the two changes explains the difference.
fn because(vertical: &Point, horizontal: &Point, difference_percent: f64) -> Option<String> {
    let used = vertical.used.cpu_percent.zip(horizontal.used.cpu_percent);
    let demand = vertical.demand_milliseconds.zip(horizontal.demand_milliseconds);
    let ((used_v, used_h), (demand_v, demand_h)) = used.zip(demand)?;
    if difference_percent.abs() < WORTH_EXPLAINING_PERCENT {
        return None;
    }
    let by_use = 100.0 * (used_h / used_v - 1.0);
    let by_demand = 100.0 * (demand_v.median / demand_h.median - 1.0);
    if by_use.abs() >= by_demand.abs() {
        return Some(format!("the small nodes used {used_h:.0} % of their quota, the big one {used_v:.0} %"));
    }
    let mut words = format!(
        "an answer cost {:.2} ms of CPU on the small nodes, {:.2} ms on the big one",
        demand_h.median, demand_v.median
    );
    if let Some((v, h)) = vertical.machine_speed_per_second.zip(horizontal.machine_speed_per_second) {
        let machine = 100.0 * (h.median / v.median - 1.0);
        if machine.abs() >= 2.0 {
            words += &format!("; the machine itself was {} meanwhile", faster_or_slower(machine));
        }
    }
    Some(words)
}

fn faster_or_slower(percent: f64) -> String {
    format!("{:.0} % {}", percent.abs(), if percent > 0.0 { "faster" } else { "slower" })
}

/// The highest rate at most 80 % of what counts as the ceiling that both were offered: near the ceiling, figures are
/// those of a queue that has not settled.
fn same_load(vertical: &[LatencyPoint], horizontal: &[LatencyPoint]) -> Option<SameLoad> {
    let close = |a: f64, b: f64| (a - b).abs() <= 0.01 * b;
    vertical.iter().rev().filter(|point| point.fraction <= 0.8).find_map(|v| {
        let h = horizontal.iter().find(|h| close(h.rate_per_second, v.rate_per_second))?;
        Some(SameLoad {
            rate_per_second: v.rate_per_second,
            fraction: v.fraction,
            vertical_p50_milliseconds: v.p50_milliseconds,
            vertical_p99_milliseconds: v.p99_milliseconds,
            horizontal_p50_milliseconds: h.p50_milliseconds,
            horizontal_p99_milliseconds: h.p99_milliseconds,
        })
    })
}

impl Pair {
    /// How much more the horizontal topology does, with its uncertainty: `-15.4 % (95 %: -19.0 % to -11.6 %)`.
    pub fn difference(&self) -> String {
        let percent = |ratio: f64| signed_percent(100.0 * (ratio - 1.0));
        match self.ratio.and_then(|ratio| ratio.interval_95) {
            Some([low, high]) => format!(
                "side by side {} (95 %: {} to {}{})",
                signed_percent(self.difference_percent),
                percent(low),
                percent(high),
                if self.distinct { "" } else { ", so it may be chance" }
            ),
            None => format!("side by side {}, measured once", signed_percent(self.difference_percent)),
        }
    }

    /// The comparison of the ceilings in one sentence.
    pub fn sentence(&self) -> String {
        let units = counted(self.units, "unit");
        let mut words = format!(
            "{units}: horizontal {}/s, vertical {}/s; {}",
            plain(self.horizontal_per_second),
            plain(self.vertical_per_second),
            self.difference()
        );
        if let Some(because) = &self.because {
            words += "; ";
            words += because;
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{analysis, sample};

    #[test]
    fn side_by_side() {
        let pairs = pairs(&analysis::points(&sample::results()));
        assert_eq!(pairs.iter().map(|pair| pair.units).collect::<Vec<_>>(), [1, 2, 4]);
        let [one, _, four] = &pairs[..] else { panic!("three") };
        assert!(!one.distinct && one.because.is_none(), "{one:?}");
        assert!(four.distinct && (four.difference_percent + 13.0).abs() < 0.1, "{four:?}");
        assert!(four.because.as_ref().unwrap().contains("an answer cost"), "{four:?}");
        let same = four.same_load.unwrap();
        assert!((same.fraction - 0.8).abs() < 1e-9 && same.vertical_p99_milliseconds == Some(100.0));
        assert_eq!(four.one_dead.horizontal_lost_percent, 25.0);
        assert!(four.one_dead.vertical.as_ref().unwrap().failed > 0);
        assert_eq!(four.one_dead.horizontal.as_ref().unwrap().failed, 0);
        assert!(one.one_dead.vertical.is_none() && one.same_load.is_none());
        assert!(
            four.sentence().starts_with(
                "4 units: horizontal 313/s, vertical 360/s; side by side -13.0 % (95 %: -13.0 % to -13.0 %)"
            ),
            "{}",
            four.sentence()
        );
    }
}
