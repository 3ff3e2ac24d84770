//! More shards or fewer, live: the servers, the nodes that follow, and the keys that move.
//!
//! In steps, each of which leaves a cluster that answers:
//!
//! 1. New servers start, with tables and without rows.
//! 2. All nodes know of the old and of the new shards, and look for a key where it was, then where it goes to.
//! 3. New sessions begin where they shall be.
//! 4. The keys move (`store::moves`); only those whose shard changes.
//! 5. All nodes know of the new shards alone. Servers that have no rows any more end.
//!
//! Until the second step is complete everything is undone where something fails. After it, nothing is: keys are found on both sides,
//! and the next run goes on.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};

use super::contract::ReshardAnswer;
use super::reporter::command_name;
use super::shared::{MOST_SERVERS, Resharding};
use super::wait::Interrupt;
use super::{Cluster, node, ports, process, service};
use crate::store::moves::{self, Moved, Shard, Stopped};

/// How long nodes may take to follow another list of shards.
const FOLLOW_LIMIT: Duration = Duration::from_secs(15);
/// From one word about the progress to the next.
const PROGRESS: Duration = Duration::from_secs(5);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReshardAction {
    /// There are so many.
    Nothing,
    /// From the beginning.
    Begin(Resharding),
    /// What broke off.
    GoOn(Resharding),
}

/// What to do for `wanted` shards, where `there` servers run and a change may have broken off.
fn plan(there: u32, broken_off: Option<Resharding>, wanted: u32) -> Result<ReshardAction, String> {
    match broken_off {
        Some(change) if change.to == wanted => Ok(ReshardAction::GoOn(change)),
        Some(Resharding { from, to, .. }) => {
            Err(format!("rows are on their way from {from} shards to {to}: reshard {to} goes on with that first"))
        }
        None if wanted == there => Ok(ReshardAction::Nothing),
        None if wanted > MOST_SERVERS => Err(format!("a store has {MOST_SERVERS} shards at most")),
        None => Ok(ReshardAction::Begin(Resharding::new(there, wanted))),
    }
}

impl Cluster {
    /// So many shards, live.
    ///
    /// # Errors
    /// When there can be none, or something fails; the error says what holds then.
    pub fn reshard(&mut self, wanted: u32) -> anyhow::Result<()> {
        self.must_have_local_nodes("reshard", "restart webapp")?;
        let name = self.settings.name.clone();
        self.must_have_shards()?;
        let start = Instant::now();
        let shared = &self.settings.shared;
        let there = shared.store_servers().count() as u32;
        let change = match plan(there, shared.resharding, wanted).map_err(anyhow::Error::msg)? {
            ReshardAction::Nothing => {
                self.reporter.step(format_args!("the cluster {name} has {wanted} shards already"));
                return Ok(());
            }
            ReshardAction::Begin(change) => {
                self.interrupt = Interrupt::watch()?;
                let shards = service::shards(&self.settings, &self.folder, self.reporter)?;
                let change = Resharding { rows: Some(self.count_rows(shards)?), ..change };
                self.begin(change)?;
                change
            }
            ReshardAction::GoOn(change) => {
                self.interrupt = Interrupt::watch()?;
                // It may have broken off before all of them knew.
                self.let_nodes_follow(false)?;
                change
            }
        };
        let done = self.carry_out(change, start).with_context(|| {
            let (moved, command) = (self.settings.shared.resharding.map_or(0, |change| change.moved), command_name());
            format!(
                "broken off: {moved} rows have moved, and all others are where they were. Every node looks for a row on both sides, so \
                 that none is missing while all servers run; {command} reshard {wanted} --name {name} goes on"
            )
        });
        self.interrupt = Interrupt::default();
        done
    }

    /// There must be rows that can be shared out, and everybody who has to know of it must answer.
    fn must_have_shards(&self) -> anyhow::Result<()> {
        let (shared, name) = (&self.settings.shared, &self.settings.name);
        ensure!(shared.store_servers().next().is_some(), "the cluster {name} has no store whose rows could move");
        ensure!(
            !shared.redis_cluster,
            "the servers of {name} share the keys out among themselves: it is for them to move some (redis-cli --cluster reshard)"
        );
        ensure!(
            shared.far_store.is_none(),
            "the store of {name} is far from its nodes (--store-delay): it stays one server"
        );
        ensure!(
            shared.primary_of_replicas().is_none(),
            "the store of {name} has replicas: each of its servers has all rows"
        );
        ensure!(
            !self.settings.node_arguments.iter().any(|word| word.starts_with("--sessions")),
            "the nodes of {name} were told by hand where sessions are: those in the store would stay behind"
        );
        for server in service::of(&self.settings, &self.folder, self.reporter) {
            let is_new = shared.resharding.is_some();
            ensure!(
                server.answer().up,
                "{} does not answer{}; {} start {} --name {name} first",
                server.name(),
                if is_new { ", and may have rows that moved" } else { "" },
                command_name(),
                server.name()
            );
        }
        Ok(())
    }

    /// The first two steps; undone where they fail.
    fn begin(&mut self, change: Resharding) -> anyhow::Result<()> {
        self.settings.shared.begin(change);
        let begun = ports::choose_for_new_servers(&mut self.settings, &self.folder)
            .and_then(|()| self.start_new_servers(change))
            .and_then(|()| self.let_nodes_follow(false));
        if let Err(error) = begun {
            self.undo(change);
            return Err(error).context("no row has moved, and the shards are as they were");
        }
        Ok(())
    }

    fn start_new_servers(&self, change: Resharding) -> anyhow::Result<()> {
        let services = service::of_store(&self.settings, &self.folder, self.reporter);
        services.iter().skip(change.from as usize).try_for_each(|service| service.start(&self.interrupt))
    }

    /// As if nothing had been asked.
    fn undo(&mut self, change: Resharding) {
        self.reporter.say(format_args!("taking away what was added to the cluster {}", self.settings.name));
        // Signals are still watched for, and change nothing any more.
        let _watch = std::mem::take(&mut self.interrupt);
        let with_new = self.settings.clone();
        self.settings.shared.settle_shards(change.from);
        let followed = self.let_nodes_follow(false);
        let warn = |result: anyhow::Result<()>| {
            if let Err(error) = result {
                self.reporter.warn(format_args!("{error:#}"));
            }
        };
        warn(followed);
        warn(service::remove_shards(&with_new, &self.folder, self.reporter, change.from));
    }

    /// The list of the shards as the settings have it, and every node that runs by that list.
    fn let_nodes_follow(&mut self, begun: bool) -> anyhow::Result<()> {
        self.settings.shared.generation += 1;
        self.folder.save(&self.settings)?;
        let generation = self.settings.shared.generation;
        service::write_shards(&self.settings, &self.folder, begun)?;
        for node in self.folder.nodes() {
            // One that starts later reads the list then.
            let record = self.folder.node_process(&node);
            let follows = || {
                let number = node::stats(&self.folder, &node).and_then(|stats| stats.window.store.generation);
                number.is_some_and(|number| number >= generation) || process::alive(&record).is_none()
            };
            ensure!(
                self.interrupt.wait(FOLLOW_LIMIT, follows)?,
                "{node} does not follow the list of the shards within {FOLLOW_LIMIT:?}"
            );
        }
        Ok(())
    }

    /// From the third step on.
    fn carry_out(&mut self, change: Resharding, start: Instant) -> anyhow::Result<()> {
        self.let_nodes_follow(true)?;
        self.reporter.step(format_args!(
            "every node looks for a row among {} shards, then among {}; now they move",
            change.from, change.to
        ));
        let moving = Instant::now();
        let mut shards = service::shards(&self.settings, &self.folder, self.reporter)?;
        let mut moved = Moved::default();
        let done = self.move_keys(&mut shards, change, &mut moved);
        let change =
            Resharding { moved: change.moved + moved.rows, sessions: change.sessions + moved.sessions, ..change };
        self.settings.shared.resharding = Some(change);
        self.folder.save(&self.settings)?;
        done?;
        let moving = moving.elapsed();
        shards.truncate(change.to as usize);
        let rows = self.count_rows(shards)?;
        self.finish(change)?;
        let before = change.rows.unwrap_or(rows).max(rows);
        let answer = ReshardAnswer {
            from: change.from,
            to: change.to,
            rows,
            rows_moved: change.moved,
            moved_percent: 100.0 * change.moved as f64 / before.max(1) as f64,
            rows_lost: before - rows,
            predicted_percent: 100.0 * change.change(true).predicted_share(),
            sessions_moved: change.sessions,
            moving_seconds: moving.as_secs_f64(),
            seconds: start.elapsed().as_secs_f64(),
        };
        self.reporter.step(format_args!("{}", answer.words()));
        self.settings.shared.reshards.push(answer);
        self.folder.save(&self.settings)
    }

    fn move_keys(&self, shards: &mut [Box<dyn Shard>], change: Resharding, moved: &mut Moved) -> anyhow::Result<()> {
        let (change, mut said) = (change.change(true), Instant::now());
        for source in change.sources() {
            let stopped = moves::move_away(shards, source, change, moved, |moved| {
                if said.elapsed() >= PROGRESS {
                    said = Instant::now();
                    self.reporter.step(format_args!("{} rows have moved", moved.rows));
                }
                self.interrupt.check().is_ok()
            });
            match stopped {
                Ok(()) => {}
                Err(Stopped::Failed(place, failure)) => return Err(self.failed(place, failure)),
                Err(Stopped::Busy(place, key)) => {
                    let name = self.name_of_shard(place);
                    bail!("{key:?} of {name} is written so often that it could not be moved")
                }
                Err(Stopped::Told) => {
                    self.interrupt.check()?;
                    bail!("it was told to stop")
                }
            }
        }
        Ok(())
    }

    /// Rows of these shards, which are the first of all.
    fn count_rows(&self, mut shards: Vec<Box<dyn Shard>>) -> anyhow::Result<u64> {
        let count = |(place, shard): (usize, &mut Box<dyn Shard>)| {
            moves::count_rows(&mut **shard).map_err(|failure| self.failed(place, failure))
        };
        shards.iter_mut().enumerate().map(count).sum()
    }

    fn name_of_shard(&self, place: usize) -> &str {
        self.settings.shared.store_servers().nth(place).map_or("a shard", |server| server.name.as_str())
    }

    fn failed(&self, place: usize, failure: crate::store::Failure) -> anyhow::Error {
        anyhow!("{}: {:#}", self.name_of_shard(place), service::said(failure))
    }

    /// The last step.
    fn finish(&mut self, change: Resharding) -> anyhow::Result<()> {
        let before = self.settings.clone();
        self.settings.shared.settle_shards(change.to);
        if let Err(error) = self.let_nodes_follow(false) {
            // Those that follow and those that do not find every row; the servers stay until all follow.
            self.settings.shared =
                super::shared::SharedSettings { generation: self.settings.shared.generation, ..before.shared };
            self.folder.save(&self.settings)?;
            return Err(error);
        }
        service::remove_shards(&before, &self.folder, self.reporter, change.to)
    }
}

impl ReshardAnswer {
    fn words(&self) -> String {
        let sessions = match self.sessions_moved {
            0 => String::new(),
            1 => ", and 1 session".to_owned(),
            count => format!(", and {count} sessions"),
        };
        let lost = match self.rows_lost {
            0 => String::new(),
            1 => "; 1 row is gone, as a server that keeps its rows in memory died meanwhile".to_owned(),
            count => format!("; {count} rows are gone, as a server that keeps its rows in memory died meanwhile"),
        };
        format!(
            "{} shards instead of {}: {} of {} rows moved{sessions}: {:.1} %, where rendezvous hashing predicts {:.1} %{lost}. That took \
             {:.1} s, and {:.1} s with the servers and the nodes that follow",
            self.to,
            self.from,
            self.rows_moved,
            self.rows + self.rows_lost,
            self.moved_percent,
            self.predicted_percent,
            self.moving_seconds,
            self.seconds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_broke_off_comes_first() {
        let change = |from, to, moved| Resharding { moved, ..Resharding::new(from, to) };
        for (there, broken_off, wanted, expected) in [
            (2, None, 3, ReshardAction::Begin(change(2, 3, 0))),
            (1, None, 4, ReshardAction::Begin(change(1, 4, 0))),
            (3, None, 2, ReshardAction::Begin(change(3, 2, 0))),
            (3, None, 3, ReshardAction::Nothing),
            (3, Some(change(2, 3, 7)), 3, ReshardAction::GoOn(change(2, 3, 7))),
            (3, Some(change(3, 2, 7)), 2, ReshardAction::GoOn(change(3, 2, 7))),
        ] {
            assert_eq!(plan(there, broken_off, wanted), Ok(expected), "{there} {broken_off:?} {wanted}");
        }
        assert!(plan(3, Some(change(2, 3, 7)), 2).unwrap_err().contains("reshard 3 goes on"));
        assert!(plan(3, None, 17).unwrap_err().contains("16 shards at most"));
    }
}
