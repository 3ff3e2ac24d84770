//! `webapp plan`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::report::read_prices;
use super::{Exit, units};
use crate::plan::check::check;
use crate::plan::evidence::ArmEvidence;
use crate::plan::goal::Goal;
use crate::plan::planner::plan;
use crate::plan::{Effort, page, text};
use crate::results::folder;
use crate::results::objective::Objective;

const EXAMPLES: &str = "\
Examples:
  webapp plan results/2026-11-24T00-30-12Z --rate 100000 --slo p99=250ms
  webapp plan DIR --rate 20000 --peak-to-mean 3 --survive 2 --zones 3 --headroom 30% --prices prices.json
  webapp plan DIR --arm redis --rate 5000                # of an experiment with several arms whose nodes grow
  webapp plan DIR --validate                             # the model against what was measured

Exit codes: 0 planned; 1 the folder or the goal does not fit; 2 wrong usage.";

/// Arguments of `webapp plan`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A results folder of 'webapp bench' with several sizes of a cluster; plan.html is written into it.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Requests a second, on average.
    #[arg(long, value_name = "R", required_unless_present = "validate", env = "WEBAPP_PLAN_RATE")]
    rate: Option<f64>,
    /// The busiest moment over the average.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, env = "WEBAPP_PLAN_PEAK_TO_MEAN")]
    peak_to_mean: f64,
    /// What counts as good enough, such as p99=250ms [default: as the bench had it].
    #[arg(long, value_name = "pNN=TIME", value_parser = units::objective, env = "WEBAPP_SLO")]
    slo: Option<Objective>,
    /// What stays unused at the peak while nothing is broken.
    #[arg(long, value_name = "SHARE", default_value = "30%", value_parser = units::share, env = "WEBAPP_PLAN_HEADROOM")]
    headroom: f64,
    /// Nodes that may die at the peak.
    #[arg(long, value_name = "N", default_value_t = 1, env = "WEBAPP_PLAN_SURVIVE")]
    survive: u32,
    /// Zones that the nodes are spread over; one of them may be lost at the peak. 1 is none.
    #[arg(long, value_name = "N", default_value_t = 1, env = "WEBAPP_PLAN_ZONES")]
    zones: u32,
    /// Prices of machines by their units, as docs/prices-example.json shows [default: those of the bench, else none].
    #[arg(long, value_name = "FILE", env = "WEBAPP_PRICES")]
    prices: Option<PathBuf>,
    /// Which arm is planned [default: the one whose nodes grow].
    #[arg(long, value_name = "NAME", env = "WEBAPP_PLAN_ARM")]
    arm: Option<String>,
    /// Predict the largest size from the small ones and the closed runs alone, and print predicted against measured.
    #[arg(long, env = "WEBAPP_PLAN_VALIDATE")]
    validate: bool,
    /// Write the plan (with --validate alone: the check) as JSON to a file, or with '-' to stdout instead of the text.
    #[arg(long, value_name = "FILE|-", env = "WEBAPP_JSON")]
    json: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let results = folder::read(&args.folder)?;
    let evidence = ArmEvidence::of(&results, args.arm.as_deref())
        .with_context(|| format!("{} does not fit", args.folder.display()))?;
    let effort = Effort::default();
    let Some(rate_per_second) = args.rate else {
        let check = check(&evidence, &effort)?;
        return print(args, &text::check_text(&check), &check);
    };
    let goal = args.goal(rate_per_second, results.manifest.plan.objective);
    let prices = args.prices.as_deref().map(read_prices).transpose()?.or_else(|| results.manifest.prices.clone());
    let plan = plan(&evidence, &goal, prices.as_ref(), &effort)?;
    if args.validate {
        // Said even where the plan itself could do without: it was asked for.
        check(&evidence, &effort)?;
    }
    let html = args.folder.join("plan.html");
    let mut words = text::text(&plan);
    match folder::write_whole(&html, &page::render(&plan)) {
        Ok(()) => words += &format!("\nplan: {}\n", html.display()),
        // A folder of somebody else's may be read only.
        Err(error) => eprintln!("warning: {error:#}"),
    }
    print(args, &words, &plan)
}

impl Args {
    /// What was asked for, with the bench's objective where none was given.
    fn goal(&self, rate_per_second: f64, objective: Objective) -> Goal {
        Goal {
            rate_per_second,
            peak_to_mean: self.peak_to_mean,
            objective: self.slo.unwrap_or(objective),
            headroom: self.headroom,
            survive: self.survive,
            zones: self.zones,
        }
    }
}

fn print(args: &Args, words: &str, json: &impl serde::Serialize) -> anyhow::Result<Exit> {
    let mut stdout = std::io::stdout().lock();
    let whole = || serde_json::to_string_pretty(json);
    match args.json.as_deref() {
        Some(file) if file == Path::new("-") => writeln!(stdout, "{}", whole()?)?,
        file => {
            if let Some(file) = file {
                std::fs::write(file, format!("{}\n", whole()?))
                    .with_context(|| format!("cannot write {}", file.display()))?;
            }
            write!(stdout, "{words}")?;
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::results::objective::LatencyFigure;

    #[derive(Parser)]
    struct Whole {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn what_is_not_said_is_the_usual_goal_which_the_report_takes() {
        let objective = Objective { figure: LatencyFigure::P99, milliseconds: 250.0 };
        let parsed = |words: &[&str]| Whole::try_parse_from(words).unwrap().args.goal(500.0, objective);
        assert_eq!(parsed(&["plan", "DIR", "--rate", "500"]), Goal::usual(500.0, objective));
        assert_ne!(parsed(&["plan", "DIR", "--rate", "500", "--survive", "2"]), Goal::usual(500.0, objective));
    }
}
