//! `webapp users add`: adds a user with a hashed password.

use std::fs::OpenOptions;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::app::users::{self, HashCost};

use super::Exit;

/// Manages the users that may log in (serve --users FILE).
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Add a user. The password is asked for on the terminal, or read from standard input: one line.
    ///
    /// Example: webapp users add users.txt ana
    Add(Add),
}

#[derive(clap::Args)]
struct Add {
    /// The file; made when it is not there, for its owner only.
    file: PathBuf,
    /// The user's name.
    name: String,
    /// Give a user that is there a new password.
    #[arg(long)]
    replace: bool,
    /// Memory that a check of the password takes (Argon2id), KiB.
    #[arg(long, env = "WEBAPP_HASH_MEMORY_KIB", value_name = "N", default_value_t = HashCost::default().memory_kib, value_parser = clap::value_parser!(u32).range(8..=1_048_576))]
    memory_kib: u32,
    /// Passes over that memory: more make a guess, and a login, dearer.
    #[arg(long, env = "WEBAPP_HASH_PASSES", value_name = "N", default_value_t = HashCost::default().passes, value_parser = clap::value_parser!(u32).range(1..=100))]
    passes: u32,
}

/// Does what was asked with the users.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let Command::Add(add) = args.command;
    users::check_name(&add.name)?;
    let before = read(&add.file)?;
    let is_there = before.lines().any(|line| names(line, &add.name));
    if is_there && !add.replace {
        bail!("{} is in {} already; --replace gives a new password", add.name, add.file.display());
    }
    let password = password()?;
    let line = users::new_line(&add.name, &password, HashCost { memory_kib: add.memory_kib, passes: add.passes })?;
    let kept =
        before.lines().filter(|line| !names(line, &add.name)).fold(String::new(), |text, line| text + line + "\n");
    write(&add.file, &(kept + &line))?;
    println!("{} {}", if is_there { "replaced" } else { "added" }, add.name);
    Ok(Exit::Done)
}

fn names(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(first, _)| first == name)
}

fn read(file: &Path) -> anyhow::Result<String> {
    match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        other => other.with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Writes the whole file beside the old one and puts it in its place: who reads meanwhile reads one or the other.
fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut fresh = file.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .and_then(|mut out| out.write_all(text.as_bytes()).and_then(|()| out.sync_all()))
        .and_then(|()| std::fs::rename(&fresh, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    written.with_context(|| format!("cannot write {}", file.display()))
}

/// From the terminal twice and unseen; from anything else one line.
fn password() -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        // Longer ones are refused anyway.
        std::io::stdin().lock().take(4_096).read_line(&mut line).context("cannot read the password")?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let hidden = Hidden::start()?;
    let first = hidden.ask("Password: ")?;
    let second = hidden.ask("Again: ")?;
    if first != second {
        bail!("the two passwords differ");
    }
    Ok(first)
}

/// A terminal that does not show what is typed, until this is dropped or the process is interrupted.
struct Hidden {
    before: Termios,
}

impl Hidden {
    fn start() -> anyhow::Result<Self> {
        let terminal = std::io::stdin();
        let before = tcgetattr(terminal.as_fd()).context("cannot read the modes of the terminal")?;
        // Ctrl-C must not leave a terminal behind that shows nothing.
        let mut signals =
            signal_hook::iterator::Signals::new([signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM])?;
        let restored = before.clone();
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Now, &restored);
                eprintln!();
                std::process::exit(128 + signal);
            }
        });
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(terminal.as_fd(), OptionalActions::Flush, &quiet).context("cannot hide what is typed")?;
        Ok(Self { before })
    }

    fn ask(&self, question: &str) -> anyhow::Result<String> {
        eprint!("{question}");
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("cannot read the password")?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Now, &self.before);
    }
}
