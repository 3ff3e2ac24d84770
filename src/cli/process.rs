//! What a long-running process owes its surroundings: log, signals, a supervisor, a first line on stdout.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::FromRawFd;
use std::time::Duration;

use anyhow::{Context, bail};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Least severe messages that are logged.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// Logs to stderr, one line a thing; of other crates only warnings.
pub fn start_log(level: LogLevel) {
    let level = match level {
        LogLevel::Error => log::LevelFilter::Error,
        LogLevel::Warn => log::LevelFilter::Warn,
        LogLevel::Info => log::LevelFilter::Info,
        LogLevel::Debug => log::LevelFilter::Debug,
    };
    let others = level.min(log::LevelFilter::Warn);
    let log = env_logger::Builder::new()
        .filter_level(others)
        .filter_module("webapp", level)
        .format(|out, record| {
            let now = humantime::format_rfc3339_millis(std::time::SystemTime::now());
            writeln!(out, "{now} {:5} {}", record.level(), record.args())
        })
        .try_init();
    if log.is_err() {
        eprintln!("the log was started before; its level stays");
    }
}

/// A panic is one line of the log. Where it is caught, the process lives on.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("no message");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        log::error!("panic at {place}: {}", message.lines().next().unwrap_or_default());
    }));
}

/// The bound address, as the first line on stdout.
pub fn say_listening(address: SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{address}").and_then(|()| out.flush()).context("cannot write to stdout")
}

/// The socket that a supervisor opened for us (sd_listen_fds(3)), if there is one.
pub fn inherited_listener() -> anyhow::Result<Option<TcpListener>> {
    let mut descriptors = sd_notify::listen_fds().context("LISTEN_FDS is not what sd_listen_fds(3) says")?;
    let Some(descriptor) = descriptors.next() else { return Ok(None) };
    if descriptors.next().is_some() {
        bail!("more than one socket was handed over; one ListenStream is enough");
    }
    // SAFETY: handed over to this process alone (LISTEN_PID was checked), and taken once.
    let listener = unsafe { TcpListener::from_raw_fd(descriptor) };
    listener.local_addr().context("the socket handed over does not listen for TCP; use ListenStream")?;
    Ok(Some(listener))
}

/// SIGTERM and SIGINT, both of which ask to stop.
pub struct Signals(std::sync::mpsc::Receiver<i32>);

impl Signals {
    /// Watches from now on, in a thread of its own.
    pub fn watch() -> anyhow::Result<Signals> {
        let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT]).context("cannot watch for signals")?;
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || signals.forever().take_while(|signal| sender.send(*signal).is_ok()).count())?;
        Ok(Signals(receiver))
    }

    /// Waits for the first.
    pub fn wait(&self) {
        // The sender lives as long as the process.
        let _ = self.0.recv();
    }

    /// A second signal ends the process at once, with the exit code of a process that the signal ended.
    pub fn exit_on_next(self) {
        std::thread::spawn(move || {
            if let Ok(signal) = self.0.recv() {
                log::warn!("a second signal: ending at once");
                std::process::exit(128 + signal);
            }
        });
    }
}

/// The service manager that started us, if there is one (sd_notify(3)).
pub struct Supervisor;

impl Supervisor {
    /// Says that the node is ready, and from then on, as often as asked, that it is alive. The sign of life
    /// comes from a coroutine: a stuck event loop gives none.
    pub fn ready() {
        notify(&[NotifyState::Ready]);
        let Some(timeout) = sd_notify::watchdog_enabled() else { return };
        let pause = (timeout / 3).max(Duration::from_millis(10));
        let beat = move || {
            loop {
                crate::sleep::sleep(pause);
                notify(&[NotifyState::Watchdog]);
            }
        };
        if let Err(error) = may::go!(may::coroutine::Builder::new().name("watchdog".into()), beat) {
            log::error!("no coroutine for the watchdog: {error}");
        }
    }

    /// Says that the node is about to stop.
    pub fn stopping() {
        notify(&[NotifyState::Stopping]);
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warn!("cannot tell the service manager: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps what is logged.
    struct Memory(Mutex<Vec<String>>);

    impl log::Log for Memory {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            self.0.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
        }

        fn flush(&self) {}
    }

    #[test]
    fn a_panic_is_one_line_of_the_log() {
        static MEMORY: Memory = Memory(Mutex::new(Vec::new()));
        log::set_logger(&MEMORY).unwrap();
        log::set_max_level(log::LevelFilter::Error);
        let usual = std::panic::take_hook();
        log_panics();
        let caught = std::panic::catch_unwind(|| panic!("the first line\nand a second"));
        std::panic::set_hook(usual);
        assert!(caught.is_err());
        let seen = MEMORY.0.lock().unwrap();
        let ours: Vec<&String> = seen.iter().filter(|line| line.contains("the first line")).collect();
        assert!(ours.len() == 1 && ours[0].starts_with("ERROR panic at src/cli/process.rs:"), "{seen:?}");
        assert!(ours[0].ends_with(": the first line"), "{seen:?}");
    }
}
