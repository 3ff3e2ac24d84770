//! The way from far clients to the balancer: our own relay, which holds every byte for a while.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::ClusterService;
use crate::cluster::contract::{ServiceAnswer, ServiceRole};
use crate::cluster::far::{Far, RELAY};
use crate::cluster::launch::Launch;
use crate::cluster::reporter::Reporter;
use crate::cluster::settings::ClusterSettings;
use crate::cluster::state::ClusterFolder;
use crate::cluster::wait::Interrupt;
use crate::cluster::{logs, ports, process};

/// It opens one socket.
const START_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// See the file.
pub struct RelayService<'a> {
    pub far: &'a Far,
    pub settings: &'a ClusterSettings,
    pub folder: &'a ClusterFolder,
    pub reporter: Reporter,
}

impl RelayService<'_> {
    fn directory(&self) -> PathBuf {
        self.folder.path().join("services").join(RELAY)
    }

    fn listens(&self) -> bool {
        process::alive(&self.record()).is_some() && ports::is_free(self.far.port).is_ok_and(|free| !free)
    }
}

impl ClusterService for RelayService<'_> {
    fn name(&self) -> &str {
        RELAY
    }

    fn start(&self, interrupt: &Interrupt) -> anyhow::Result<()> {
        if process::alive(&self.record()).is_some() {
            return Ok(());
        }
        std::fs::create_dir_all(self.directory()).with_context(|| self.directory().display().to_string())?;
        // Not the nodes' program, which may be another version.
        let own = std::env::current_exe().context("cannot find out which program this is")?;
        let to = format!("{}:{}", self.settings.bind.reachable_host(), self.settings.port);
        let delay = humantime::format_duration(self.far.delay).to_string().replace(' ', "");
        let words = ["relay", "--listen", &self.far.relay(), "--to", &to, "--delay", &delay].map(Into::into);
        let command = std::iter::once(own.into_os_string()).chain(words).collect();
        let launch = Launch { record: self.record(), group: None, folder: None, command };
        let mut launched = launch.start(&self.directory().join("out"), &self.log())?;
        launched.wait_for_record()?;
        interrupt.wait(START_LIMIT, || self.listens() || launched.has_ended())?;
        ensure!(self.listens(), "{RELAY} did not start: {}", logs::last_lines(&self.log(), 2));
        self.reporter.step(format_args!("{RELAY}: http://{} leads to http://{to}, {delay} each way", self.far.relay()));
        Ok(())
    }

    fn stop(&self) -> anyhow::Result<()> {
        let ended = process::alive(&self.record()).is_none_or(|record| record.end(STOP_LIMIT));
        ensure!(ended, "{RELAY} does not end");
        Ok(())
    }

    fn answer(&self) -> ServiceAnswer {
        ServiceAnswer {
            name: RELAY.to_owned(),
            kind: "webapp".to_owned(),
            role: ServiceRole::Relay,
            address: self.far.relay(),
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
