//! A server process beside the nodes, whatever its kind: its folder, its quota, its start and its end.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;

use super::account::{self, Account};
use super::kind::{Program, ReplicationSettings, ServerPlace};
use super::{ClusterService, fill, passable, said, secrets};
use crate::cluster::contract::{ServiceAnswer, ServiceRole};
use crate::cluster::launch::{Launch, Launched};
use crate::cluster::limits::{self, Mechanism, QuotaGroup};
use crate::cluster::reporter::{Reporter, command_name};
use crate::cluster::settings::ClusterSettings;
use crate::cluster::shared::{ServerKind, ServerSettings};
use crate::cluster::state::{ClusterFolder, make_private, write_file};
use crate::cluster::{logs, process, wait};
use crate::store::moves::{self, Shard};
use crate::store::{Operator, Share, Target, connect, operate};

/// How long a server may take to answer.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long one answer may take, while it is waited for.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// How long one step of making it a replica may take.
const OPERATE_LIMIT: Duration = Duration::from_secs(10);
/// How long one step of moving its keys may take.
const MOVE_LIMIT: Duration = Duration::from_secs(30);
/// How long a replica may take to repeat all that its primary has.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(120);
/// How long a process may take to be gone after SIGKILL.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// One server.
#[derive(Clone, Copy)]
pub struct ServerService<'a> {
    pub settings: &'a ClusterSettings,
    pub server: &'a ServerSettings,
    pub program: &'static dyn Program,
    pub folder: &'a ClusterFolder,
    pub reporter: Reporter,
}

impl PartialEq for ServerService<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.server == other.server
    }
}

impl ServerService<'_> {
    /// What this command writes; the server's own folder is in it.
    fn directory(&self) -> PathBuf {
        self.folder.path().join("services").join(&self.server.name)
    }

    fn quota(&self) -> QuotaGroup<'_> {
        let ClusterSettings { mechanism, group, .. } = self.settings;
        QuotaGroup { mechanism, group, name: &self.server.name, machine: None }
    }

    fn percent(&self) -> Option<u32> {
        self.settings.shared.percent(self.server).filter(|_| self.settings.mechanism != Mechanism::None)
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.server.port)
    }

    /// Where clients find it, once it was started.
    pub fn target(&self) -> Option<Target> {
        secrets::url(self.folder, &self.server.name)?.parse().ok()
    }

    /// The rows that it shall have; `None` where it is no server of the store.
    fn share(&self) -> Option<Share> {
        let shared = &self.settings.shared;
        let place = shared.store_servers().position(|server| server == self.server)?;
        if shared.redis_cluster {
            return None;
        }
        match self.server.role {
            ServiceRole::Shard => Some(Share { place, of: shared.store_servers().count() }),
            ServiceRole::Primary => Some(Share::ALL),
            ServiceRole::Replica | ServiceRole::Cache | ServiceRole::Edge | ServiceRole::Relay => None,
        }
    }

    /// The primary that it follows, where it is a replica.
    fn follows(&self) -> Option<ServerService<'_>> {
        let primary =
            self.settings.shared.primary_of_replicas().filter(|_| self.server.role == ServiceRole::Replica)?;
        Some(ServerService { server: primary, ..*self })
    }

    /// Where its own user keeps its data.
    pub fn data(&self) -> PathBuf {
        self.directory().join("own").join("data")
    }

    /// It begins anew when it starts again: what it has, nobody else has, and nobody will.
    pub fn forget_data(&self) -> anyhow::Result<()> {
        match fs::remove_dir_all(self.data()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| self.data().display().to_string())
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// A server of that name begins anew, with another password.
    pub fn forget_everything(&self) -> anyhow::Result<()> {
        secrets::forget(self.folder, &self.server.name);
        match fs::remove_dir_all(self.directory()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| self.directory().display().to_string())
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// A connection of somebody who moves its keys.
    pub fn shard(&self) -> anyhow::Result<Box<dyn Shard>> {
        let target = self.target().with_context(|| format!("{} was never started", self.server.name))?;
        moves::shard(&target, MOVE_LIMIT).map_err(said).with_context(|| self.server.name.clone())
    }

    /// Where replicas find it.
    pub fn operator_target(&self) -> anyhow::Result<Target> {
        self.program.operator_url(&self.place()?).parse().map_err(anyhow::Error::msg)
    }

    /// A connection of somebody who may change what it is.
    pub fn operate(&self) -> anyhow::Result<Box<dyn Operator>> {
        operate(&self.operator_target()?, OPERATE_LIMIT).map_err(said).with_context(|| self.server.name.clone())
    }

    pub fn record_path(&self) -> PathBuf {
        self.directory().join("process")
    }

    /// Whether it speaks its protocol and takes the password.
    pub fn answers(&self) -> bool {
        let by = Instant::now() + ANSWER_LIMIT;
        let ask = |target: Target| connect(&target, ANSWER_LIMIT).and_then(|mut client| client.ping(by));
        self.target().is_some_and(|target| ask(target).is_ok())
    }

    fn place(&self) -> anyhow::Result<ServerPlace> {
        let primary = self.settings.shared.primary_of_replicas().filter(|_| self.server.is_of_store());
        let replication = |primary: &ServerSettings| -> anyhow::Result<ReplicationSettings> {
            Ok(ReplicationSettings {
                operator_password: secrets::password(self.folder, "operator")?,
                follows: (primary != self.server).then_some(primary.port),
            })
        };
        // Servers that may follow each other, or are one for their clients, have one password.
        let is_one = primary.is_some() || (self.server.is_of_store() && self.settings.shared.redis_cluster);
        let password = if is_one { "store" } else { &self.server.name };
        Ok(ServerPlace {
            program: self.program.needed().find()?,
            folder: self.directory().join("own"),
            port: self.server.port,
            number: self.server.number,
            password: secrets::password(self.folder, password)?,
            forgets: self.server.role == ServiceRole::Cache,
            cores: self.percent().map(|percent| percent.div_ceil(100)),
            account: Account::for_server(self.program.accounts())?,
            bus_port: Some(self.server.bus_port).filter(|port| *port != 0),
            replication: primary.map(replication).transpose()?,
        })
    }

    /// The folders and files, for the user that it runs as.
    fn prepare(&self) -> anyhow::Result<ServerPlace> {
        let place = self.place()?;
        let (account, own) = (place.account, place.folder.clone());
        if account.is_some() {
            // What others have no business with is closed before the folders above it are opened.
            make_private(&self.folder.path().join("nodes"))?;
            account::is_reachable(self.folder.root())?;
            let above = [self.folder.root().to_owned(), self.folder.path().to_owned()];
            above.iter().try_for_each(|folder| passable(folder))?;
            passable(&self.folder.path().join("services"))?;
            passable(&self.directory())?;
        }
        make_private(&own).with_context(|| own.display().to_string())?;
        account.map_or(Ok(()), |account| account.own(&place.folder))?;
        for (name, text) in self.program.files(&place) {
            let path = place.folder.join(name);
            write_file(&path, &text)?;
            account.map_or(Ok(()), |account| account.own(&path))?;
        }
        self.program.install(&place)?;
        secrets::write_url(self.folder, &self.server.name, &self.program.url(&place))?;
        if let Some(far) = self.settings.shared.far_store.filter(|_| self.server.is_of_store()) {
            let by_relay = self.program.url(&ServerPlace { port: far.port, ..place.clone() });
            secrets::write_url(self.folder, &self.settings.shared.url_file(self.server), &by_relay)?;
        }
        Ok(place)
    }

    fn launch(&self, place: &ServerPlace) -> anyhow::Result<Launched> {
        let quota = self.quota();
        let mut command: Vec<OsString> = place.account.map(Account::prefix).unwrap_or_default();
        command.extend(self.program.command(place));
        let mut group = None;
        if self.percent().is_some() {
            // Not yet limited: a start under a tenth of a core takes seconds, and the rows minutes.
            quota.prepare_without_limit()?;
            command = quota.command(None, command);
            group = quota.processes_file();
        }
        let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
        self.reporter.step(format_args!("{}: {}", self.server.name, words.join(" ")));
        let launch = Launch { record: self.record(), group, folder: None, command };
        let mut launched = launch.start(&self.log(), &self.log())?;
        launched.wait_for_record()?;
        Ok(launched)
    }

    fn wait_until_it_answers(&self, launched: &mut Launched, interrupt: &wait::Interrupt) -> anyhow::Result<()> {
        let mut ended = false;
        let answers = interrupt.wait(START_LIMIT, || {
            ended = launched.has_ended();
            ended || self.answers()
        })?;
        if answers && !ended {
            return Ok(());
        }
        let (name, log) = (&self.server.name, self.log());
        self.reporter.say(format_args!("--- the end of {}\n{}\n---", log.display(), logs::last_lines(&log, 5)));
        match ended {
            true => bail!("{name} ({}) ended while it started", self.server.kind.name()),
            false => bail!("{name} runs, but does not answer on {} within {START_LIMIT:?}", self.address()),
        }
    }

    /// From now on it has its share and no more; what the kernel holds is what was asked for.
    fn limit(&self) -> anyhow::Result<String> {
        let Some(percent) = self.percent() else { return Ok("none".to_owned()) };
        let (name, quota) = (&self.server.name, self.quota());
        quota.set(percent)?;
        let record = process::alive(&self.record()).with_context(|| format!("{name} ended while it started"))?;
        let (wanted, held) = (f64::from(percent) / 100.0, limits::of_process(record.pid()));
        ensure!(
            held.is_some_and(|held| (held - wanted).abs() < 1e-6),
            "{name} should have a quota of {wanted} cores, but the kernel says {held:?}"
        );
        Ok(format!("{wanted} cores by {}: {}", self.settings.mechanism.name(), quota.place()))
    }
}

impl ServerService<'_> {
    /// A Redis that starts has nothing, and its replicas would have nothing a moment later.
    fn must_not_empty_its_replicas(&self) -> anyhow::Result<()> {
        let shared = &self.settings.shared;
        let is_primary = shared.primary_of_replicas() == Some(self.server);
        if !is_primary || self.server.kind != ServerKind::Redis {
            return Ok(());
        }
        let replicas = shared.store_servers().filter(|server| *server != self.server);
        let alive = replicas.map(|server| ServerService { server, ..*self }).find(ServerService::answers);
        match alive {
            None => Ok(()),
            Some(alive) => bail!(
                "{} kept its rows in memory alone: started again it would be empty, and so would be its replicas; {} promote {} \
                 --name {} first",
                self.server.name,
                command_name(),
                alive.server.name,
                self.settings.name
            ),
        }
    }

    /// Lets it repeat what the primary writes; returns when it has what that has now. Without a primary it begins when there is one.
    fn follow(&self, primary: &ServerService<'_>, interrupt: &wait::Interrupt) -> anyhow::Result<()> {
        let (name, of) = (&self.server.name, &primary.server.name);
        let mut operator = self.operate()?;
        operator.follow(&primary.operator_target()?).map_err(said).with_context(|| name.clone())?;
        if !primary.answers() {
            self.reporter.step(format_args!("{name} will follow {of} when that answers"));
            return Ok(());
        }
        let last = primary.operate()?.standing(Instant::now() + OPERATE_LIMIT).map_err(said)?.position;
        let mut refusal = None;
        let caught_up = interrupt.wait(CATCH_UP_LIMIT, || match operator.following() {
            Ok(position) => position.is_some_and(|position| position >= last),
            Err(failure) => {
                refusal = Some(failure);
                true
            }
        })?;
        if let Some(failure) = refusal {
            return Err(said(failure)).with_context(|| format!("{name} does not follow {of}"));
        }
        ensure!(caught_up, "{name} has not caught up with {of} within {CATCH_UP_LIMIT:?}");
        self.reporter.step(format_args!("{name} follows {of}, and has all of its {last} writes"));
        Ok(())
    }
}

impl ClusterService for ServerService<'_> {
    fn name(&self) -> &str {
        &self.server.name
    }

    fn start(&self, interrupt: &wait::Interrupt) -> anyhow::Result<()> {
        if process::alive(&self.record()).is_some() {
            return Ok(());
        }
        self.must_not_empty_its_replicas()?;
        let place = self.prepare()?;
        interrupt.check()?;
        let mut launched = self.launch(&place)?;
        self.wait_until_it_answers(&mut launched, interrupt)?;
        if let Some((target, share)) = self.target().zip(self.share()) {
            // While rows move, one that is not here is elsewhere: it must not be made anew.
            let rows = if self.settings.shared.resharding.is_some() { 0 } else { self.settings.shared.rows };
            fill(&target, share, rows, self.reporter, &self.server.name, interrupt)?;
        }
        if let Some(primary) = self.follows() {
            self.follow(&primary, interrupt)?;
        }
        let quota = self.limit()?;
        let (name, kind) = (&self.server.name, self.server.kind.name());
        self.reporter.step(format_args!("{name} ({kind}) is ready on {}, quota {quota}", self.address()));
        Ok(())
    }

    /// Its files go with the cluster: it need not put anything in order.
    fn stop(&self) -> anyhow::Result<()> {
        if let Some(record) = process::alive(&self.record()) {
            record.signal(Signal::KILL);
            ensure!(wait::until(KILL_LIMIT, || !record.is_alive()), "{} does not end", self.server.name);
        }
        let _ = fs::remove_file(self.record());
        self.quota().remove()
    }

    fn answer(&self) -> ServiceAnswer {
        let pid = process::alive(&self.record()).map(process::ProcessRecord::pid);
        ServiceAnswer {
            name: self.server.name.clone(),
            kind: self.server.kind.name().to_owned(),
            role: self.server.role,
            address: self.address(),
            pid,
            quota_cores: pid.and_then(limits::of_process),
            up: pid.is_some() && self.answers(),
        }
    }

    fn log(&self) -> PathBuf {
        self.directory().join("log")
    }

    fn record(&self) -> PathBuf {
        self.record_path()
    }
}
