//! `webapp load`.

mod args;

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::error::ErrorKind;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::Exit;
use crate::load::{
    self, Judgement, LoadPart, LoadPlan, LoadProgress, Search, SearchEvent, SearchResult, ServiceLevel, StopFlag,
};
use crate::results::load::{LoadOutcome, Validity};
pub use args::Args;
use args::FIRST_RATE;

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    if !args.merge.is_empty() {
        return merge(&args);
    }
    let plan = match args.plan().and_then(|plan| plan.check().and_then(|()| plan.check_start()).map(|()| plan)) {
        Ok(plan) => plan,
        Err(error) => clap::Error::raw(ErrorKind::ValueValidation, format!("{error:#}\n")).exit(),
    };
    let json = args.json.as_deref().map(open).transpose()?;
    let interrupt = StopFlag::default();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // A second signal ends the process at once, with the shell's code for an interrupted command.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, interrupt.flag())?;
        signal_hook::flag::register(signal, interrupt.flag())?;
    }
    if args.limit.find_limit {
        return find(&args, &plan, &interrupt, json);
    }
    let live = Live::new("");
    let mut publish = live.as_ref().map(|live| |progress: &LoadProgress| live.tell(progress));
    let progress = publish.as_mut().map(|tell| tell as &mut dyn FnMut(&LoadProgress));
    let outcome = load::run(&plan, &interrupt, progress)?;
    drop(live);
    write(&outcome, &load::text(&outcome), json)?;
    Ok(exit(&outcome))
}

/// Reads what several generators wrote, and writes their sum as one of them would.
fn merge(args: &Args) -> anyhow::Result<Exit> {
    let read = |path: &PathBuf| -> anyhow::Result<LoadPart> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        let outcome =
            serde_json::from_str(&text).with_context(|| format!("{name} is not a result of webapp load --json"))?;
        Ok((name, outcome))
    };
    let parts = args.merge.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let outcome = load::merge(&parts)?;
    let json = args.json.as_deref().map(open).transpose()?;
    write(&outcome, &load::text(&outcome), json)?;
    Ok(exit(&outcome))
}

fn find(args: &Args, plan: &LoadPlan, interrupt: &StopFlag, json: Option<Option<File>>) -> anyhow::Result<Exit> {
    let objective = ServiceLevel { bounds: args.limit.slo.clone(), max_error_share: args.limit.max_errors };
    let search = Search {
        start: args.pace.rate.unwrap_or(FIRST_RATE),
        most: args.limit.max_rate,
        precision: args.limit.precision,
    };
    let to_stdout = !matches!(json, Some(None));
    say(to_stdout, &format!("Searching the highest rate that keeps {objective}:"))?;
    let mut said = Ok(());
    let mut live: Option<Live> = None;
    let found = load::find(plan, &search, &objective, interrupt, &mut |event| match event {
        SearchEvent::Begins(rate) => live = Live::new(&format!("{rate} requests/s: ")),
        SearchEvent::Goes(progress) => {
            if let Some(live) = &live {
                live.tell(progress);
            }
        }
        SearchEvent::Ended(level) => {
            live = None;
            let word = match level.judgement {
                Judgement::Kept => "kept",
                Judgement::Breached => "breached",
                Judgement::Invalid => "not valid",
            };
            let line = format!("{:>10} requests/s   {word:<9}   {}", level.rate, level.reason);
            if let Err(error) = say(to_stdout, &line) {
                said = Err(error);
                interrupt.set();
            }
        }
    })?;
    drop(live);
    said?;
    write(&found, &format!("\n{}\n", found.summary), json)?;
    Ok(exit_of_search(&found))
}

/// Says how a search goes, line by line as it comes. When stdout belongs to the JSON, only a terminal hears it.
fn say(to_stdout: bool, line: &str) -> std::io::Result<()> {
    if to_stdout {
        let mut stdout = std::io::stdout().lock();
        return writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    }
    if std::io::stderr().is_terminal() {
        eprintln!("{line}");
    }
    Ok(())
}

/// Opens the file before the run, so that a bad path fails at once. `None` is stdout.
fn open(json: &Path) -> anyhow::Result<Option<File>> {
    if json.as_os_str() == "-" {
        return Ok(None);
    }
    // What an earlier run wrote stays until this one has something better.
    let file = File::options().create(true).write(true).truncate(false).open(json);
    file.map(Some).with_context(|| format!("cannot write {}", json.display()))
}

fn write(result: &impl Serialize, text: &str, json: Option<Option<File>>) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match json {
        Some(None) => writeln!(stdout, "{}", serde_json::to_string_pretty(result)?)?,
        Some(Some(mut file)) => {
            // Not every file can be cut to length: a pipe or /dev/null cannot.
            if file.metadata()?.is_file() {
                file.set_len(0)?;
            }
            writeln!(file, "{}", serde_json::to_string_pretty(result)?).context("writing the JSON result")?;
            stdout.write_all(text.as_bytes())?;
        }
        None => stdout.write_all(text.as_bytes())?,
    }
    Ok(())
}

fn exit(outcome: &LoadOutcome) -> Exit {
    match outcome.generator.verdict {
        _ if outcome.interrupted || outcome.requests_ok == 0 => Exit::Failed,
        Validity::Valid => Exit::Done,
        Validity::GeneratorBound => Exit::NotValid,
    }
}

fn exit_of_search(found: &SearchResult) -> Exit {
    match found.last_success_per_second {
        _ if found.interrupted => Exit::Failed,
        _ if found.generator_bound => Exit::NotValid,
        Some(_) => Exit::Done,
        None => Exit::Failed,
    }
}

/// One line on a terminal while a run lasts; off a terminal there is none.
struct Live {
    bar: ProgressBar,
    prefix: String,
}

impl Live {
    fn new(prefix: &str) -> Option<Self> {
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return None;
        }
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("[{bar:24}] {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Some(Self { bar, prefix: prefix.to_owned() })
    }

    fn tell(&self, progress: &LoadProgress) {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.bar.set_length(milliseconds(progress.total));
        self.bar.set_position(milliseconds(progress.total.saturating_sub(progress.left)));
        self.bar.set_message(format!("{}{progress}", self.prefix));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
