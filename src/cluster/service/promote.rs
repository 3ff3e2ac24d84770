//! Another primary: on purpose, without loss, while the old one lives; or after its death, with what it took along counted.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::server::ServerService;
use super::{ClusterService, binlog, said, server_of};
use crate::cluster::contract::{PromotionAnswer, ServiceRole};
use crate::cluster::process;
use crate::cluster::reporter::{Reporter, command_name};
use crate::cluster::settings::ClusterSettings;
use crate::cluster::shared::ServerKind;
use crate::cluster::state::ClusterFolder;
use crate::cluster::{node, wait};
use crate::kernel::clock;
use crate::store::{Operator, ReplicaRole, TRUST};

/// How long the new primary may take to repeat what it received.
const REPEAT_LIMIT: Duration = Duration::from_secs(20);
/// How long the old one must take no writes: until the new one has repeated all, is the primary, and the old one follows it.
const PAUSE: Duration = REPEAT_LIMIT.saturating_mul(3);
/// How long a node may take to say which writes were acknowledged: it takes a sample now and then.
const NODE_LIMIT: Duration = Duration::from_secs(15);

/// Makes the server `name` the primary, and the others its replicas. Changes `settings`, and keeps them as soon as the server is the
/// primary, so that they say what holds whatever becomes of the others.
///
/// # Errors
/// When that cannot be done, or would lose what another replica has: nothing has changed then. Or when another server does not follow
/// the new primary: the error names it, and what lets it follow.
pub fn promote(
    settings: &mut ClusterSettings,
    folder: &ClusterFolder,
    reporter: Reporter,
    name: &str,
) -> anyhow::Result<()> {
    let (new, old) = places(settings, name)?;
    let others: Vec<usize> = (0..settings.shared.servers.len())
        .filter(|place| ![new, old].contains(place) && settings.shared.servers[*place].role == ServiceRole::Replica)
        .collect();
    let lost =
        promotion(settings, folder, reporter, (new, old)).run(&followers(settings, folder, reporter, &others))?;
    record(settings, (new, old), lost);
    folder.save(settings)?;
    promotion(settings, folder, reporter, (new, old)).let_follow(lost, &followers(settings, folder, reporter, &others))
}

/// Puts down who is the primary since.
fn record(settings: &mut ClusterSettings, (new, old): (usize, usize), lost: Lost) {
    let servers = &mut settings.shared.servers;
    (servers[new].role, servers[old].role) = (ServiceRole::Primary, ServiceRole::Replica);
    let (promoted, instead_of) = (servers[new].name.clone(), servers[old].name.clone());
    if lost != Lost::Nothing {
        // A server of the same number would not repeat what the old one wrote: it would take it for its own.
        servers[old].number = fastrand::u32(1..);
    }
    settings.shared.promotions.push(PromotionAnswer { promoted, instead_of, lost_writes: lost.writes() });
}

fn followers<'a>(
    settings: &'a ClusterSettings,
    folder: &'a ClusterFolder,
    reporter: Reporter,
    places: &[usize],
) -> Vec<ServerService<'a>> {
    places.iter().map(|place| server_of(settings, &settings.shared.servers[*place], folder, reporter)).collect()
}

fn promotion<'a>(
    settings: &'a ClusterSettings,
    folder: &'a ClusterFolder,
    reporter: Reporter,
    (new, old): (usize, usize),
) -> Promotion<'a> {
    let server = |place: usize| server_of(settings, &settings.shared.servers[place], folder, reporter);
    Promotion { new: server(new), old: server(old), folder, reporter }
}

/// The places of the server to promote, and of the primary.
fn places(settings: &ClusterSettings, name: &str) -> anyhow::Result<(usize, usize)> {
    let servers = &settings.shared.servers;
    let place = servers.iter().position(|server| server.name == name);
    let place = place.with_context(|| format!("the cluster {} has no store {name}", settings.name))?;
    match servers[place].role {
        ServiceRole::Replica => {}
        ServiceRole::Primary => bail!("{name} is a primary already"),
        ServiceRole::Shard => bail!("{name} is a shard: nobody else has its rows"),
        ServiceRole::Cache | ServiceRole::Edge | ServiceRole::Relay => bail!("{name} holds no rows"),
    }
    let primary = servers.iter().position(|server| server.role == ServiceRole::Primary && server.is_of_store());
    Ok((place, primary.context("there is no primary")?))
}

/// What a promotion loses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lost {
    Nothing,
    Writes(u64),
    /// The old primary kept nothing by which it could be counted, and a node that may know does not say.
    Unknown,
}

impl Lost {
    fn writes(self) -> Option<u64> {
        match self {
            Self::Nothing => Some(0),
            Self::Writes(count) => Some(count),
            Self::Unknown => None,
        }
    }
}

struct Promotion<'a> {
    new: ServerService<'a>,
    old: ServerService<'a>,
    folder: &'a ClusterFolder,
    reporter: Reporter,
}

impl Promotion<'_> {
    fn run(&self, others: &[ServerService<'_>]) -> anyhow::Result<Lost> {
        let names = (&self.new.server.name, &self.old.server.name);
        let mut new = self.new.operate().with_context(|| format!("{} does not answer", names.0))?;
        let mut old = if self.old.answers() { Some(self.old.operate()?) } else { None };
        let lost = match &mut old {
            Some(old) => {
                if let Err(error) = self.hand_over(&mut **old, &mut *new) {
                    let _ = old.allow_writes();
                    return Err(error);
                }
                Lost::Nothing
            }
            None => self.take_over(&mut *new, others)?,
        };
        let last_of_old = new.last_write().map_err(said)?.zip(lost.writes()).map(|(last, lost)| last + lost);
        if let Err(failure) = new.promote() {
            let error = said(failure).context(format!("{} does not become the primary", names.0));
            return Err(match old.map_or(Ok(()), |old| self.give_back(old)) {
                Ok(()) => error,
                Err(why) => error.context(why),
            });
        }
        if let Some(Err(failure)) = last_of_old.map(|last| new.number_from(last)) {
            self.reporter.warn(format_args!("{} numbers its writes anew: {:#}", names.0, said(failure)));
        }
        self.reporter.step(format_args!(
            "{} is the primary now, instead of {}: {}",
            names.0,
            names.1,
            words(lost, names.1)
        ));
        Ok(lost)
    }

    /// The new one did not become the primary: the old one takes writes as before. Not where the new one does not say what it is: it may
    /// have become it, and two that take writes would be worse than none.
    ///
    /// # Errors
    /// What holds then, and what to do.
    fn give_back(&self, mut old: Box<dyn Operator>) -> Result<(), String> {
        let (new, name) = (&self.new.server.name, &self.old.server.name);
        let standing = self.new.operate().ok().and_then(|mut new| new.standing(Instant::now() + REPEAT_LIMIT).ok());
        match standing.map(|standing| standing.part) {
            Some(ReplicaRole::Replica) => {
                old.allow_writes().map_err(|failure| format!("{name} takes no writes: {}", said(failure)))
            }
            Some(ReplicaRole::Primary) | None => {
                Err(format!("{name} takes no writes, as {new} may take them; {} promote {new} again", command_name()))
            }
        }
    }

    /// The others repeat what the new one writes, the old one among them where it lives. It goes first: two that take writes would be
    /// worse than one that does not follow.
    fn let_follow(&self, lost: Lost, others: &[ServerService<'_>]) -> anyhow::Result<()> {
        if lost != Lost::Nothing {
            self.old.forget_data()?;
        }
        let new = &self.new.server.name;
        let mut problems = Vec::new();
        let old = if lost == Lost::Nothing { Some(&self.old) } else { None };
        for follower in old.into_iter().chain(others) {
            let name = &follower.server.name;
            let runs = process::alive(&follower.record_path()).is_some();
            match self.follow(follower) {
                Ok(()) => self.reporter.step(format_args!("{name} follows {new}")),
                // It follows when it starts again.
                Err(_) if !runs => {}
                Err(error) if old == Some(follower) => {
                    problems.push(match follower.stop() {
                        Ok(()) => format!("{name} did not follow ({error:#}) and was ended, as it would take writes"),
                        Err(stop) => format!("{name} does not follow ({error:#}) and may take writes: {stop:#}"),
                    });
                }
                Err(error) => problems.push(format!("{name} does not follow: {error:#}")),
            }
        }
        ensure!(
            problems.is_empty(),
            "{new} is the primary, as the settings say, and takes writes; but {}. 'kill NAME', where it runs, and 'start NAME' let it \
             follow",
            problems.join("; ")
        );
        Ok(())
    }

    fn follow(&self, follower: &ServerService<'_>) -> anyhow::Result<()> {
        ensure!(follower.answers(), "it does not answer");
        follower.operate()?.follow(&self.new.operator_target()?).map_err(said)
    }

    /// The old one lives: it takes no more writes, and the new one repeats the last of them.
    fn hand_over(&self, old: &mut dyn Operator, new: &mut dyn Operator) -> anyhow::Result<()> {
        let name = &self.old.server.name;
        let connected = wait::until(REPEAT_LIMIT, || new.following().is_ok_and(|position| position.is_some()));
        ensure!(connected, "{} does not follow {name} now; nothing was changed", self.new.server.name);
        old.stop_writes(PAUSE).map_err(said).with_context(|| format!("{name} does not stop to write"))?;
        let stopped = Instant::now();
        let last = old.standing(Instant::now() + REPEAT_LIMIT).map_err(said)?.position;
        self.reporter.step(format_args!("{name} takes no more writes; its last one is {last}"));
        let there = || new.following().is_ok_and(|position| position.is_some_and(|position| position >= last));
        ensure!(
            wait::until(REPEAT_LIMIT, there),
            "{} has not repeated the last write of {name} within {REPEAT_LIMIT:?}; nothing was changed",
            self.new.server.name
        );
        // When others are written, no node takes the old one's rows for the newest any more.
        std::thread::sleep(TRUST.saturating_sub(stopped.elapsed()));
        Ok(())
    }

    /// The old one is dead: the new one repeats all that it received.
    fn take_over(&self, new: &mut dyn Operator, others: &[ServerService<'_>]) -> anyhow::Result<Lost> {
        let (name, old) = (&self.new.server.name, &self.old.server.name);
        ensure!(
            process::alive(&self.old.record_path()).is_none(),
            "{old} runs, though it does not answer: if it came back, both would take writes; {} kill {old} first",
            command_name()
        );
        let repeated = wait::until(REPEAT_LIMIT, || new.has_repeated_all().unwrap_or(false));
        ensure!(repeated, "{name} has not repeated within {REPEAT_LIMIT:?} what it received; nothing was changed");
        let by = || Instant::now() + REPEAT_LIMIT;
        let position = new.standing(by()).map_err(said)?.position;
        for other in others.iter().filter(|other| other.answers()) {
            let further = other.operate()?.standing(by()).map_err(said)?.position;
            let other = &other.server.name;
            ensure!(further <= position, "{other} has writes that {name} has not; promote {other}, or they are lost");
        }
        match self.old.server.kind {
            ServerKind::Mariadb => {
                let count = binlog::transactions_after(&self.old.data(), position);
                Ok(Lost::Writes(count.with_context(|| format!("cannot count what {old} takes along"))?))
            }
            ServerKind::Redis | ServerKind::Memcached => {
                Ok(match (self.last_acknowledged(), new.last_write().map_err(said)?) {
                    (Some(acknowledged), Some(last)) => Lost::Writes(acknowledged.saturating_sub(last)),
                    (_, _) => Lost::Unknown,
                })
            }
        }
    }

    /// The highest number that a server of the store gave to a write which a node knows of; `None` where a node does not say.
    fn last_acknowledged(&self) -> Option<u64> {
        let since = clock::unix_seconds();
        let of_node = |name: &String| {
            let mut stats = None;
            wait::until(NODE_LIMIT, || {
                stats = node::stats(self.folder, name).filter(|stats| stats.raw.unix_seconds >= since);
                stats.is_some()
            });
            Some(stats?.window.store.targets.iter().filter_map(|target| target.last_write).max().unwrap_or_default())
        };
        let nodes = self.folder.nodes();
        let alive = nodes.iter().filter(|name| process::alive(&self.folder.node_process(name)).is_some());
        alive.map(of_node).collect::<Option<Vec<u64>>>()?.into_iter().max()
    }
}

fn words(lost: Lost, old: &str) -> String {
    match lost {
        Lost::Nothing => "nothing is lost".to_owned(),
        Lost::Writes(0) => format!("{old} had passed on all of its writes, nothing is lost"),
        Lost::Writes(1) => format!("1 write that {old} had not passed on is lost"),
        Lost::Writes(count) => format!("{count} writes that {old} had not passed on are lost"),
        Lost::Unknown => format!(
            "{old} kept no log, and not every node says which writes were acknowledged, so that nobody can count those that are lost"
        ),
    }
}
