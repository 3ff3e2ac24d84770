//! A cluster on this machine: nodes, each under its own CPU quota, behind a real HAProxy or nginx; or only the balancer of
//! nodes that run elsewhere.
//!
//! | file | what it does |
//! | --- | --- |
//! | [`contract`] | what a driver of clusters answers, ours and other people's |
//! | [`settings`] | what was asked for, and what the cluster therefore is |
//! | [`state`] | the folder in which a cluster is known |
//! | `up`, `live`, `logs` | the commands |
//! | `node`, `launch`, [`process`] | processes that outlive the command |
//! | [`limits`] | quotas |
//! | [`machines`], `machine_groups` | simulated machines under the nodes, for nested autoscaling |
//! | [`bind`] | where the balancer listens |
//! | [`balancer`] | one file a kind, and its configuration as a template |
//! | [`far`] | clients that are far away, and a cache near them |
//! | [`waf`], [`attack`] | the firewall at the balancer, and what it is tried with |
//! | [`shared`], [`service`] | stores and caches that the nodes share: what is asked for, and one file a kind |
//!
//! Nothing here runs beside the command: what must go on after it, goes on by itself.

mod answer;
pub mod attack;
mod backends;
pub mod balancer;
pub mod bind;
pub mod contract;
pub mod describe;
pub mod far;
mod launch;
pub mod limits;
mod live;
mod logs;
mod machine_groups;
pub mod machines;
mod node;
mod ports;
pub mod process;
mod program;
mod ready;
pub mod reporter;
mod reshard;
pub mod service;
pub mod settings;
pub mod shared;
pub mod state;
mod stop;
mod tls;
mod up;
pub mod waf;
mod wait;

use anyhow::{Context, ensure};

use balancer::{Balancer, Site};
pub use launch::Launch;
use reporter::{Reporter, command_name};
use settings::ClusterSettings;
use state::{ClusterFolder, Lock};
pub use stop::Stop;
pub use up::{down, missing, up};
use wait::Interrupt;

/// A cluster that there is.
#[derive(Debug)]
pub struct Cluster {
    folder: ClusterFolder,
    settings: ClusterSettings,
    reporter: Reporter,
    /// Watches for signals only while something runs that has to be undone then.
    interrupt: Interrupt,
}

impl Cluster {
    /// Finds a cluster by its name, to look at it.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(name: &str, reporter: Reporter) -> anyhow::Result<Self> {
        Self::read(&ClusterFolder::open(name)?, name, reporter)
    }

    /// Finds a cluster by its name, to change it: one command at a time.
    ///
    /// # Errors
    /// When there is none, or another command has it for two minutes.
    pub fn find_to_change(name: &str, reporter: Reporter) -> anyhow::Result<(Self, Lock)> {
        let folder = ClusterFolder::open(name)?;
        Self::read(&folder, name, reporter)?;
        let lock = folder.lock()?;
        // What held the lock may have been `down`.
        match Self::read(&folder, name, reporter) {
            Ok(cluster) => Ok((cluster, lock)),
            Err(gone) => {
                folder.forget()?;
                Err(gone)
            }
        }
    }

    fn read(folder: &ClusterFolder, name: &str, reporter: Reporter) -> anyhow::Result<Self> {
        let settings = folder.settings()?.with_context(|| {
            let (folder, command) = (folder.path().display(), command_name());
            format!("there is no cluster {name} (no settings in {folder}); start one: {command} up --name {name}")
        })?;
        Ok(Self { folder: folder.clone(), settings, reporter, interrupt: Interrupt::default() })
    }

    fn site(&self) -> Site<'_> {
        let Self { folder, settings, reporter, interrupt } = self;
        Site { folder, settings, reporter: *reporter, interrupt }
    }

    fn balancer(&self) -> Option<&'static dyn Balancer> {
        self.settings.balancer.map(balancer::BalancerKind::balancer)
    }

    /// The balancer, which must run.
    fn must_have_balancer(&self, otherwise: &str) -> anyhow::Result<&'static dyn Balancer> {
        let name = &self.settings.name;
        let kind = self.settings.balancer;
        let kind = kind.with_context(|| format!("the cluster {name} has no balancer: {otherwise}"))?;
        let runs = self.site().process().is_some();
        ensure!(runs, "{} is not running; {} up --name {name} starts it again", kind.name(), command_name());
        Ok(kind.balancer())
    }

    fn must_have_local_nodes(&self, verb: &str, systemctl: &str) -> anyhow::Result<()> {
        ensure!(
            self.settings.nodes_are_local(),
            "the nodes of {} are other machines: {verb} them there (systemctl {systemctl})",
            self.settings.name
        );
        Ok(())
    }

    /// The balancer's configuration as it stands.
    ///
    /// # Errors
    /// When there is no balancer, or the file cannot be read.
    pub fn config(&self) -> anyhow::Result<String> {
        let balancer = self.balancer();
        let name = &self.settings.name;
        let balancer =
            balancer.with_context(|| format!("the cluster {name} has no balancer, hence no configuration"))?;
        let path = self.site().config_path(balancer);
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    }
}
