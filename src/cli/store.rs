//! `webapp store seed`: makes schema and rows in a store.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::store::{Failure, Layout, Share, StoreTargetKind, Target, seed};

use super::{Exit, units};

/// Prepares a store that several nodes share.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make tables and rows where they are missing; what is there stays as it is. Ctrl-C ends it between two batches; run again, it
    /// goes on.
    ///
    /// Example: webapp store seed mysql://webapp:PASSWORD@127.0.0.1:3306/webapp --rows 100000
    Seed(Seed),
}

#[derive(clap::Args)]
struct Seed {
    /// The store: sqlite:FILE, mysql://USER:PASSWORD@HOST:PORT/DATABASE, redis://HOST:PORT/NUMBER or
    /// redis-cluster://HOST:PORT?seed=HOST:PORT; or @FILE, which holds that.
    /// Several, with commas, are shards: each gets its part of the rows.
    #[arg(env = "WEBAPP_STORE", hide_env_values = true, value_name = "URL,…")]
    url: String,
    /// Rows, with the ids from 0 on; 0 makes tables only.
    #[arg(long, env = "WEBAPP_ROWS", value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(..=100_000_000))]
    rows: u64,
    /// Longest wait for the store, a batch of rows.
    #[arg(long, env = "WEBAPP_SEED_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    timeout: Duration,
}

/// Does what was asked of the store.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let Command::Seed(seed) = args.command;
    make_rows(&seed)
}

/// What `--store` takes: one server, or shards with commas.
pub fn layout(text: &str) -> anyhow::Result<Layout> {
    let targets = text.split(',').map(|text| target(text.trim())).collect::<anyhow::Result<_>>()?;
    Layout::of(targets).map_err(anyhow::Error::msg)
}

/// What `--sessions` and its like take: a URL, or `@FILE` with the URL as its only line. No message repeats a URL.
pub fn target<T: FromStr<Err = String>>(text: &str) -> anyhow::Result<T> {
    let Some(file) = text.strip_prefix('@') else { return text.parse().map_err(anyhow::Error::msg) };
    let content =
        std::fs::read_to_string(file).with_context(|| format!("cannot read the URL of the store in {file}"))?;
    let mut lines = content.lines().map(str::trim).filter(|line| !line.is_empty());
    let (Some(line), None) = (lines.next(), lines.next()) else {
        bail!("{file} must hold one line, the URL of the store");
    };
    line.parse().map_err(|refusal: String| anyhow!("{file}: {refusal}"))
}

fn make_rows(args: &Seed) -> anyhow::Result<Exit> {
    let layout = layout(&args.url)?;
    match layout.kind() {
        StoreTargetKind::Memory => bail!("the store 'memory' has its rows from the start; memory:ROWS says how many"),
        StoreTargetKind::Memcached => {
            bail!("memcached holds no rows; it is for sessions: serve --sessions memcached://HOST:PORT")
        }
        StoreTargetKind::Sqlite | StoreTargetKind::Mysql | StoreTargetKind::Redis | StoreTargetKind::RedisCluster => {}
    }
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(args.rows) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} rows, {eta} left") {
        bar.set_style(style);
    }
    let interrupted = interrupts()?;
    let targets = layout.targets();
    for (place, target) in targets.iter().enumerate() {
        if !fill(args, target, Share { place, of: targets.len() }, &bar, &interrupted)? {
            return Ok(Exit::Failed);
        }
    }
    Ok(Exit::Done)
}

/// Fills one server; whether it got all of its rows.
fn fill(
    args: &Seed,
    target: &Target,
    share: Share,
    bar: &ProgressBar,
    interrupted: &AtomicBool,
) -> anyhow::Result<bool> {
    let made = seed::seed(target, share, args.rows, args.timeout, |rows| {
        bar.set_position(rows);
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let rows = made.map_err(|failure| anyhow!("{target}: {}", why(failure, args.timeout)))?;
    if rows < args.rows {
        eprintln!("interrupted: {target} has {rows} of {} rows; run it again, and it goes on", args.rows);
        return Ok(false);
    }
    let which = if share.of > 1 { format!("its part (1 of {}) of ", share.of) } else { String::new() };
    println!("{target} has its tables and {which}the rows 0 to {}", args.rows.saturating_sub(1));
    Ok(true)
}

/// Whether a signal asked to stop. A second one ends the process at once; the store then keeps whole batches all the same.
fn interrupts() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

fn why(failure: Failure, timeout: Duration) -> String {
    match failure {
        Failure::Lost(why) => format!("it cannot be reached: {why}"),
        Failure::TimedOut | Failure::Stopped => format!("no answer within {timeout:?}; --timeout gives it longer"),
        Failure::Refused(why) => format!("it refused: {why}"),
        Failure::Unseeded => "its tables vanished while they were filled".to_owned(),
        Failure::Unsupported(what) => format!("this kind of store cannot {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_lie_in_a_file_and_is_never_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        let named = format!("@{}", file.display());
        std::fs::write(&file, "\n redis://:hunter2@127.0.0.1:7000/1 \n").unwrap();
        assert_eq!(target::<Target>(&named).unwrap().to_string(), "redis://127.0.0.1:7000/1");
        for content in ["", "postgres://:hunter2@db", "redis://:hunter2@a\nredis://:hunter2@b"] {
            std::fs::write(&file, content).unwrap();
            let refusal = format!("{:#}", target::<Target>(&named).unwrap_err());
            assert!(refusal.contains("url") && !refusal.contains("hunter2"), "{refusal}");
        }
        assert!(target::<Target>("@/nowhere").is_err());
    }
}
