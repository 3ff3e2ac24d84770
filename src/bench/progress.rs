//! How far the bench is: a bar on a terminal, a line a run elsewhere. All on standard error.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use crate::results::number;
use crate::results::plan::{Ladder, Plan, Visit};
use crate::results::run::{Level, Run};

/// Shows how far the bench is.
pub struct Progress {
    bar: Option<ProgressBar>,
    closed_blocks: u32,
    open_blocks: u32,
    scale_name: String,
    /// Seconds that all visits before the present one should have taken.
    before: f64,
    /// Seconds that the present visit should take, and those its runs so far should have taken.
    present: f64,
    words: String,
    visit_began: Instant,
}

impl Progress {
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
        let (closed_blocks, open_blocks) = (plan.blocks, plan.open_blocks);
        Self {
            bar,
            closed_blocks,
            open_blocks,
            scale_name: plan.scale_name.clone(),
            before: 0.0,
            present: 0.0,
            words: String::new(),
            visit_began: Instant::now(),
        }
    }

    /// A visit begins, which should take `seconds`.
    pub fn visit(&mut self, visit: &Visit, seconds: f64) {
        self.before += self.present;
        self.present = seconds;
        self.visit_began = Instant::now();
        self.words = format!(
            "{} {}/{} · {} · {} {}",
            if visit.ladder == Ladder::Closed { "ceiling" } else { "latency" },
            visit.block,
            self.blocks(visit.ladder),
            visit.point.arm,
            self.scale_name,
            visit.point.scale
        );
        if let Some(bar) = &self.bar {
            bar.set_position((self.before * 10.0) as u64);
            bar.set_message(format!("{} · starting", self.words));
        }
    }

    fn blocks(&self, ladder: Ladder) -> u32 {
        match ladder {
            Ladder::Closed => self.closed_blocks,
            Ladder::Open => self.open_blocks,
        }
    }

    /// A run begins.
    pub fn level(&mut self, level: &Level) {
        if let Some(bar) = &self.bar {
            let here = self.visit_began.elapsed().as_secs_f64().min(self.present);
            bar.set_position(((self.before + here) * 10.0) as u64);
            bar.set_message(format!("{} · {}", self.words, words(level)));
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

fn words(level: &Level) -> String {
    match level {
        Level::Closed { connections } => format!("{connections} connections"),
        Level::Open { fraction, rate_per_second } => {
            format!("{:.0} % of the ceiling, {}/s", fraction * 100.0, number::plain(*rate_per_second))
        }
        Level::Death { rate_per_second, .. } => format!("a node dies at {}/s", number::plain(*rate_per_second)),
    }
}
