//! How far the bench is: a bar on a terminal, a line a run elsewhere. All on standard error.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use crate::results::comparison::{difference, range};
use crate::results::number;
use crate::results::plan::{Ladder, Plan, Visit};
use crate::results::queries;
use crate::results::run::{Level, Run};

/// Shows how far the bench is.
pub struct BenchProgress {
    bar: Option<ProgressBar>,
    closed_blocks: u32,
    open_blocks: u32,
    profile_blocks: u32,
    scale_name: String,
    /// Whether blocks may be added: then the end is not known.
    is_open_ended: bool,
    clock: ProgressClock,
    words: String,
    visit_began: Instant,
}

/// What was expected, and what it took: plain arithmetic.
#[derive(Clone, Copy, Debug, Default)]
struct ProgressClock {
    /// Seconds that the whole plan should take.
    all: f64,
    /// Seconds that all visits before the present one should have taken.
    before: f64,
    /// Seconds that the present one should take.
    present: f64,
    /// Of `before`, what was measured now and not in an earlier bench.
    expected: f64,
    /// What that took.
    took: f64,
}

impl ProgressClock {
    /// The present visit has ended after `took` seconds, or was complete before.
    fn next(&mut self, seconds: f64, took: Option<f64>) {
        self.before += self.present;
        if let Some(took) = took {
            self.expected += self.present;
            self.took += took;
        }
        self.present = seconds;
    }

    /// Seconds that are left, as things went so far.
    fn left(&self) -> f64 {
        let pace = if self.expected > PACE_AFTER { self.took / self.expected } else { 1.0 };
        (self.all - self.before).max(0.0) * pace
    }
}

/// Expected seconds after which the pace of this machine is known.
const PACE_AFTER: f64 = 5.0;

impl BenchProgress {
    /// For a bench of this plan.
    pub fn new(plan: &Plan) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new((plan.seconds() * 10.0) as u64);
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} % · {elapsed} · {wide_msg}") {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar.enable_steady_tick(std::time::Duration::from_millis(250));
            bar
        });
        let (closed_blocks, open_blocks) = (plan.closed_blocks(), plan.open_blocks);
        Self {
            bar,
            closed_blocks,
            open_blocks,
            profile_blocks: plan.profile.map_or(0, |profile| profile.blocks),
            scale_name: plan.scale_name.clone(),
            is_open_ended: plan.until_percent.is_some(),
            clock: ProgressClock { all: plan.seconds(), ..ProgressClock::default() },
            words: String::new(),
            visit_began: Instant::now(),
        }
    }

    /// A visit begins, which should take `seconds`.
    pub fn visit(&mut self, visit: &Visit, seconds: f64) {
        let took = self.visit_began.elapsed().as_secs_f64();
        // A visit that was complete takes no time at all.
        self.clock.next(seconds, (took > 0.5).then_some(took));
        self.visit_began = Instant::now();
        self.words = format!(
            "{} {}/{} · {} · {} {}",
            match visit.ladder {
                Ladder::Closed => "ceiling",
                Ladder::Open => "latency",
                Ladder::Profile => "profile",
            },
            visit.block,
            self.blocks(visit.ladder).max(visit.block),
            visit.point.arm,
            self.scale_name,
            visit.point.scale
        );
        if let Some(bar) = &self.bar {
            bar.set_length((self.clock.all.max(self.clock.before + seconds) * 10.0) as u64);
            bar.set_position((self.clock.before * 10.0) as u64);
            bar.set_message(format!("{} left · {} · starting", self.left(), self.words));
        }
    }

    /// How long it will take, in words.
    fn left(&self) -> String {
        let seconds = self.clock.left();
        let words = if seconds < 100.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) };
        if self.is_open_ended { format!("{words} or more") } else { words }
    }

    /// A block has ended: says what is known so far.
    pub fn block(&mut self, plan: &Plan, runs: &[Run], block: u32) {
        let Some(known) = known(plan, runs) else { return };
        let line = format!("after block {block}: {known}; {} left", self.left());
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    fn blocks(&self, ladder: Ladder) -> u32 {
        match ladder {
            Ladder::Closed => self.closed_blocks,
            Ladder::Open => self.open_blocks,
            Ladder::Profile => self.profile_blocks,
        }
    }

    /// A run begins.
    pub fn level(&mut self, level: &Level) {
        if let Some(bar) = &self.bar {
            let here = self.visit_began.elapsed().as_secs_f64().min(self.clock.present);
            bar.set_position(((self.clock.before + here) * 10.0) as u64);
            bar.set_message(format!("{} left · {} · {}", self.left(), self.words, words(level)));
        }
    }

    /// A run has ended.
    pub fn run(&mut self, run: &Run) {
        let latency = run.load.latency_milliseconds.map(|latency| latency.p99);
        let line = format!(
            "{} · {}: {}/s, p99 {} ms{}",
            self.words,
            words(&run.level),
            number::plain(run.load.throughput_per_second),
            number::or_dash(latency, number::milliseconds),
            if run.verdict.valid { String::new() } else { format!(" (not valid: {})", run.verdict.reasons.join("; ")) },
        );
        match &self.bar {
            Some(bar) if run.verdict.valid => bar.set_message(line),
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// An interval whose upper end is more times the lower one says nothing that a reader could use: two blocks often give one.
const WIDEST_SHOWN: f64 = 10.0;

/// The ceilings of all arms against the first, at each scale, with their intervals. `None` before two blocks have both.
fn known(plan: &Plan, runs: &[Run]) -> Option<String> {
    let mut known = Vec::new();
    for scale in &plan.scales {
        for (arm, comparison) in plan.arms.iter().skip(1).zip(queries::comparisons(plan, runs, scale)) {
            let (Some(ratio), Some(interval)) = (comparison.ratio, comparison.interval_95) else { continue };
            let ends = if interval[1] / interval[0] > WIDEST_SHOWN {
                "too few blocks for an interval".to_owned()
            } else {
                range(interval).en().to_owned()
            };
            let place = if plan.scales.len() > 1 { format!(" at {scale}") } else { String::new() };
            known.push(format!("{}{place} {} ({ends})", arm.name, difference(ratio).en()));
        }
    }
    let baseline = plan.baseline()?;
    (!known.is_empty()).then(|| format!("against {}, {}", baseline.name, known.join(", ")))
}

fn words(level: &Level) -> String {
    match level {
        Level::Closed { connections } => format!("{connections} connections"),
        Level::Open { fraction, rate_per_second } => {
            format!("{:.0} % of the ceiling, {}/s", fraction * 100.0, number::plain(*rate_per_second))
        }
        Level::Death { rate_per_second, .. } => format!("a node dies at {}/s", number::plain(*rate_per_second)),
        Level::Profile { shape, peak_per_second, .. } => {
            format!("{}, at most {}/s", shape.name(), number::plain(*peak_per_second))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::steps::tests::run;
    use crate::results::arm::PointKey;

    #[test]
    fn time_that_is_left() {
        let mut clock = ProgressClock { all: 100.0, ..ProgressClock::default() };
        assert_eq!(clock.left(), 100.0);
        clock.next(10.0, None);
        assert_eq!(clock.left(), 100.0, "the first visit has only begun");
        clock.next(10.0, Some(20.0));
        assert_eq!(clock.left(), 180.0, "twice as slow as expected, 90 s to go");
        clock.next(10.0, None);
        assert_eq!(clock.left(), 160.0, "what an earlier bench measured tells nothing of the pace");
        clock.next(200.0, Some(10.0));
        assert_eq!(clock.left(), 105.0);
    }

    #[test]
    fn what_is_known_so_far() {
        let plan = Plan { scales: vec![2.into()], ..Plan::quick() };
        let runs = |blocks: u32| -> Vec<Run> {
            let of = |block: u32, arm: &str, goodput: f64| Run {
                point: PointKey::new(arm, 2),
                ..run(block, Level::Closed { connections: 8 }, goodput, 1.0, true)
            };
            let both =
                |block: u32| [of(block, "vertical", 100.0), of(block, "horizontal", 90.0 + f64::from(block % 2))];
            (1..=blocks).flat_map(both).collect()
        };
        assert_eq!(known(&plan, &runs(0)), None);
        assert_eq!(known(&plan, &runs(1)), None, "one block has no interval");
        let said = |blocks| known(&plan, &runs(blocks)).unwrap();
        assert_eq!(said(2), "against vertical, horizontal -9.5 % (-15.6 % to -2.9 %)");
        assert_eq!(said(6), "against vertical, horizontal -9.5 % (-10.1 % to -8.9 %)", "it narrows");
    }
}
