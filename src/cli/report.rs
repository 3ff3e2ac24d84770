//! `webapp report`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};

use super::{Exit, units};
use crate::plan::check::check;
use crate::plan::evidence::ArmEvidence;
use crate::plan::goal::Goal;
use crate::plan::planner::plan;
use crate::plan::proposal::CapacityPlan;
use crate::plan::{Effort, page as plan_page, text as plan_text};
use crate::report::earlier;
use crate::report::require::{Conclusion, Requirement};
use crate::report::{Report, export, findings, page};
use crate::results::folder::{self, Results};
use crate::results::objective::Objective;
use crate::results::prices::Prices;

/// Arguments of `webapp report`.
#[derive(clap::Args)]
#[command(after_help = "Example: webapp report results/2026-11-24T00-30-12Z --prices prices.json")]
pub struct Args {
    /// A results folder of 'webapp bench'; several make one page of a whole lab, with a cover.
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,

    /// With several folders: the page that has all their answers.
    #[arg(long, value_name = "FILE", default_value = "reports.html")]
    cover: PathBuf,

    /// Prices of machines by their units, as docs/prices-example.json shows [default: those of the bench, else the example's].
    #[arg(long, value_name = "FILE", env = "WEBAPP_PRICES")]
    prices: Option<PathBuf>,

    /// What is printed: text, or the same for a program or another text. Both files are written in any case.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: ReportFormat,

    /// Show report.html in the browser of this desktop.
    #[arg(long)]
    open: bool,

    /// Also plan for so many requests a second, with 30 % headroom and one node that may die; 'webapp plan' takes other goals.
    #[arg(long, value_name = "RATE")]
    plan: Option<f64>,

    /// With --plan: what counts as good enough, such as p99=250ms [default: as the bench had it].
    #[arg(long, value_name = "pNN=TIME", value_parser = units::objective, requires = "plan")]
    slo: Option<Objective>,

    /// What must hold, several times: 'b/a throughput > -5%', 'p99 < 50ms', 'b errors < 1%'. Exit code 1 when it is refuted, 3
    /// when the figures do not decide.
    #[arg(long, value_name = "REQUIREMENT")]
    require: Vec<Requirement>,

    /// An earlier results folder, compared point by point. Not in blocks: what the machine did in between counts, too.
    #[arg(long, value_name = "DIR")]
    baseline: Option<PathBuf>,

    /// Compare with --baseline even if it was measured on another machine.
    #[arg(long, requires = "baseline")]
    other_machine: bool,
}

/// What `webapp report` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// Tables and words for a terminal.
    #[default]
    Text,
    /// The page, as report.html has it.
    Html,
    /// Every figure, as report.json has it.
    Json,
    /// The table of points for a spreadsheet.
    Csv,
    /// Question, answer and table for an issue or a lab sheet.
    Markdown,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let prices = args.prices.as_deref().map(read_prices).transpose()?;
    let folder = match &*args.folders {
        [folder] => folder,
        several => {
            ensure!(
                args.require.is_empty()
                    && args.baseline.is_none()
                    && args.plan.is_none()
                    && args.format == ReportFormat::Text,
                "--require, --baseline, --plan and --format take one results folder, and here are {}",
                several.len()
            );
            return write_series(several, &args, prices.as_ref());
        }
    };
    let report = write(folder, prices, args.plan.map(|rate| Planned { rate, objective: args.slo }))?;
    let mut stdout = std::io::stdout().lock();
    write!(stdout, "{}", report.printed(args.format)?)?;
    if args.open {
        show(&report.html)?;
    }
    if let Some(earlier) = &args.baseline {
        write!(stdout, "\n{}", compare_with(folder, earlier, args.other_machine)?)?;
    }
    if args.require.is_empty() {
        return Ok(if report.valid { Exit::Done } else { Exit::NotValid });
    }
    let results = folder::read(folder)?;
    writeln!(stdout, "\nrequired:")?;
    let mut worst = Conclusion::Held;
    for requirement in &args.require {
        let (outcome, line) = requirement.judge(&results).map_err(anyhow::Error::msg)?;
        writeln!(stdout, "{line}")?;
        worst = worst.max(outcome);
    }
    Ok(match worst {
        Conclusion::Held => Exit::Done,
        Conclusion::Undecided => Exit::NotValid,
        Conclusion::Refuted => Exit::Failed,
    })
}

/// Writes the report of each folder, and the page that has all their answers.
fn write_series(folders: &[PathBuf], args: &Args, prices: Option<&Prices>) -> anyhow::Result<Exit> {
    let beside = args.cover.parent().unwrap_or(Path::new(""));
    let mut entries = Vec::new();
    for folder in folders {
        let written = write(folder, prices.cloned(), None)?;
        // Where the page does not stand above the folder, the link is the folder as it was typed.
        let link = written.html.strip_prefix(beside).unwrap_or(&written.html);
        entries.push(page::SeriesEntry {
            name: folder.display().to_string(),
            link: link.display().to_string(),
            report: written.report,
        });
    }
    folder::write_whole(&args.cover, &page::series(&entries))?;
    let mut stdout = std::io::stdout().lock();
    for entry in &entries {
        let answer = format!("{}: {} {}", entry.name, entry.report.question, entry.report.headline.en());
        writeln!(stdout, "{}\n", crate::report::table::wrap(&answer, 2))?;
    }
    writeln!(stdout, "reports: {}", args.cover.display())?;
    if args.open {
        show(&args.cover)?;
    }
    Ok(if entries.iter().all(|entry| entry.report.valid) { Exit::Done } else { Exit::NotValid })
}

/// The comparison with an earlier folder, as text.
fn compare_with(here: &Path, earlier_folder: &Path, other_machine: bool) -> anyhow::Result<String> {
    let (now, then) = (folder::read(here)?, folder::read(earlier_folder)?);
    let differences = earlier::machine_differences(&now.manifest.machine, &then.manifest.machine);
    ensure!(
        differences.is_empty() || other_machine,
        "{} was measured on another machine ({}); --other-machine compares all the same",
        earlier_folder.display(),
        differences.join("; ")
    );
    let lines = earlier::lines(&now, &then);
    ensure!(!lines.is_empty(), "{} and {} have no point in common", here.display(), earlier_folder.display());
    let mut text = format!("against {}:\n", earlier_folder.display());
    for line in lines {
        text += &format!("{}\n", crate::report::table::wrap(&line, 2));
    }
    text += &format!("{}\n", crate::report::table::wrap(earlier::NOT_IN_BLOCKS, 0));
    if !differences.is_empty() {
        text += &format!("! another machine: {}\n", differences.join("; "));
    }
    Ok(text)
}

/// What was written, for the terminal.
pub struct WrittenFiles {
    /// Tables and words within 100 columns.
    pub text: String,
    /// Where the page is.
    html: PathBuf,
    report: Report,
    /// True when every point is valid.
    pub valid: bool,
}

/// Reads a table of prices.
///
/// # Errors
/// When the file cannot be read, or holds no such table.
pub fn read_prices(file: &Path) -> anyhow::Result<Prices> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Prices::read(&text).map_err(|error| anyhow!("{}: {error}", file.display()))
}

/// A plan that the report shall have, too: for so many requests a second, within the bench's objective where no other is given.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    rate: f64,
    objective: Option<Objective>,
}

/// Analyses a results folder and writes `report.json` and `report.html` into it. Without `prices`, those of the bench
/// hold, else the example's.
///
/// # Errors
/// When the folder holds no finished run, or cannot be read or written, or does not fit the plan that was asked for.
pub fn write(path: &Path, prices: Option<Prices>, planned: Option<Planned>) -> anyhow::Result<WrittenFiles> {
    let results = folder::read(path)?;
    let prices = prices.or_else(|| results.manifest.prices.clone());
    let plan = planned.map(|planned| plan_for(path, &results, prices.as_ref(), planned)).transpose()?;
    let report = Report::of(&results, prices.as_ref()).with_context(|| {
        format!("{} holds no finished run yet; go on with 'webapp bench --out {0} --resume'", path.display())
    })?;
    folder::write_whole(&path.join("report.json"), &format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    let html = path.join("report.html");
    let (further, words) = match &plan {
        Some(plan) => (Some(plan_page::further(plan)), plan_text::text(plan)),
        None => checked(&results),
    };
    folder::write_whole(&html, &page::render(&report, &results.runs, further.as_ref()))?;
    let words = if words.is_empty() { words } else { format!("\n{words}") };
    let text = format!("{}\nreport: {}\n", findings::text_with(&report, &words), html.display());
    Ok(WrittenFiles { text, html, valid: report.valid, report })
}

/// A plan from these results; what is not asked for is as usual. Without prices it says nothing of cost.
fn plan_for(path: &Path, results: &Results, prices: Option<&Prices>, planned: Planned) -> anyhow::Result<CapacityPlan> {
    let evidence = ArmEvidence::of(results, None).with_context(|| format!("{} does not fit a plan", path.display()))?;
    let goal = Goal::usual(planned.rate, planned.objective.unwrap_or(results.manifest.plan.objective));
    plan(&evidence, &goal, prices, &Effort::default()).context("--plan")
}

/// The model held against what was measured, for the page and for the terminal. Where the folder does not fit, there is
/// nothing to check; 'webapp plan' says why.
fn checked(results: &Results) -> (Option<page::Further>, String) {
    match ArmEvidence::of(results, None).and_then(|evidence| check(&evidence, &Effort::SHORT)) {
        Ok(checked) => (Some(plan_page::further_check(&checked)), plan_text::check_text(&checked)),
        Err(_) => (None, String::new()),
    }
}

impl WrittenFiles {
    fn printed(&self, format: ReportFormat) -> anyhow::Result<String> {
        let page =
            || std::fs::read_to_string(&self.html).with_context(|| format!("cannot read {}", self.html.display()));
        Ok(match format {
            ReportFormat::Text => self.text.clone(),
            ReportFormat::Html => page()?,
            ReportFormat::Json => format!("{}\n", serde_json::to_string_pretty(&self.report)?),
            ReportFormat::Csv => export::csv(&self.report),
            ReportFormat::Markdown => export::markdown(&self.report),
        })
    }
}

/// Programs that show a file in the browser of a desktop, of Linux and of macOS.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

/// A program that still runs after this time shows the page: on a desktop without a session manager it is the browser itself,
/// which ends when its user closes it.
const STARTED: Duration = Duration::from_secs(3);

/// Hands a file to the browser of this desktop.
fn show(file: &Path) -> anyhow::Result<()> {
    for opener in OPENERS {
        match Command::new(opener).arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => return shown(child, opener, file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot run {opener}")),
        }
    }
    bail!("there is neither {} here: open {} yourself", OPENERS.join(" nor "), file.display())
}

/// Waits until the program has handed the file on, or has become the browser.
fn shown(mut child: Child, opener: &str, file: &Path) -> anyhow::Result<()> {
    let end = Instant::now() + STARTED;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for {opener}"))? {
            ensure!(status.success(), "{opener} could not show {0} ({status}): open it yourself", file.display());
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
