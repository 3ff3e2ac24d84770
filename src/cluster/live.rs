//! Changes of a running cluster, under load.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::balancer::Balancer;
use super::contract::Topology;
use super::limits::Mechanism;
use super::reporter::command_name;
use super::state::Rotation;
use super::up::numbered;
use super::wait::{self, Interrupt};
use super::{Cluster, process, service};

/// What another unit means for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QuotaChange {
    /// As much as before, or more: it has it already.
    NotLess,
    /// Less: it gets that when all else is done.
    Less,
}

/// How long a process may take to be gone after SIGKILL.
const KILL_LIMIT: Duration = Duration::from_secs(5);

impl Cluster {
    /// So many units, of `unit_cpu` percent of a core each where that is given: nodes come and go without a lost request; a
    /// vertical cluster gets another quota. Nodes get more quota before others go, and less after others have come, so
    /// that there is never less than before and after. Where a number of machines is given, further ones are there before the
    /// nodes, and those that go do so after them.
    ///
    /// # Errors
    /// When the cluster cannot be scaled, or something does not start. What was added is taken away then.
    pub fn scale(&mut self, wanted: u32, unit_cpu: Option<u32>, machines: Option<u32>) -> anyhow::Result<()> {
        self.must_have_local_nodes("start", "start")?;
        let before = self.settings.machines.map(|machines| machines.count);
        let left = self.change_machines(machines, wanted)?;
        if let Err(error) = self.scale_nodes(wanted, unit_cpu) {
            if let (None, Some(before)) = (left, before)
                && let Err(error) = self.remove_machines(before)
            {
                self.reporter.warn(format_args!("{error:#}"));
            }
            return Err(error);
        }
        left.map_or(Ok(()), |left| self.remove_machines(left))?;
        self.reporter.step(format_args!("the cluster {} has {}", self.settings.name, self.settings.units_words()));
        Ok(())
    }

    fn scale_nodes(&mut self, wanted: u32, unit_cpu: Option<u32>) -> anyhow::Result<()> {
        let quota = unit_cpu.map(|percent| self.change_unit(percent)).transpose()?;
        match self.settings.topology {
            Topology::Vertical => self.scale_vertical(wanted)?,
            Topology::Horizontal if wanted > self.settings.units => {
                self.scale_out(self.must_have_balancer("nothing could send requests to a second node")?, wanted)?;
            }
            Topology::Horizontal if wanted < self.settings.units => {
                self.scale_in(self.must_have_balancer("nothing could take a node out")?, wanted)?;
            }
            Topology::Horizontal => {}
        }
        if quota == Some(QuotaChange::Less) {
            self.give_quota()?;
        }
        Ok(())
    }

    /// Another size of a unit. More of it is given at once.
    fn change_unit(&mut self, percent: u32) -> anyhow::Result<QuotaChange> {
        let before = self.settings.unit_cpu.context("a cluster without a quota has no --unit-cpu to change")?;
        ensure!(
            self.settings.topology == Topology::Horizontal,
            "a unit of one big node stays as it is; change the number of units"
        );
        ensure!(
            self.settings.machines.is_none() || percent == before,
            "a machine has room for nodes of one size: --unit-cpu cannot change on machines"
        );
        self.settings.unit_cpu = Some(percent);
        if percent > before {
            self.give_quota()?;
        }
        Ok(if percent < before { QuotaChange::Less } else { QuotaChange::NotLess })
    }

    /// Gives every node the quota of the settings, live.
    fn give_quota(&mut self) -> anyhow::Result<()> {
        let percent = self.settings.node_percent().context("a cluster without a quota has none to give")?;
        let nodes = self.folder.nodes();
        // One that was killed gets it when it starts again.
        for node in nodes.into_iter().filter(|node| process::alive(&self.folder.node_process(node)).is_some()) {
            self.quota(&node).set(percent)?;
            self.verify_quota(&node)?;
            self.reporter.step(format_args!("{node} goes on, quota {}", self.quota_words(&node)));
        }
        self.folder.save(&self.settings)
    }

    /// The same process, another quota.
    fn scale_vertical(&mut self, wanted: u32) -> anyhow::Result<()> {
        ensure!(self.settings.mechanism != Mechanism::None, "a vertical cluster without a quota has no size to change");
        self.settings.units = wanted;
        let percent =
            self.settings.node_percent().context("a vertical cluster without a quota has no size to change")?;
        self.quota("node1").set(percent)?;
        self.verify_quota("node1")?;
        self.reporter.step(format_args!(
            "node1 goes on as process {}, quota {}",
            self.process_words("node1"),
            self.quota_words("node1")
        ));
        self.folder.save(&self.settings)
    }

    fn scale_out(&mut self, balancer: &dyn Balancer, wanted: u32) -> anyhow::Result<()> {
        let new = numbered(self.settings.units + 1, wanted);
        self.interrupt = Interrupt::watch()?;
        if let Err(error) = self.nodes_up(&new).and_then(|()| balancer.add(&self.site(), &new)) {
            self.undo_scale_out(balancer, &new);
            return Err(error);
        }
        self.settings.units = wanted;
        self.folder.save(&self.settings)?;
        self.interrupt = Interrupt::default();
        Ok(())
    }

    /// The new nodes go again, as if they had never been.
    fn undo_scale_out(&mut self, balancer: &dyn Balancer, new: &[String]) {
        self.reporter.say(format_args!("taking away what was added to the cluster {}", self.settings.name));
        // Signals are still watched for, and change nothing any more.
        let _watch = std::mem::take(&mut self.interrupt);
        for node in new.iter().filter(|node| self.folder.node(node).is_dir()) {
            let known = std::slice::from_ref(node);
            let _ = self.folder.set_rotation(node, Rotation::Out);
            // The balancer forgets it, if it ever knew it.
            let _ = balancer.drain(&self.site(), known).and_then(|()| balancer.delete(&self.site(), known));
            self.stop_node(node);
            if let Err(error) = self.forget_node(node) {
                self.reporter.warn(format_args!("{error:#}"));
            }
        }
        if let Err(error) = self.site().write_config(balancer) {
            self.reporter.warn(format_args!("{error:#}"));
        }
    }

    fn scale_in(&mut self, balancer: &dyn Balancer, wanted: u32) -> anyhow::Result<()> {
        let mut leaving = numbered(wanted + 1, self.settings.units);
        leaving.reverse();
        for node in &leaving {
            self.folder.set_rotation(node, Rotation::Out)?;
        }
        balancer.drain(&self.site(), &leaving)?;
        for node in &leaving {
            self.stop_node(node);
            self.reporter.step(format_args!("{node} is drained and gone"));
        }
        balancer.delete(&self.site(), &leaving)?;
        for node in &leaving {
            self.forget_node(node)?;
        }
        self.settings.units = wanted;
        self.folder.save(&self.settings)?;
        self.site().write_config(balancer)
    }

    /// kill -9 of a node or a service, as an accident would.
    ///
    /// # Errors
    /// When there is no such node or service, or it is not running.
    pub fn kill(&self, node: &str) -> anyhow::Result<()> {
        self.must_have_local_nodes("kill", "kill -s KILL webapp")?;
        let services = service::of(&self.settings, &self.folder, self.reporter);
        let record = match services.iter().find(|service| service.name() == node) {
            Some(service) => service.record(),
            None => {
                self.folder.must_have_node(node)?;
                self.folder.node_process(node)
            }
        };
        let back = format!("{} start {node} --name {}", command_name(), self.settings.name);
        let record = process::alive(&record);
        let record = record.with_context(|| format!("{node} is not running; {back} brings it back"))?;
        self.reporter.step(format_args!("kill -9 {}", record.pid()));
        ensure!(record.kill(), "{node} ended by itself a moment ago");
        ensure!(wait::until(KILL_LIMIT, || !record.is_alive()), "{node} does not end");
        self.reporter.step(format_args!("{node} is dead; {back} brings it back"));
        Ok(())
    }

    /// No more requests for a node; returns when it has none left.
    ///
    /// # Errors
    /// When there is no such node or no balancer.
    pub fn drain(&self, node: &str) -> anyhow::Result<()> {
        self.folder.must_have_node(node)?;
        let balancer = self.must_have_balancer("nothing sends requests that could be sent elsewhere")?;
        self.folder.set_rotation(node, Rotation::Out)?;
        balancer.drain(&self.site(), &[node.to_owned()])?;
        let (command, name) = (command_name(), &self.settings.name);
        self.reporter
            .step(format_args!("{node} gets no more requests; {command} start {node} --name {name} puts it back"));
        Ok(())
    }

    /// The way back from `kill` and from `drain`.
    ///
    /// # Errors
    /// When there is no such node or service, or it does not come up.
    pub fn start(&self, node: &str) -> anyhow::Result<()> {
        let services = service::of(&self.settings, &self.folder, self.reporter);
        if let Some(service) = services.iter().find(|service| service.name() == node) {
            service.start(&self.interrupt)?;
            return service::form_redis_cluster(&self.settings, &self.folder, self.reporter, &self.interrupt);
        }
        self.folder.must_have_node(node)?;
        let nodes = [node.to_owned()];
        if self.settings.nodes_are_local() && process::alive(&self.folder.node_process(node)).is_none() {
            self.nodes_up(&nodes)?;
        }
        let was = self.folder.rotation(node);
        self.folder.set_rotation(node, Rotation::In)?;
        if self.settings.balancer.is_some() {
            let balancer = self.must_have_balancer("nothing sends requests to it")?;
            match was {
                Rotation::Out => balancer.readmit(&self.site(), &nodes)?,
                Rotation::In => balancer.wait_for(&self.site(), &nodes)?,
            }
        }
        self.reporter.step(format_args!("{node} takes requests"));
        Ok(())
    }

    /// Makes a replica of the store the primary. The nodes find out by themselves.
    ///
    /// # Errors
    /// When it is none, or cannot become it without losing what another one has.
    pub fn promote(&mut self, store: &str) -> anyhow::Result<()> {
        service::promote(&mut self.settings, &self.folder, self.reporter, store)
    }

    /// All nodes, one after the other, without a lost request.
    ///
    /// # Errors
    /// When there are not two nodes behind a balancer, or one does not come back.
    pub fn rolling_restart(&self) -> anyhow::Result<()> {
        self.must_have_local_nodes("restart", "restart webapp")?;
        let balancer = self.must_have_balancer("nobody would answer while its node restarts")?;
        let nodes = self.folder.nodes();
        ensure!(
            nodes.len() > 1,
            "one node alone cannot restart without a gap; {} scale 2 --name {} first",
            command_name(),
            self.settings.name
        );
        nodes.iter().try_for_each(|node| self.restart(balancer, node))
    }

    /// Out of the rotation, stopped, started, ready, back in.
    fn restart(&self, balancer: &dyn Balancer, node: &str) -> anyhow::Result<()> {
        let nodes = [node.to_owned()];
        let (was, before) = (self.folder.rotation(node), self.process_words(node));
        self.folder.set_rotation(node, Rotation::Out)?;
        if was == Rotation::In {
            balancer.drain(&self.site(), &nodes)?;
        }
        self.stop_node(node);
        self.nodes_up(&nodes)?;
        if was == Rotation::In {
            self.folder.set_rotation(node, Rotation::In)?;
            balancer.readmit(&self.site(), &nodes)?;
        }
        let now = self.process_words(node);
        self.reporter.step(format_args!("{node} restarted: process {before}, now {now}"));
        Ok(())
    }

    fn process_words(&self, node: &str) -> String {
        let record = process::alive(&self.folder.node_process(node));
        record.map_or_else(|| "-".to_owned(), |record| record.pid().to_string())
    }
}
