//! Requirements on a results folder, for continuous integration: `horizontal/vertical throughput > -5%`, `p99 < 50ms`.
//!
//! A requirement on a ratio is judged at the last scale on which both arms were measured, block by block. One on a figure is
//! judged on the blocks of that arm at its last scale (of every arm, where none is named): the geometric mean of the blocks
//! with its interval. Both by one-sided tests at 5 %, that is by the ends of the 90 % interval: a requirement is held when the
//! whole interval keeps it, refuted when the whole interval breaks it, and undecided otherwise.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::analysis;
use crate::results::arm::PointKey;
use crate::results::comparison;
use crate::results::folder::Results;
use crate::results::number::{milliseconds, percent, plain, signed_percent};
use crate::results::run::Run;

/// What a requirement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequiredMetric {
    /// Goodput, requests a second.
    Throughput,
    /// Median response time at the ceiling, milliseconds.
    P50,
    /// 99th percentile of the response time at the ceiling, milliseconds.
    P99,
    /// Requests that failed, in percent.
    Errors,
}

impl RequiredMetric {
    const ALL: [(&'static str, Self); 4] =
        [("throughput", Self::Throughput), ("p50", Self::P50), ("p99", Self::P99), ("errors", Self::Errors)];

    fn of(self, run: &Run) -> Option<f64> {
        let latency = run.load.latency_milliseconds.as_ref();
        match self {
            Self::Throughput => Some(run.load.throughput_per_second),
            Self::P50 => latency.map(|latency| latency.p50),
            Self::P99 => latency.map(|latency| latency.p99),
            Self::Errors => {
                let failed = run.load.requests_total.saturating_sub(run.load.requests_ok);
                (run.load.requests_total > 0).then(|| 100.0 * failed as f64 / run.load.requests_total as f64)
            }
        }
    }

    fn words(self, value: f64) -> String {
        match self {
            Self::Throughput => format!("{}/s", plain(value)),
            Self::P50 | Self::P99 => format!("{} ms", milliseconds(value)),
            Self::Errors => format!("{} %", percent(value)),
        }
    }
}

/// What is compared with the bound.
#[derive(Clone, Debug, PartialEq)]
enum Subject {
    /// A figure of one arm, or of every arm.
    Figure(Option<String>),
    /// The difference of an arm from another, in percent.
    Difference { arm: String, baseline: String },
}

/// One requirement.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    text: String,
    subject: Subject,
    metric: RequiredMetric,
    /// True: above the bound; false: below it.
    above: bool,
    bound: f64,
}

/// How a requirement came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conclusion {
    /// The figures keep it.
    Held,
    /// The figures do not say.
    Undecided,
    /// The figures break it.
    Refuted,
}

impl fmt::Display for Conclusion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Held => "held",
            Self::Undecided => "undecided",
            Self::Refuted => "refuted",
        })
    }
}

impl FromStr for Requirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!("'{text}' is not a requirement: {what}; write for instance 'b/a throughput > -5%' or 'p99 < 50ms'")
        };
        let sign = text.find(['<', '>']).ok_or_else(|| wrong("it has no < or >"))?;
        let (left, right) = (text[..sign].trim(), text[sign + 1..].trim_start_matches('=').trim());
        let (who, metric) = match left.rsplit_once(char::is_whitespace) {
            Some((who, metric)) => (Some(who.trim()), metric),
            None => (None, left),
        };
        let metric = RequiredMetric::ALL.into_iter().find(|(name, _)| *name == metric).map(|(_, metric)| metric);
        let metric = metric.ok_or_else(|| wrong("the figure is throughput, p50, p99 or errors"))?;
        let subject = match who.map(|who| who.split_once('/')) {
            Some(Some((arm, baseline))) if !arm.is_empty() && !baseline.is_empty() => {
                Subject::Difference { arm: arm.to_owned(), baseline: baseline.to_owned() }
            }
            Some(Some(_)) => return Err(wrong("a comparison names two arms, as in b/a")),
            Some(None) => Subject::Figure(who.map(str::to_owned)),
            None => Subject::Figure(None),
        };
        let bound = bound(&subject, metric, right).map_err(|what| wrong(&what))?;
        Ok(Self { text: text.trim().to_owned(), subject, metric, above: text[sign..].starts_with('>'), bound })
    }
}

/// The bound in the unit of what it bounds.
fn bound(subject: &Subject, metric: RequiredMetric, text: &str) -> Result<f64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_alphabetic() || matches!(letter, '%' | '/' | ' '));
    let number: f64 = digits.parse().map_err(|_| format!("the bound '{text}' is not a number"))?;
    let unit = text[digits.len()..].trim();
    let scale = match (subject, metric, unit) {
        (Subject::Difference { .. }, _, "%") | (Subject::Figure(_), RequiredMetric::Errors, "%") => 1.0,
        (Subject::Difference { .. }, _, _) => return Err("the difference of two arms is in %".to_owned()),
        (Subject::Figure(_), RequiredMetric::Throughput, "" | "/s") => 1.0,
        (Subject::Figure(_), RequiredMetric::P50 | RequiredMetric::P99, "ms") => 1.0,
        (Subject::Figure(_), RequiredMetric::P50 | RequiredMetric::P99, "s") => 1e3,
        (Subject::Figure(_), RequiredMetric::P50 | RequiredMetric::P99, _) => {
            return Err("a time is in ms or s".to_owned());
        }
        (Subject::Figure(_), RequiredMetric::Errors, _) => return Err("errors are in %".to_owned()),
        (Subject::Figure(_), RequiredMetric::Throughput, _) => {
            return Err("throughput is a number or has /s".to_owned());
        }
    };
    if number.is_finite() { Ok(number * scale) } else { Err("the bound is not finite".to_owned()) }
}

impl Requirement {
    /// How it comes out on these results, with a line that says why.
    ///
    /// # Errors
    /// When it names an arm that the experiment does not have.
    pub fn judge(&self, results: &Results) -> Result<(Conclusion, String), String> {
        let names: Vec<&str> = results.manifest.plan.arms.iter().map(|arm| arm.name.as_str()).collect();
        let known = |arm: &str| match names.contains(&arm) {
            true => Ok(()),
            false => Err(format!("'{}' names the arm '{arm}'; the experiment has {}", self.text, names.join(", "))),
        };
        match &self.subject {
            Subject::Difference { arm, baseline } => {
                known(arm).and_then(|()| known(baseline))?;
                Ok(self.difference(results, arm, baseline))
            }
            Subject::Figure(Some(arm)) => known(arm).map(|()| self.figure(results, arm)),
            Subject::Figure(None) => {
                let all: Vec<(Conclusion, String)> = names.iter().map(|arm| self.figure(results, arm)).collect();
                let worst = all.iter().map(|(outcome, _)| *outcome).max().unwrap_or(Conclusion::Undecided);
                Ok((worst, all.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")))
            }
        }
    }

    fn difference(&self, results: &Results, arm: &str, baseline: &str) -> (Conclusion, String) {
        for scale in results.manifest.plan.scales.iter().rev() {
            let of = |arm: &str| self.blocks(results, &PointKey::new(arm, scale.clone()));
            let (here, reference) = (of(arm), of(baseline));
            if here.is_empty() || reference.is_empty() {
                continue;
            }
            let compared = comparison::compare(&reference, &[&here], results.manifest.plan.smallest_effect_percent)[0];
            let ends = compared.interval_90.map(|ends| ends.map(|ratio| 100.0 * (ratio - 1.0)));
            let words = ends.map(|[low, high]| format!("{} to {}", signed_percent(low), signed_percent(high)));
            return self.conclude(ends, words, &format!("at {scale}, {} blocks", compared.blocks));
        }
        self.conclude(None, None, "no scale has a valid run of both")
    }

    fn figure(&self, results: &Results, arm: &str) -> (Conclusion, String) {
        for scale in results.manifest.plan.scales.iter().rev() {
            let blocks = self.blocks(results, &PointKey::new(arm, scale.clone()));
            if blocks.is_empty() {
                continue;
            }
            let place = format!("{arm} at {scale}, {} blocks", blocks.len());
            // A figure that is 0 in every block has no logarithm, and no doubt either.
            let ends = if blocks.values().all(|value| *value == 0.0) {
                Some([0.0, 0.0])
            } else {
                let one: BTreeMap<u32, f64> = blocks.keys().map(|block| (*block, 1.0)).collect();
                comparison::compare(&one, &[&blocks], results.manifest.plan.smallest_effect_percent)[0].interval_90
            };
            let words = ends.map(|[low, high]| format!("{} to {}", self.metric.words(low), self.metric.words(high)));
            return self.conclude(ends, words, &place);
        }
        self.conclude(None, None, &format!("{arm} has no valid run"))
    }

    /// The figure of each block at a point, of valid runs at its ceiling.
    fn blocks(&self, results: &Results, key: &PointKey) -> BTreeMap<u32, f64> {
        let runs = analysis::ceiling_runs(results, key).into_iter().filter(|run| run.verdict.valid);
        runs.filter_map(|run| Some((run.block, self.metric.of(run)?))).collect()
    }

    fn conclude(&self, ends: Option<[f64; 2]>, words: Option<String>, place: &str) -> (Conclusion, String) {
        let keeps = |value: f64| if self.above { value > self.bound } else { value < self.bound };
        let outcome = match ends.map(|ends| ends.map(keeps)) {
            Some([true, true]) => Conclusion::Held,
            Some([false, false]) => Conclusion::Refuted,
            Some(_) | None => Conclusion::Undecided,
        };
        let figures = words.map_or_else(String::new, |words| format!("90 %: {words}; "));
        (outcome, format!("{outcome:<9}  {}  ({figures}{place})", self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn held_refuted_undecided() {
        let results = sample::results();
        for (text, outcome) in [
            ("horizontal/vertical throughput > -20%", Conclusion::Held),
            ("horizontal/vertical throughput > -5%", Conclusion::Refuted),
            ("vertical/horizontal throughput > 10%", Conclusion::Held),
            ("vertical throughput > 300", Conclusion::Held),
            ("vertical throughput >= 300/s", Conclusion::Held),
            ("vertical throughput > 360", Conclusion::Undecided),
            ("throughput > 300", Conclusion::Held),
            ("throughput > 330", Conclusion::Refuted),
            ("p99 < 100ms", Conclusion::Held),
            ("p50<0.01s", Conclusion::Refuted),
            ("errors < 1%", Conclusion::Held),
        ] {
            let (found, line) = text.parse::<Requirement>().unwrap().judge(&results).unwrap();
            assert_eq!(found, outcome, "{line}");
            assert!(line.contains(text), "{line}");
        }
    }

    #[test]
    fn what_was_not_measured_well_is_undecided() {
        let mut results = sample::results();
        for run in results.runs.iter_mut().filter(|run| run.point.arm == "horizontal") {
            run.verdict.valid = false;
        }
        for text in ["horizontal/vertical throughput > -50%", "horizontal p99 < 1s", "p99 < 1s"] {
            let (outcome, line) = text.parse::<Requirement>().unwrap().judge(&results).unwrap();
            assert_eq!(outcome, Conclusion::Undecided, "{line}");
        }
    }

    #[test]
    fn what_is_no_requirement_is_explained() {
        for (text, words) in [
            ("", "no < or >"),
            ("p99 50ms", "no < or >"),
            ("speed > 5", "throughput, p50, p99 or errors"),
            ("b/ throughput > 5%", "names two arms"),
            ("b/a throughput > 5", "in %"),
            ("p99 < 50", "ms or s"),
            ("p99 < fast", "not a number"),
            ("errors < 5", "in %"),
            ("throughput > 5ms", "/s"),
        ] {
            let error = text.parse::<Requirement>().unwrap_err();
            assert!(error.contains(words) && error.contains("write for instance"), "{text}: {error}");
        }
        let error = "x p99 < 1s".parse::<Requirement>().unwrap().judge(&sample::results()).unwrap_err();
        assert!(error.contains("the experiment has vertical, horizontal"), "{error}");
    }
}
