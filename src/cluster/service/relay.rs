//! A way that is long, from clients to the balancer or from nodes to their store: our own relay, which holds every byte for a while.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::ClusterService;
use crate::cluster::contract::{ServiceAnswer, ServiceRole};
use crate::cluster::far::{Far, RELAY};
use crate::cluster::launch::Launch;
use crate::cluster::reporter::Reporter;
use crate::cluster::settings::ClusterSettings;
use crate::cluster::shared::STORE_RELAY;
use crate::cluster::state::ClusterFolder;
use crate::cluster::wait::Interrupt;
use crate::cluster::{logs, ports, process};

/// It opens one socket.
const START_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// See the file.
pub struct RelayService<'a> {
    pub name: &'static str,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    /// `HOST:PORT` at the other end.
    pub to: String,
    /// One way.
    pub delay: Duration,
    pub folder: &'a ClusterFolder,
    pub reporter: Reporter,
}

impl<'a> RelayService<'a> {
    /// From far clients.
    pub fn to_balancer(far: &Far, settings: &ClusterSettings, folder: &'a ClusterFolder, reporter: Reporter) -> Self {
        let to = format!("{}:{}", settings.bind.reachable_host(), settings.port);
        Self { name: RELAY, port: far.port, to, delay: far.delay, folder, reporter }
    }

    /// From the nodes to a store in another place; `None` where it is beside them.
    pub fn to_store(settings: &ClusterSettings, folder: &'a ClusterFolder, reporter: Reporter) -> Option<Self> {
        let far = settings.shared.far_store?;
        let to = format!("127.0.0.1:{}", settings.shared.store_servers().next()?.port);
        Some(Self { name: STORE_RELAY, port: far.port, to, delay: far.delay, folder, reporter })
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("services").join(self.name)
    }

    fn listens(&self) -> bool {
        process::alive(&self.record()).is_some() && ports::is_free(self.port).is_ok_and(|free| !free)
    }
}

impl ClusterService for RelayService<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn start(&self, interrupt: &Interrupt) -> anyhow::Result<()> {
        if process::alive(&self.record()).is_some() {
            return Ok(());
        }
        std::fs::create_dir_all(self.directory()).with_context(|| self.directory().display().to_string())?;
        // Not the nodes' program, which may be another version.
        let own = std::env::current_exe().context("cannot find out which program this is")?;
        let (name, address, to) = (self.name, self.address(), &self.to);
        let delay = humantime::format_duration(self.delay).to_string().replace(' ', "");
        let words = ["relay", "--listen", &address, "--to", to, "--delay", &delay].map(Into::into);
        let command = std::iter::once(own.into_os_string()).chain(words).collect();
        let launch = Launch { record: self.record(), group: None, folder: None, command };
        let mut launched = launch.start(&self.directory().join("out"), &self.log())?;
        launched.wait_for_record()?;
        interrupt.wait(START_LIMIT, || self.listens() || launched.has_ended())?;
        ensure!(self.listens(), "{name} did not start: {}", logs::last_lines(&self.log(), 2));
        self.reporter.step(format_args!("{name}: {address} leads to {to}, {delay} each way"));
        Ok(())
    }

    fn stop(&self) -> anyhow::Result<()> {
        let ended = process::alive(&self.record()).is_none_or(|record| record.end(STOP_LIMIT));
        ensure!(ended, "{} does not end", self.name);
        Ok(())
    }

    fn answer(&self) -> ServiceAnswer {
        ServiceAnswer {
            name: self.name.to_owned(),
            kind: "webapp".to_owned(),
            role: ServiceRole::Relay,
            address: self.address(),
            pid: process::alive(&self.record()).map(process::ProcessRecord::pid),
            quota_cores: None,
            up: self.listens(),
        }
    }

    fn log(&self) -> PathBuf {
        self.directory().join("log")
    }

    fn record(&self) -> PathBuf {
        self.directory().join("process")
    }
}
