//! `webapp bench`.

mod args;
mod choose;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::error::ErrorKind;

pub use args::Args;

use super::Exit;
use crate::bench::progress::BenchProgress;
use crate::bench::{BenchSettings, Ended, interrupt, now, run as run_bench};
use crate::results::arm::{Arm, Scale};
use crate::results::experiment::{self, EMBEDDED, Placeholder};
use crate::results::folder;

/// Runs the command: measures, then reports.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    if args.list {
        return list();
    }
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("results/{}", now().replace(':', "-"))));
    let chosen = if args.resume {
        choose::resumed(&args, folder::read(&out)?.manifest.plan)
    } else {
        choose::experiment(args.experiment.as_deref()).and_then(|experiment| choose::plan(&args, &experiment))
    };
    let plan = match chosen {
        Ok(plan) => plan,
        Err(error) => clap::Error::raw(ErrorKind::ValueValidation, format!("{error:#}\n")).exit(),
    };
    let binary = std::env::current_exe().context("cannot find the own program file")?;
    let driver = if plan.has_driver() { Some(driver(&args, &binary)?) } else { None };
    let settings = BenchSettings {
        plan,
        prices: args.prices.as_deref().map(super::report::read_prices).transpose()?,
        driver,
        binary,
        out,
        resume: args.resume,
    };
    let interrupted = interrupt::watch()?;
    announce(&settings);
    let mut progress = BenchProgress::new(&settings.plan);
    let ended = run_bench(&settings, &mut progress, &interrupted);
    if let Err(error) = &ended
        && folder::read(&settings.out).is_ok_and(|results| !results.runs.is_empty())
    {
        eprintln!("what was measured until now is in {}; go on with --resume", settings.out.display());
        eprintln!("the bench ended early: {error:#}");
    }
    let ended = ended?;
    if let Ended::Nothing(what) = &ended {
        eprintln!(
            "the bench ended early: {what}. Look at the path with curl, and at what the service writes to its log"
        );
    }
    if ended == Ended::Interrupted {
        eprintln!("interrupted; nothing is left running. Go on with --out {} --resume", settings.out.display());
        if !folder::read(&settings.out).is_ok_and(|results| !results.runs.is_empty()) {
            return Ok(Exit::Failed);
        }
    }
    let report = super::report::write(&settings.out, settings.prices.clone(), None)?;
    let mut stdout = std::io::stdout().lock();
    write!(stdout, "{}", report.text)?;
    Ok(match ended {
        Ended::Interrupted => Exit::Failed,
        Ended::Nothing(_) => Exit::NotValid,
        Ended::Complete if !report.valid => Exit::NotValid,
        Ended::Complete => Exit::Done,
    })
}

/// The driver: a program that was named, else this one.
fn driver(args: &Args, binary: &Path) -> anyhow::Result<PathBuf> {
    match &args.driver {
        None => Ok(binary.to_owned()),
        Some(program) => program.canonicalize().with_context(|| {
            format!("there is no driver {}; leave --driver out to use webapp cluster", program.display())
        }),
    }
}

/// Shows the experiments of the product.
fn list() -> anyhow::Result<Exit> {
    let widest = EMBEDDED.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut stdout = std::io::stdout().lock();
    for experiment in EMBEDDED.iter().filter_map(|(name, _)| experiment::embedded(name)) {
        writeln!(stdout, "{:widest$}  {}", experiment.name, experiment.question)?;
    }
    Ok(Exit::Done)
}

fn announce(settings: &BenchSettings) {
    let plan = &settings.plan;
    let seconds = plan.seconds();
    let time = if seconds < 180.0 { format!("{seconds:.0} s") } else { format!("{:.0} minutes", seconds / 60.0) };
    let scales: Vec<&str> = plan.scales.iter().map(Scale::as_str).collect();
    let unit = match plan.unit_cpu_percent {
        Some(percent) => format!(" of {percent} % of a core"),
        None if plan.arms.iter().any(|arm| arm.leaves_open(Placeholder::UnitCpu)) => " without CPU limit".to_owned(),
        None => String::new(),
    };
    eprintln!(
        "{}, {} plan: {} {}{unit}, {}, about {time}; results in {}",
        plan.experiment,
        plan.name,
        plan.scale_name,
        scales.join(", "),
        plan.blocks_words(),
        settings.out.display()
    );
    let most_units = if plan.arms.iter().any(Arm::grows) { plan.largest_scale() as u32 } else { 1 };
    let cpus = num_cpus::get();
    if let Some(percent) = plan.unit_cpu_percent.filter(|percent| percent * most_units > 75 * cpus as u32) {
        eprintln!(
            "note: {} units of {percent} % take {} of {cpus} cores; generator and balancer need the rest and may become the limit",
            most_units,
            f64::from(percent * most_units) / 100.0
        );
    }
}
