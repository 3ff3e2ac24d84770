//! One node: a `webapp serve` under its quota.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::balancer::SOURCE;
use super::launch::{Launch, Launched};
use super::limits::{self, Mechanism, QuotaGroup};
use super::settings::ClusterSettings;
use super::state::ClusterFolder;
use super::{Cluster, logs, ports, process, ready, service};
use crate::http::blocking;
use crate::stats::Stats;

/// How long a node may take to be ready.
const READY_LIMIT: Duration = Duration::from_secs(15);
/// What a node gets on top of its drain timeout, to end by itself.
const END_GRACE: u32 = 5;
/// For one answer of a node.
const ASK_LIMIT: Duration = Duration::from_secs(2);

/// What a node says of itself; `None` where it does not answer.
pub(super) fn stats(folder: &ClusterFolder, node: &str) -> Option<Stats> {
    let body = blocking::get(&folder.node_url(node), "/stats", ASK_LIMIT).ok()?;
    serde_json::from_slice(&body).ok()
}

impl Cluster {
    pub(super) fn quota<'a>(&'a self, node: &'a str) -> QuotaGroup<'a> {
        let ClusterSettings { mechanism, group, .. } = &self.settings;
        QuotaGroup { mechanism, group, name: node, machine: self.machine_of(node) }
    }

    /// Makes what is not there yet, starts all at once, and returns when all are ready.
    ///
    /// # Errors
    /// When one does not get ready, or not under the quota that was asked for.
    pub(super) fn nodes_up(&self, nodes: &[String]) -> anyhow::Result<()> {
        for node in nodes {
            if !self.folder.node(node).is_dir() {
                self.folder.create_node(node, &format!("127.0.0.1:{}", self.node_port()?))?;
                self.place_node(node)?;
            }
        }
        let mut started = Vec::new();
        let launched: anyhow::Result<()> = nodes.iter().try_for_each(|node| {
            started.push(self.launch(node)?);
            Ok(())
        });
        // Also when one could not be launched: what was, is known by its record from then on.
        for process in &mut started {
            process.wait_for_record()?;
        }
        launched?;
        for (node, process) in nodes.iter().zip(&mut started) {
            self.wait_until_ready(node, process)?;
            self.verify_quota(node)?;
            let url = self.folder.node_url(node);
            self.reporter.step(format_args!("{node} is ready on {url}, quota {}", self.quota_words(node)));
        }
        Ok(())
    }

    /// Not one that the balancer or another node of this cluster has, whether it listens there yet or not.
    fn node_port(&self) -> anyhow::Result<u16> {
        let port = |node: &String| self.folder.node_address(node).rsplit_once(':')?.1.parse::<u16>().ok();
        let mut reserved = self.settings.ports();
        reserved.extend(self.folder.nodes().iter().filter_map(port));
        ports::free(&reserved)
    }

    fn launch(&self, node: &str) -> anyhow::Result<Launched> {
        let folder = self.folder.node(node);
        let quota = self.quota(node);
        let mut command = self.node_command(node)?;
        // Without a quota of its own a node has no group, even where a store has one.
        let mut group = None;
        if let Some(percent) = self.settings.node_percent() {
            quota.prepare(percent)?;
            command = quota.command(Some(percent), command);
            group = quota.processes_file();
        }
        let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
        self.reporter.step(format_args!("{node}: {}", words.join(" ")));
        let record = self.folder.node_process(node);
        let launch = Launch { record, group, folder: None, command };
        launch.start(&folder.join("out"), &folder.join("log"))
    }

    fn node_command(&self, node: &str) -> anyhow::Result<Vec<OsString>> {
        let settings = &self.settings;
        let binary = settings.binary.as_ref().context("the program of the nodes is not known")?;
        let mut peers = OsString::from("@");
        peers.push(self.folder.peers());
        let (address, trusted) = (self.folder.node_address(node), format!("{SOURCE}/32"));
        let drain_timeout = format!("{}s", settings.drain_timeout);
        let words = ["serve", "--listen", &address, "--node", node, "--model", settings.model.name()];
        let mut command = vec![binary.clone().into_os_string()];
        command.extend(words.map(OsString::from));
        command.extend(["--trusted-proxies", &trusted, "--peers"].map(OsString::from));
        command.push(peers);
        command.extend(["--scaling".into(), self.folder.scaling().into_os_string()]);
        command.extend(["--drain-timeout", &drain_timeout].map(OsString::from));
        command.extend(service::node_arguments(settings, &self.folder));
        if let Some(seconds) = settings.edge_cache {
            // The nodes say what may be kept, and for how long.
            command.extend(["--http-cache".into(), format!("{seconds}s").into()]);
        }
        command.extend(settings.node_arguments.iter().map(OsString::from));
        Ok(command)
    }

    /// Until the node answers /readyz with 2xx; else the error gives the reason from its log.
    fn wait_until_ready(&self, node: &str, launched: &mut Launched) -> anyhow::Result<()> {
        let (record, address) = (self.folder.node_process(node), self.folder.node_address(node));
        let mut is_ready = false;
        self.interrupt.wait(READY_LIMIT, || {
            let ended = launched.has_ended();
            is_ready = !ended && ready::is_ready(&address);
            is_ready || ended
        })?;
        if is_ready {
            return Ok(());
        }
        let log = self.folder.node(node).join("log");
        self.reporter.say(format_args!("--- the end of {}", log.display()));
        self.reporter.say(format_args!("{}\n---", logs::last_lines(&log, 5)));
        if process::alive(&record).is_some() {
            bail!(
                "{node} runs, but http://{address}/readyz did not answer 200 within {} seconds",
                READY_LIMIT.as_secs()
            );
        }
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        if let Some(port) = port.filter(|port| !ports::is_free(*port).unwrap_or(true)) {
            bail!("{node} could not start: another program listens on port {port}");
        }
        let binary = self.settings.binary.as_ref().map(|binary| binary.display().to_string()).unwrap_or_default();
        bail!("{node} ended while it started: {binary}")
    }

    /// What the kernel holds is what was asked for. A quota that silently is none would make every figure a lie.
    pub(super) fn verify_quota(&self, node: &str) -> anyhow::Result<()> {
        let (Some(percent), mechanism) = (self.settings.node_percent(), &self.settings.mechanism) else {
            return Ok(());
        };
        if *mechanism == Mechanism::None {
            return Ok(());
        }
        let record = process::alive(&self.folder.node_process(node));
        let record = record.with_context(|| format!("{node} ended while it started"))?;
        let (wanted, quota) = (f64::from(percent) / 100.0, limits::of_process(record.pid()));
        ensure!(
            quota.is_some_and(|quota| (quota - wanted).abs() < 1e-6),
            "{node} should have a quota of {wanted} cores by {}, but the kernel says {}",
            mechanism.name(),
            quota.map_or_else(|| "none".to_owned(), |quota| quota.to_string())
        );
        Ok(())
    }

    pub(super) fn quota_words(&self, node: &str) -> String {
        match (self.settings.node_percent(), &self.settings.mechanism) {
            (None, _) | (_, Mechanism::None) => "none".to_owned(),
            (Some(percent), mechanism) => {
                let cores = f64::from(percent) / 100.0;
                format!("{cores} cores by {}: {}", mechanism.name(), self.quota(node).place())
            }
        }
    }

    /// Asks the node to finish what it has, and insists after the drain timeout.
    pub(super) fn stop_node(&self, node: &str) {
        let path = self.folder.node_process(node);
        let patience = Duration::from_secs((self.settings.drain_timeout + END_GRACE).into());
        if process::alive(&path).is_some_and(|record| !record.end(patience)) {
            self.reporter.warn(format_args!("{node} does not end"));
        }
        let _ = std::fs::remove_file(path);
    }

    /// Nothing of the node stays.
    ///
    /// # Errors
    /// When its control group or its files cannot be removed.
    pub(super) fn forget_node(&self, node: &str) -> anyhow::Result<()> {
        self.quota(node).remove()?;
        self.folder.forget_node(node)
    }
}
