//! The balancer in front of the nodes: what every kind of it can do, and the list of kinds.
//!
//! A further kind is a file beside this one with its [`Balancer`], a template of its configuration, a line in [`BalancerKind`], and
//! one in [`BalancerKind::balancer`].

mod facts;
mod haproxy;
mod haproxy_socket;
mod nginx;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::launch::Launch;
use super::ports;
use super::process::{self, ProcessRecord};
use super::program::Needed;
use super::reporter::Reporter;
use super::settings::ClusterSettings;
use super::state::{self, ClusterFolder};
use super::wait::Interrupt;
pub use crate::results::balancer::BalancerKind;
use facts::Facts;

/// The address from which the balancer talks to local nodes; all of 127.0.0.0/8 is this machine. It differs from a client's
/// 127.0.0.1, so a node can believe X-Forwarded-For from the balancer and from nobody else.
pub const SOURCE: &str = "127.0.0.2";

/// How long a balancer may take to start, and to stop.
const START_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(5);

impl BalancerKind {
    /// The one who does it.
    pub fn balancer(self) -> &'static dyn Balancer {
        match self {
            Self::Haproxy => &haproxy::Haproxy,
            Self::Nginx => &nginx::Nginx,
        }
    }
}

/// What a balancer works on.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Site<'a> {
    pub folder: &'a ClusterFolder,
    pub settings: &'a ClusterSettings,
    pub reporter: Reporter,
    pub interrupt: &'a Interrupt,
}

/// What the balancer thinks of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeShare {
    /// The node.
    pub node: String,
    /// In the balancer's own word.
    pub state: String,
    /// Requests that it was sent.
    pub requests: u64,
}

/// A kind of balancer. Nodes are given by their names; their addresses, and whether they are meant to take requests, are in
/// the cluster's folder, and the caller has noted there what shall hold before it asks for it.
pub trait Balancer {
    /// The program.
    fn needed(&self) -> Needed;

    /// Its version.
    ///
    /// # Errors
    /// When the program does not say.
    fn version(&self) -> anyhow::Result<String>;

    /// Refuses a program that is too old.
    ///
    /// # Errors
    /// When it is missing or too old.
    fn require(&self) -> anyhow::Result<()>;

    /// The name of the configuration within the balancer's folder.
    fn config_file(&self) -> &'static str;

    /// The text of the configuration.
    ///
    /// # Errors
    /// When the machine lacks something that it needs.
    fn config(&self, site: &Site<'_>) -> anyhow::Result<String>;

    /// Further files that the configuration names: name within the balancer's folder, and text.
    ///
    /// # Errors
    /// When a template is wrong.
    fn further_files(&self, _site: &Site<'_>) -> anyhow::Result<Vec<(&'static str, String)>> {
        Ok(Vec::new())
    }

    /// What the program itself has to say against a configuration: empty when nothing.
    ///
    /// # Errors
    /// When it refuses the configuration.
    fn objections(&self, folder: &Path, file: &Path) -> anyhow::Result<String>;

    /// The command that runs it in the foreground, in its folder.
    fn command(&self, site: &Site<'_>) -> Vec<String>;

    /// What its folder needs before it starts, if anything.
    ///
    /// # Errors
    /// When that cannot be done.
    fn prepare(&self, _site: &Site<'_>) -> anyhow::Result<()> {
        Ok(())
    }

    /// Whether it runs and answers on its own interface.
    fn answers(&self, site: &Site<'_>) -> bool;

    /// Takes in nodes that are ready; returns when they take requests.
    ///
    /// # Errors
    /// When the balancer refuses, or does not see them.
    fn add(&self, site: &Site<'_>, nodes: &[String]) -> anyhow::Result<()>;

    /// Sends nodes nothing new; returns when they have no request left, or after the drain timeout.
    ///
    /// # Errors
    /// When the balancer refuses.
    fn drain(&self, site: &Site<'_>, nodes: &[String]) -> anyhow::Result<()>;

    /// Takes drained nodes back; returns when they have their whole share.
    ///
    /// # Errors
    /// When the balancer refuses, or does not see them.
    fn readmit(&self, site: &Site<'_>, nodes: &[String]) -> anyhow::Result<()>;

    /// Returns when nodes that were dead, but never out, take requests again.
    ///
    /// # Errors
    /// When the balancer does not see them.
    fn wait_for(&self, site: &Site<'_>, nodes: &[String]) -> anyhow::Result<()>;

    /// Forgets nodes that are drained, and whose processes have ended.
    ///
    /// # Errors
    /// When the balancer does not let go.
    fn delete(&self, site: &Site<'_>, nodes: &[String]) -> anyhow::Result<()>;

    /// What it thinks of its nodes, as far as it counts them one by one.
    fn shares(&self, site: &Site<'_>) -> Vec<NodeShare>;
}

impl Site<'_> {
    /// The balancer's folder.
    pub fn directory(&self) -> PathBuf {
        self.folder.balancer()
    }

    /// The record of its process.
    pub fn record(&self) -> PathBuf {
        self.directory().join("process")
    }

    /// Its process, if it lives.
    pub fn process(&self) -> Option<ProcessRecord> {
        process::alive(&self.record())
    }

    /// The path of its configuration.
    pub fn config_path(&self, balancer: &dyn Balancer) -> PathBuf {
        self.directory().join(balancer.config_file())
    }

    /// Writes the configuration, unless the program has something against it.
    ///
    /// # Errors
    /// When it has, or the file cannot be written.
    pub fn write_config(&self, balancer: &dyn Balancer) -> anyhow::Result<()> {
        let (path, name) = (self.config_path(balancer), self.kind_name());
        for (file, text) in balancer.further_files(self)? {
            state::write_file(&self.directory().join(file), &text)?;
        }
        let new = self.directory().join(format!("{}.new", balancer.config_file()));
        fs::write(&new, balancer.config(self)?).with_context(|| format!("cannot write {}", new.display()))?;
        let objections = balancer.objections(&self.directory(), &new)?;
        if !objections.is_empty() {
            bail!("{name} is not content with the configuration {}: {objections}", new.display());
        }
        fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Starts the balancer; returns when it answers.
    ///
    /// # Errors
    /// When it does not; the end of its log was said then.
    pub fn start(&self, balancer: &dyn Balancer) -> anyhow::Result<()> {
        self.write_config(balancer)?;
        balancer.prepare(self)?;
        let log = self.directory().join("log");
        let command = balancer.command(self).into_iter().map(Into::into).collect();
        let launch = Launch { record: self.record(), group: None, folder: Some(self.directory()), command };
        let mut launched = launch.start(&log, &log)?;
        launched.wait_for_record()?;
        let mut ended = false;
        let answers = self.interrupt.wait(START_LIMIT, || {
            ended = launched.has_ended();
            ended || balancer.answers(self)
        })?;
        if !answers || ended {
            self.reporter.say(super::logs::last_lines(&log, 5));
            // HAProxy, once it is told to be quiet, does not say so itself.
            let ports = if ended { self.settings.ports() } else { Vec::new() };
            if let Some(port) = ports.into_iter().find(|port| !ports::is_free(*port).unwrap_or(true)) {
                bail!("{} did not start: another program listens on port {port}", self.kind_name());
            }
            bail!("{} did not start", self.kind_name());
        }
        Ok(())
    }

    /// Ends the balancer. The cluster goes down, so it goes at once, and does not wait for its clients.
    pub fn stop(&self) {
        let Some(record) = self.process() else { return };
        if !record.end(STOP_LIMIT) {
            self.reporter.warn(format_args!("{} does not end", self.kind_name()));
        }
    }

    fn kind_name(&self) -> &'static str {
        self.settings.balancer.map_or("the balancer", BalancerKind::name)
    }

    fn drain_limit(&self) -> Duration {
        Duration::from_secs(self.settings.drain_timeout.into())
    }
}

/// Fills a template. A name in it that the data has not got is an error, not an empty text.
fn render(template: &str, data: &impl Serialize) -> anyhow::Result<String> {
    // A line that holds nothing but a tag leaves no line behind.
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?;
    let mut environment = Environment::new();
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    Ok(environment.render_str(template, Serde(data))?)
}

/// Client connections at once: of the hard limit of open files, two for each client, less what checks, log and listeners
/// need; 20000 at most.
fn most_connections() -> u64 {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    connections_for(files.unwrap_or(1_000_000))
}

fn connections_for(files: u64) -> u64 {
    (files.saturating_sub(200) / 2).clamp(50, 20_000)
}

/// Whether this machine has a user of that name.
fn has_user(name: &str) -> bool {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    users.lines().any(|line| line.split(':').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::facts::{ServerLine, TlsFacts};
    use super::*;

    #[test]
    fn connections_fit_under_the_open_files() {
        assert_eq!(connections_for(1_000_000), 20_000);
        assert_eq!(connections_for(1024), 412);
        assert_eq!(connections_for(10), 50);
    }

    #[test]
    fn a_template_with_an_unknown_name_is_refused() {
        assert!(render("{{ nothing }}", &0).is_err());
    }

    /// Two nodes, one of which is out, and every option.
    pub(super) fn facts() -> Facts {
        let node = |name: &str, out| ServerLine { name: name.to_owned(), address: format!("127.0.0.1:1{out}"), out };
        let certificate = "/x/server.pem".to_owned();
        Facts {
            name: "t".to_owned(),
            nodes: vec![node("node1", false), node("node2", true)],
            local_nodes: true,
            source: SOURCE,
            algorithm: "leastconn",
            algorithm_reason: "A reason.",
            port: 8080,
            stats_port: 9000,
            maxconn: 7,
            drain_timeout: 30,
            edge_cache: Some(60),
            limit_requests: Some(5),
            limit_connections: Some(3),
            sticky: true,
            waf: true,
            tls: Some(TlsFacts { port: 8443, http2: true, redirect: true, strict: true, certificate }),
        }
    }

    #[test]
    fn every_kind_has_its_own_name_and_configuration() {
        let of = |get: &dyn Fn(BalancerKind) -> String| -> std::collections::BTreeSet<String> {
            BalancerKind::value_variants().iter().map(|kind| get(*kind)).collect()
        };
        assert_eq!(of(&|kind| kind.name().to_owned()).len(), BalancerKind::value_variants().len());
        assert_eq!(of(&|kind| kind.balancer().config_file().to_owned()).len(), BalancerKind::value_variants().len());
        for kind in BalancerKind::value_variants() {
            assert_eq!(kind.to_possible_value().unwrap().get_name(), kind.name(), "the command line's word");
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name(), "the settings' word");
        }
    }
}
