//! A cache near the clients: a second balancer, whose one node is the way to the far one.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context, ensure};

use super::ClusterService;
use crate::cluster::balancer::Site;
use crate::cluster::bind::Bind;
use crate::cluster::contract::{ServiceAnswer, ServiceRole};
use crate::cluster::far::{self, EDGE, Far};
use crate::cluster::process;
use crate::cluster::reporter::Reporter;
use crate::cluster::settings::ClusterSettings;
use crate::cluster::state::ClusterFolder;
use crate::cluster::wait::Interrupt;

/// Its one node: the folder knows no other names.
const ORIGIN: &str = "node1";

/// See the file.
pub struct EdgeService {
    edge: far::EdgeSettings,
    /// The way to the far balancer.
    way: String,
    settings: ClusterSettings,
    folder: ClusterFolder,
    reporter: Reporter,
}

impl EdgeService {
    /// The cache of that cluster, if it has one.
    pub fn of(far: &Far, settings: &ClusterSettings, folder: &ClusterFolder, reporter: Reporter) -> Option<Self> {
        let edge = far.edge?;
        let way = far.relay();
        let settings = settings_of(edge, settings, way.clone());
        Some(Self { edge, way, settings, folder: folder.within("services").within(EDGE), reporter })
    }

    fn site<'a>(&'a self, interrupt: &'a Interrupt) -> Site<'a> {
        Site { folder: &self.folder, settings: &self.settings, reporter: self.reporter, interrupt }
    }

    fn pid(&self) -> Option<u32> {
        process::alive(&self.record()).map(process::ProcessRecord::pid)
    }
}

/// It as a cluster of its own: nothing but a balancer, whose one node is the way to the far one.
fn settings_of(edge: far::EdgeSettings, settings: &ClusterSettings, way: String) -> ClusterSettings {
    ClusterSettings {
        balancer: Some(edge.kind),
        backend: Some(vec![way]),
        bind: Bind::Address(Ipv4Addr::LOCALHOST.into()),
        port: edge.port,
        stats_port: edge.stats_port,
        waf: None,
        sticky: false,
        far: None,
        ..settings.clone()
    }
}

impl ClusterService for EdgeService {
    fn name(&self) -> &str {
        EDGE
    }

    fn start(&self, interrupt: &Interrupt) -> anyhow::Result<()> {
        if self.pid().is_some() {
            return Ok(());
        }
        let site = self.site(interrupt);
        std::fs::create_dir_all(site.directory()).with_context(|| site.directory().display().to_string())?;
        self.folder.create_node(ORIGIN, &self.way)?;
        let balancer = self.edge.kind.balancer();
        balancer.require()?;
        site.start(balancer)?;
        let config = site.config_path(balancer);
        self.reporter.step(format_args!(
            "{EDGE}: {} on http://127.0.0.1:{}, by {}",
            self.edge.kind.name(),
            self.edge.port,
            config.display()
        ));
        Ok(())
    }

    fn stop(&self) -> anyhow::Result<()> {
        self.site(&Interrupt::default()).stop();
        ensure!(self.pid().is_none(), "{EDGE} does not end");
        Ok(())
    }

    fn answer(&self) -> ServiceAnswer {
        let pid = self.pid();
        ServiceAnswer {
            name: EDGE.to_owned(),
            kind: self.edge.kind.name().to_owned(),
            role: ServiceRole::Edge,
            address: format!("127.0.0.1:{}", self.edge.port),
            pid,
            quota_cores: None,
            up: pid.is_some(),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.balancer().join("log")
    }

    fn record(&self) -> PathBuf {
        self.folder.balancer().join("process")
    }
}
