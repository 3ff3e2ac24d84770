//! The command line: parse, dispatch, exit code. One file a subcommand.

mod autoscale;
mod bench;
mod cluster;
mod flame;
mod healthcheck;
mod load;
mod plan;
mod process;
mod ratios;
mod relay;
mod report;
mod serve;
mod simulate;
mod store;
mod units;
mod users;
mod usl;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// How a command ended; the number is the process's exit code. Wrong usage (2) is clap's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The command did what was asked.
    Done = 0,
    /// The command ran, and the answer is no.
    Failed = 1,
    /// It was measured, but the figures are not valid (the generator was the limit).
    NotValid = 3,
}

#[derive(Parser)]
#[command(name = "webapp", version, about, disable_help_subcommand = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a node.
    Serve(Box<serve::Args>),
    /// Load one or more addresses and print what was measured.
    Load(Box<load::Args>),
    /// Measure one big node against many small ones, and report.
    Bench(Box<bench::Args>),
    /// Hold a cluster at its target, or decide on recorded samples.
    Autoscale(Box<autoscale::Args>),
    /// Fit, name the limits and draw the report of a results folder.
    Report(report::Args),
    /// Size a system for a load from a results folder.
    Plan(Box<plan::Args>),
    /// Simulate arrivals, a balancer, nodes and stores: what if?
    Simulate(Box<simulate::Args>),
    /// Fit the Universal Scalability Law to a table `n,throughput`.
    Usl(usl::Args),
    /// Compare what other programs measured in rounds, with intervals.
    Ratios(ratios::Args),
    /// Run nodes behind a balancer, on this machine.
    Cluster(cluster::Args),
    /// Pass connections on as if their target were far away.
    Relay(relay::Args),
    /// Prepare a store that several nodes share.
    Store(store::Args),
    /// Manage the users that may log in.
    Users(users::Args),
    /// Draw which functions a program spends its time in: a flame graph.
    Flame(flame::Args),
    /// Exit 0 when an address answers 2xx, else 1.
    Healthcheck(healthcheck::Args),
}

/// Parses the arguments, runs the subcommand, and turns its end into an exit code.
///
/// Results go to stdout, everything else to stderr. A reader that closed the pipe early is not an error.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => serve::run(*args),
        Command::Load(args) => load::run(*args),
        Command::Bench(args) => bench::run(*args),
        Command::Autoscale(args) => autoscale::run(&args),
        Command::Report(args) => report::run(args),
        Command::Plan(args) => plan::run(&args),
        Command::Simulate(args) => simulate::run(*args),
        Command::Usl(args) => usl::run(args),
        Command::Ratios(args) => ratios::run(&args),
        Command::Cluster(args) => cluster::run(args),
        Command::Relay(args) => relay::run(&args),
        Command::Store(args) => store::run(args),
        Command::Users(args) => users::run(args),
        Command::Flame(args) => flame::run(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
    };
    match result {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(Exit::Failed as u8)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
