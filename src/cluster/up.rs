//! From nothing to a running cluster, and back.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::balancer::{BalancerKind, Site};
use super::limits::Mechanism;
use super::program::{self, Needed};
use super::reporter::Reporter;
use super::settings::{ClusterSettings, UpRequest};
use super::state::ClusterFolder;
use super::waf::Waf;
use super::wait::Interrupt;
use super::{Cluster, ports, process, ready, service, tls};

/// How long a node may take to end when the cluster goes down. Nobody asks it for anything any more: it needs no drain.
const DOWN_PATIENCE: Duration = Duration::from_secs(3);
/// How long the announced address may take to answer.
const ANNOUNCED_LIMIT: Duration = Duration::from_secs(10);

/// Starts the cluster; where it is up already, brings back what died.
///
/// # Errors
/// When the request contradicts itself or the cluster that is up, when something does not start, or a signal came. Of a
/// cluster that was new, nothing stays then.
pub fn up(name: &str, request: &UpRequest, reporter: Reporter) -> anyhow::Result<Cluster> {
    request.check()?;
    let folder = ClusterFolder::open(name)?;
    let _lock = folder.lock()?;
    if folder.has_settings() {
        let cluster = Cluster::read(&folder, name, reporter)?;
        cluster.up_again(request)?;
        return Ok(cluster);
    }
    let settings = match begin(name, request) {
        Ok(settings) => settings,
        Err(error) => {
            folder.forget()?;
            return Err(error);
        }
    };
    // Signals are watched for as long as the cluster is not complete, and while it is undone.
    let mut cluster = Cluster { folder, settings, reporter, interrupt: Interrupt::watch()? };
    if let Err(error) = cluster.up_new() {
        take_down(&cluster.folder, reporter);
        return Err(error);
    }
    cluster.interrupt = Interrupt::default();
    Ok(cluster)
}

/// Settings with nothing started yet.
fn begin(name: &str, request: &UpRequest) -> anyhow::Result<ClusterSettings> {
    let group = format!("webapp-{name}-{:08x}", fastrand::u32(..));
    let mut settings = request.settle(name, group)?;
    if settings.nodes_are_local() {
        settings.binary = Some(node_binary()?);
    }
    Ok(settings)
}

/// The program that WEBAPP_BIN names, else this one.
fn node_binary() -> anyhow::Result<PathBuf> {
    let Some(named) = std::env::var_os("WEBAPP_BIN").filter(|named| !named.is_empty()) else {
        return std::env::current_exe().context("cannot find out which program this is");
    };
    let named = std::path::absolute(named)?;
    let is_program = named.is_file() && rustix::fs::access(&named, rustix::fs::Access::EXEC_OK).is_ok();
    ensure!(is_program, "WEBAPP_BIN names {}, which is not a program", named.display());
    Ok(named)
}

/// The programs that `up` would need and this machine lacks.
pub fn missing(request: &UpRequest) -> Vec<Needed> {
    let Ok(settings) = request.settle("webapp", String::new()) else { return Vec::new() };
    let mut needed: Vec<Needed> = settings.balancer.map(|kind| kind.balancer().needed()).into_iter().collect();
    needed.extend(of_waf(&settings));
    needed.extend(service::needed(&settings));
    if settings.tls.is_some() && program::find("mkcert").is_none() {
        needed.push(tls::OPENSSL);
    }
    needed.retain(|needed| program::find(needed.program).is_none());
    needed
}

fn of_waf(settings: &ClusterSettings) -> &'static [Needed] {
    settings.balancer.filter(|_| settings.waf.is_some()).map_or(&[], Waf::needed)
}

impl Cluster {
    fn up_new(&mut self) -> anyhow::Result<()> {
        if let Some(balancer) = self.balancer() {
            balancer.require()?;
        }
        of_waf(&self.settings).iter().try_for_each(|needed| needed.find().map(|_| ()))?;
        ports::choose(&mut self.settings, &self.folder)?;
        if self.settings.has_quotas() {
            let machines = self.settings.machines;
            self.settings.mechanism = Mechanism::choose(&self.settings.group, machines.is_some())?;
            self.folder.save(&self.settings)?;
            self.machines_up(1..=machines.map_or(0, |machines| machines.count))?;
        }
        service::up(&self.settings, &self.folder, self.reporter, &self.interrupt)?;
        let Some(balancer) = self.balancer() else {
            // Without a balancer the client's port is the node's own.
            self.folder.create_node("node1", &format!("127.0.0.1:{}", self.settings.port))?;
            return self.nodes_up(&["node1".to_owned()]);
        };
        fs::create_dir_all(self.folder.balancer()).context("cannot make the balancer's folder")?;
        let trust = match &self.settings.tls {
            Some(tls) => Some(tls::prepare(&tls::folder(tls, &self.folder))?),
            None => None,
        };
        self.interrupt.check()?;
        match &self.settings.backend {
            None => self.nodes_up(&numbered(1, self.settings.node_count()))?,
            Some(addresses) => self.take_backends(addresses)?,
        }
        let site = self.site();
        site.start(balancer)?;
        self.ask_announced()?;
        let (name, version) = (self.settings.balancer.map_or("", BalancerKind::name), balancer.version()?);
        let config = site.config_path(balancer);
        self.reporter.step(format_args!("{name} {version} on {}, by {}", self.origin(), config.display()));
        self.reporter.step(format_args!("its statistics: http://127.0.0.1:{}/", self.settings.stats_port));
        if let (Some(tls), Some(trust)) = (&self.settings.tls, trust) {
            tls::explain(&self.settings, tls, &self.folder, &trust, self.reporter);
        }
        self.far_up()
    }

    /// A node of --backend that does not answer yet is not a reason to have no balancer; its health checks will find it.
    fn take_backends(&self, addresses: &[String]) -> anyhow::Result<()> {
        for (number, address) in (1..).zip(addresses) {
            self.folder.create_node(&format!("node{number}"), address)?;
            if ready::is_ready(address) {
                self.reporter.step(format_args!("node{number} on http://{address}"));
            } else {
                self.reporter.warn(format_args!(
                    "node{number} on http://{address} does not answer /readyz yet; the balancer will use it as soon as it does"
                ));
            }
        }
        Ok(())
    }

    /// What is announced was asked once, where it was announced. Any answer will do: that of a node, a redirection, or that
    /// there is no node.
    fn ask_announced(&self) -> anyhow::Result<()> {
        let host = self.settings.bind.reachable_host();
        let plain = format!("{host}:{}", self.settings.port);
        let answers = || ready::status_within(&plain, "/readyz", ANNOUNCED_LIMIT).is_some();
        ensure!(
            self.interrupt.wait(ANNOUNCED_LIMIT, answers)?,
            "the balancer runs, but does not answer on http://{plain}, where clients on this machine would look for --bind {}",
            self.settings.bind
        );
        if let Some(tls) = &self.settings.tls {
            let address = format!("{host}:{}", tls.port);
            let accepts = self.interrupt.wait(ANNOUNCED_LIMIT, || ready::connect(&address).is_some())?;
            ensure!(accepts, "the balancer runs, but does not take connections for TLS on {address}");
        }
        Ok(())
    }

    /// What is between far clients and the balancer, where they are far; returns when they get answers.
    fn far_up(&self) -> anyhow::Result<()> {
        let Some(far) = &self.settings.far else { return Ok(()) };
        service::up_for_far_clients(&self.settings, &self.folder, self.reporter, &self.interrupt)?;
        let answers = || ready::status_within(&far.nearest(), "/readyz", ANNOUNCED_LIMIT) == Some(200);
        let reached = self.interrupt.wait(ANNOUNCED_LIMIT, answers)?;
        ensure!(reached, "the balancer does not answer from afar, on http://{}", far.nearest());
        Ok(())
    }

    /// What died comes back; what was asked differently is refused, not ignored.
    fn up_again(&self, request: &UpRequest) -> anyhow::Result<()> {
        if let Some(sentence) = request.disagreement(&self.settings) {
            bail!(sentence);
        }
        service::up(&self.settings, &self.folder, self.reporter, &self.interrupt)?;
        if self.settings.nodes_are_local() {
            let is_dead = |node: &String| process::alive(&self.folder.node_process(node)).is_none();
            let dead: Vec<String> = self.folder.nodes().into_iter().filter(is_dead).collect();
            self.nodes_up(&dead)?;
        }
        if let (Some(balancer), Some(kind)) = (self.balancer(), self.settings.balancer)
            && self.site().process().is_none()
        {
            self.site().start(balancer)?;
            self.ask_announced()?;
            self.reporter.step(format_args!("{} is back on {}", kind.name(), self.origin()));
        }
        self.far_up()?;
        self.reporter.step(format_args!("the cluster {} is up", self.settings.name));
        Ok(())
    }
}

/// `node2`, `node3` …
pub(super) fn numbered(first: u32, last: u32) -> Vec<String> {
    (first..=last).map(|number| format!("node{number}")).collect()
}

/// Ends the cluster. One that is not there is fine.
///
/// # Errors
/// When something of it cannot be ended or removed.
pub fn down(name: &str, reporter: Reporter) -> anyhow::Result<()> {
    let folder = ClusterFolder::open(name)?;
    if !folder.path().is_dir() {
        reporter.step(format_args!("there is no cluster {name}"));
        return Ok(());
    }
    let _lock = folder.lock()?;
    end(&folder, reporter)?;
    reporter.step(format_args!("the cluster {name} is down"));
    Ok(())
}

/// Undoes what was begun; what cannot be undone is said, and the rest is undone all the same.
fn take_down(folder: &ClusterFolder, reporter: Reporter) {
    if folder.has_settings() {
        let name = folder.path().file_name().unwrap_or_default().to_string_lossy();
        reporter.say(format_args!("taking down what was started of the cluster {name}"));
    }
    if let Err(error) = end(folder, reporter) {
        reporter.warn(format_args!("{error:#}"));
    }
}

/// Every process by its record, every control group, every file. Works on what a broken `up` left, too.
fn end(folder: &ClusterFolder, reporter: Reporter) -> anyhow::Result<()> {
    let settings = folder.settings()?;
    let interrupt = Interrupt::default();
    if let Some(settings) = &settings {
        Site { folder, settings, reporter, interrupt: &interrupt }.stop();
    }
    let nodes = folder.nodes();
    let record = |node: &String| process::alive(&folder.node_process(node));
    // All are told before the first is waited for.
    for record in nodes.iter().filter_map(record) {
        record.signal(rustix::process::Signal::TERM);
    }
    for node in &nodes {
        if record(node).is_some_and(|record| !record.end(DOWN_PATIENCE)) {
            reporter.warn(format_args!("{node} does not end"));
        }
    }
    if let Some(settings) = settings {
        let mut first_failure = Ok(());
        let mut note = |result: anyhow::Result<()>| {
            if first_failure.is_ok() {
                first_failure = result;
            }
        };
        for service in service::of(&settings, folder, reporter).iter().rev() {
            note(service.stop());
        }
        let cluster = Cluster { folder: folder.clone(), settings, reporter, interrupt };
        nodes.iter().for_each(|node| note(cluster.quota(node).remove()));
        note(cluster.machines_down(1..=cluster.settings.machines.map_or(0, |machines| machines.count)));
        note(cluster.settings.mechanism.remove());
        first_failure.unwrap_or_else(|error| reporter.warn(format_args!("{error:#}")));
    }
    folder.forget()
}
