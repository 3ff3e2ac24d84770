//! Two results folders that were measured at different times, point by point.
//!
//! The two were not measured in blocks: whatever changed on the machine between them looks like a change of what was measured.
//! So the figures are compared as two independent samples: Welch's t on the logarithms of the blocks (B. L. Welch, "The
//! generalization of 'Student's' problem when several different population variances are involved", Biometrika 34, 1947).

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::analysis::{self, Point};
use crate::results::comparison::{self, Verdict};
use crate::results::folder::Results;
use crate::results::manifest::Machine;
use crate::results::number::plain;

/// What stands above the comparison.
pub const NOT_IN_BLOCKS: &str = "The two folders were measured at different times, not in blocks: a machine that changed between \
them looks like a change of the service. Only a bench that measures both as arms can tell the two apart.";

/// What makes two machines different for a comparison, in words; empty where they are alike.
pub fn machine_differences(now: &Machine, then: &Machine) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let mut differences = Vec::new();
    for (what, now, then) in [
        ("name", text(&now.hostname), text(&then.hostname)),
        ("processor", text(&now.cpu_model), text(&then.cpu_model)),
        ("processors", now.cpus.to_string(), then.cpus.to_string()),
        ("kernel", text(&now.kernel), text(&then.kernel)),
    ] {
        if now != then {
            differences.push(format!("{what} {then}, now {now}"));
        }
    }
    differences
}

/// Each point that both folders have, in one line.
pub fn lines(now: &Results, then: &Results) -> Vec<String> {
    let earlier = analysis::points(then);
    let effect = now.manifest.plan.smallest_effect_percent;
    analysis::points(now)
        .iter()
        .filter_map(|point| Some((point, earlier.iter().find(|earlier| earlier.key == point.key)?)))
        .map(|(point, earlier)| {
            format!(
                "{}: {}/s, before {}/s; {}",
                point.key,
                plain(point.ceiling_per_second.median),
                plain(earlier.ceiling_per_second.median),
                judged(point, earlier, effect)
            )
        })
        .collect()
}

fn judged(now: &Point, then: &Point, effect_percent: f64) -> String {
    if !now.valid || !then.valid {
        return "not valid: no claim".to_owned();
    }
    let Some(welch) = Welch::of(now, then) else { return "undecided: each needs two blocks".to_owned() };
    let difference = comparison::difference(welch.mean.exp());
    let difference = difference.en();
    let range = |outside: f64| comparison::range(welch.interval(outside)).en().to_owned();
    match welch.verdict((1.0 + effect_percent / 100.0).ln()) {
        Verdict::Different => format!("different: {difference} (95 %: {})", range(0.05)),
        Verdict::Equivalent => format!("equivalent within {effect_percent} %: {difference} (90 %: {})", range(0.1)),
        Verdict::Undecided { .. } => format!("undecided: {difference} (95 %: {})", range(0.05)),
    }
}

/// Welch's comparison of the logarithms of two samples.
struct Welch {
    mean: f64,
    error: f64,
    degrees_of_freedom: f64,
}

impl Welch {
    fn of(now: &Point, then: &Point) -> Option<Self> {
        let sample = |point: &Point| {
            let logarithms: Vec<f64> =
                point.valid_blocks().into_values().filter(|value| *value > 0.0).map(f64::ln).collect();
            let count = logarithms.len() as f64;
            let mean = logarithms.iter().sum::<f64>() / count;
            let variance = logarithms.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
            (logarithms.len() >= 2).then_some((mean, variance / count, count - 1.0))
        };
        let ((mean, share, freedom), (mean_then, share_then, freedom_then)) = sample(now).zip(sample(then))?;
        let spread = share + share_then;
        let degrees_of_freedom = if spread > 0.0 {
            spread.powi(2) / (share.powi(2) / freedom + share_then.powi(2) / freedom_then)
        } else {
            freedom + freedom_then
        };
        Some(Self { mean: mean - mean_then, error: spread.sqrt(), degrees_of_freedom })
    }

    fn margin(&self, outside: f64) -> f64 {
        let t = StudentsT::new(0.0, 1.0, self.degrees_of_freedom).map(|t| t.inverse_cdf(1.0 - outside / 2.0));
        t.map_or(f64::INFINITY, |t| t * self.error)
    }

    fn interval(&self, outside: f64) -> [f64; 2] {
        let margin = self.margin(outside);
        [(self.mean - margin).exp(), (self.mean + margin).exp()]
    }

    fn verdict(&self, effect: f64) -> Verdict {
        if self.mean.abs() + self.margin(0.1) < effect {
            Verdict::Equivalent
        } else if self.mean.abs() >= effect && self.mean.abs() > self.margin(0.05) {
            Verdict::Different
        } else {
            Verdict::Undecided { further_blocks: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn an_earlier_folder() {
        let then = sample::results();
        let same = lines(&then, &then);
        assert_eq!(same.len(), 6);
        assert!(same.iter().all(|line| line.contains("equivalent within 5 %: +0.0 %")), "{same:?}");
        let mut now = then.clone();
        for run in &mut now.runs {
            run.load.throughput_per_second *= 0.8;
        }
        let slower = lines(&now, &then);
        assert!(slower.iter().all(|line| line.contains("different: -20.0 %")), "{slower:?}");
        for run in &mut now.runs {
            run.verdict.valid = false;
        }
        assert!(lines(&now, &then).iter().all(|line| line.ends_with("not valid: no claim")));
    }

    #[test]
    fn welch_as_in_the_book() {
        // Logarithms 0, 1, 2 and 0, 2, 4: means 1 and 2, variances 1 and 4, so the error is sqrt(5/3) and the degrees of
        // freedom (1/3 + 4/3)² / ((1/3)²/2 + (4/3)²/2) = 2.941.
        let mut results = sample::results();
        let mut point = analysis::points(&results).remove(0);
        let with = |values: [f64; 3], point: &Point| Point {
            blocks_per_second: (1..).zip(values.map(f64::exp)).collect(),
            ..point.clone()
        };
        let welch = Welch::of(&with([0.0, 1.0, 2.0], &point), &with([0.0, 2.0, 4.0], &point)).unwrap();
        assert!((welch.mean + 1.0).abs() < 1e-12 && (welch.error - (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!((welch.degrees_of_freedom - 2.941).abs() < 1e-3);
        point.valid = false;
        results.runs.clear();
        assert!(Welch::of(&point, &point).is_none());
    }

    #[test]
    fn machines() {
        let here = Machine { cpus: 2, ..Machine::default() };
        assert!(machine_differences(&here, &here).is_empty());
        let other = Machine { cpus: 8, cpu_model: Some("big".into()), ..Machine::default() };
        assert_eq!(machine_differences(&here, &other), ["processor big, now unknown", "processors 8, now 2"]);
    }
}
