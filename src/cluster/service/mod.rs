//! Stores and caches that the nodes share: what every one of them can do, and the list of those that a cluster has.
//!
//! A further kind of server is a file beside this one with its [`kind::Program`], and its line in [`program_of`]; the words by
//! which people ask for it are in `shared.rs`.

mod account;
mod binlog;
mod edge;
mod kind;
mod login;
mod mariadb;
mod memcached;
mod promote;
mod redis;
mod redis_cluster;
mod relay;
mod secrets;
mod server;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};

pub use promote::promote;
pub use redis_cluster::form as form_redis_cluster;

use super::contract::ServiceAnswer;
use super::program::Needed;
use super::reporter::Reporter;
use super::settings::ClusterSettings;
use super::shared::{self, ServerKind, SessionsKind, StoreKind};
use super::state::{ClusterFolder, write_file};
use super::wait::Interrupt;
use crate::store::moves::Shard;
use crate::store::{Failure, Share, Target, seed};

/// Longest wait for one batch of rows.
const SEED_TIMEOUT: Duration = Duration::from_secs(30);

/// A store or a cache beside the nodes. It starts before them, since they ask it, and ends after them.
pub trait ClusterService {
    /// Its name within the cluster.
    fn name(&self) -> &str;

    /// Starts its process under its quota; one that runs is let alone. Returns when it takes commands and has its rows.
    ///
    /// # Errors
    /// When it does not come up, or a signal came.
    fn start(&self, interrupt: &Interrupt) -> anyhow::Result<()>;

    /// Ends its process for good and removes its quota; one that does not run is fine.
    ///
    /// # Errors
    /// When something of it stays.
    fn stop(&self) -> anyhow::Result<()>;

    /// What it is, and whether it takes commands.
    fn answer(&self) -> ServiceAnswer;

    /// The file that it logs to.
    fn log(&self) -> PathBuf;

    /// The record of its process.
    fn record(&self) -> PathBuf;
}

fn program_of(kind: ServerKind) -> &'static dyn kind::Program {
    match kind {
        ServerKind::Mariadb => &mariadb::MariadbProgram,
        ServerKind::Redis => &redis::RedisProgram,
        ServerKind::Memcached => &memcached::MemcachedProgram,
    }
}

/// The services of a cluster, in the order in which they start.
pub fn of<'a>(
    settings: &'a ClusterSettings,
    folder: &'a ClusterFolder,
    reporter: Reporter,
) -> Vec<Box<dyn ClusterService + 'a>> {
    let mut services = asked_by_nodes(settings, folder, reporter);
    services.extend(near_far_clients(settings, folder, reporter));
    services
}

/// Those that nodes ask.
fn asked_by_nodes<'a>(
    settings: &'a ClusterSettings,
    folder: &'a ClusterFolder,
    reporter: Reporter,
) -> Vec<Box<dyn ClusterService + 'a>> {
    let boxed = |server| -> Box<dyn ClusterService + 'a> { Box::new(server_of(settings, server, folder, reporter)) };
    let relay = relay::RelayService::to_store(settings, folder, reporter).map(|relay| Box::new(relay) as _);
    settings.shared.servers.iter().map(boxed).chain(relay).collect()
}

/// Those between far clients and the balancer.
fn near_far_clients<'a>(
    settings: &'a ClusterSettings,
    folder: &'a ClusterFolder,
    reporter: Reporter,
) -> Vec<Box<dyn ClusterService + 'a>> {
    let Some(far) = &settings.far else { return Vec::new() };
    let mut services: Vec<Box<dyn ClusterService + 'a>> =
        vec![Box::new(relay::RelayService::to_balancer(far, settings, folder, reporter))];
    services.extend(edge::EdgeService::of(far, settings, folder, reporter).map(|edge| Box::new(edge) as _));
    services
}

fn server_of<'a>(
    settings: &'a ClusterSettings,
    server: &'a shared::ServerSettings,
    folder: &'a ClusterFolder,
    reporter: Reporter,
) -> server::ServerService<'a> {
    server::ServerService { settings, server, program: program_of(server.kind), folder, reporter }
}

/// Those of the store alone, in the order that nodes know them by.
pub fn of_store<'a>(
    settings: &'a ClusterSettings,
    folder: &'a ClusterFolder,
    reporter: Reporter,
) -> Vec<Box<dyn ClusterService + 'a>> {
    let boxed = |server| -> Box<dyn ClusterService + 'a> { Box::new(server_of(settings, server, folder, reporter)) };
    settings.shared.store_servers().map(boxed).collect()
}

/// Connections to all shards, for who moves keys.
///
/// # Errors
/// When one does not answer.
pub fn shards(
    settings: &ClusterSettings,
    folder: &ClusterFolder,
    reporter: Reporter,
) -> anyhow::Result<Vec<Box<dyn Shard>>> {
    let connect = |server| server_of(settings, server, folder, reporter).shard();
    settings.shared.store_servers().map(connect).collect()
}

/// Ends the shards from that place on, and removes what they had.
///
/// # Errors
/// When something of one stays.
pub fn remove_shards(
    settings: &ClusterSettings,
    folder: &ClusterFolder,
    reporter: Reporter,
    place: u32,
) -> anyhow::Result<()> {
    for server in settings.shared.store_servers().skip(place as usize) {
        let server = server_of(settings, server, folder, reporter);
        server.stop()?;
        server.forget_everything()?;
        reporter.step(format_args!("{} is gone", server.name()));
    }
    Ok(())
}

/// Writes the list of shards that the nodes follow, where there is one.
///
/// # Errors
/// When it cannot be written.
pub fn write_shards(settings: &ClusterSettings, folder: &ClusterFolder, begun: bool) -> anyhow::Result<()> {
    match settings.shared.shard_list(&secrets::folder(folder), begun) {
        Some(list) => write_file(&folder.path().join(shared::SHARDS), &serde_json::to_string(&list)?),
        None => Ok(()),
    }
}

/// The programs that its services need.
pub fn needed(settings: &ClusterSettings) -> Vec<Needed> {
    let edge = settings.far.and_then(|far| far.edge).map(|edge| edge.kind.balancer().needed());
    settings.shared.servers.iter().map(|server| program_of(server.kind).needed()).chain(edge).collect()
}

/// Makes ready what the nodes share, and returns when everything takes commands.
///
/// # Errors
/// When something does not come up, or a signal came.
pub fn up(
    settings: &ClusterSettings,
    folder: &ClusterFolder,
    reporter: Reporter,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    match settings.shared.sessions {
        SessionsKind::Token => secrets::token_key(folder)?,
        SessionsKind::Node | SessionsKind::Redis | SessionsKind::Memcached => {}
    }
    if let Some(cost) = settings.shared.login {
        login::prepare(folder, cost)?;
    }
    match settings.shared.store {
        Some(StoreKind::Sqlite) => {
            let target = Target::Sqlite(folder.path().join(shared::SQLITE));
            fill(&target, Share::ALL, settings.shared.rows, reporter, shared::SQLITE, interrupt)?;
        }
        None | Some(StoreKind::Mariadb | StoreKind::Redis) => {}
    }
    // What broke off while keys moved may have moved some.
    write_shards(settings, folder, settings.shared.resharding.is_some())?;
    asked_by_nodes(settings, folder, reporter).iter().try_for_each(|service| service.start(interrupt))?;
    form_redis_cluster(settings, folder, reporter, interrupt)
}

/// Makes ready what is between far clients and the balancer, which has to answer before: the first health check of the cache near
/// the clients would find nobody there.
///
/// # Errors
/// When something does not come up, or a signal came.
pub fn up_for_far_clients(
    settings: &ClusterSettings,
    folder: &ClusterFolder,
    reporter: Reporter,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    near_far_clients(settings, folder, reporter).iter().try_for_each(|service| service.start(interrupt))
}

/// What the nodes are told of it.
pub fn node_arguments(settings: &ClusterSettings, folder: &ClusterFolder) -> Vec<std::ffi::OsString> {
    settings.shared.node_arguments(folder.path(), &secrets::folder(folder))
}

/// The file with the body of a login, where somebody can log in.
pub fn login_body(settings: &ClusterSettings, folder: &ClusterFolder) -> Option<String> {
    settings.shared.login.map(|_| secrets::folder(folder).join(login::BODY).display().to_string())
}

/// Tables of a store server, and its share of the rows; what is there already stays.
fn fill(
    target: &Target,
    share: Share,
    rows: u32,
    reporter: Reporter,
    name: &str,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let made = seed::seed(target, share, rows.into(), SEED_TIMEOUT, |_| match interrupt.check() {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    });
    interrupt.check()?;
    made.map_err(said).with_context(|| format!("{name} does not take its rows"))?;
    match share.of {
        _ if rows == 0 => reporter.step(format_args!("{name} has tables, and no rows yet")),
        1 => reporter.step(format_args!("{name} has {rows} rows")),
        shards => reporter.step(format_args!("{name} has its part of {rows} rows, as one of {shards} shards")),
    }
    Ok(())
}

/// A failure of a store as an error.
pub fn said(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Lost(why) | Failure::Refused(why) => anyhow!(why),
        Failure::TimedOut | Failure::Stopped => anyhow!("no answer in time"),
        Failure::Unseeded => anyhow!("it has no rows yet"),
        Failure::Unsupported(what) => anyhow!("this kind of store cannot {what}"),
    }
}

/// A folder of this user that others may pass through, but not list.
fn passable(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(path)
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o711)))
        .with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    fn place(cores: Option<u32>) -> kind::ServerPlace {
        kind::ServerPlace {
            program: "/bin/server".into(),
            folder: "/c/own".into(),
            port: 4000,
            number: 77,
            password: "hunter2".to_owned(),
            forgets: false,
            cores,
            account: None,
            bus_port: None,
            replication: None,
        }
    }

    fn command(kind: ServerKind, cores: Option<u32>) -> String {
        let words = program_of(kind).command(&place(cores));
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_kind_listens_on_loopback_and_shows_no_password() {
        for kind in ServerKind::value_variants() {
            let (program, place) = (program_of(*kind), place(Some(1)));
            let command = command(*kind, Some(1));
            let files: String = program.files(&place).into_iter().map(|(_, text)| text).collect();
            let all = format!("{command} {files}");
            assert!(command.starts_with("/bin/server") && !command.contains("hunter2"), "{command}");
            assert!(all.contains("127.0.0.1") && all.contains("4000"), "{all}");
            let target: Target = program.url(&place).parse().unwrap();
            // Where clients have a password, the server was told so.
            assert_eq!(target.password().is_some(), files.contains("hunter2"), "{kind:?}");
            assert!(target.to_string().contains("127.0.0.1:4000"));
            assert!(!program.accounts().is_empty() && !program.accounts().contains(&"root"));
        }
    }

    #[test]
    fn replicas_are_read_only_and_know_their_primary() {
        for (kind, in_command, in_files) in [
            (ServerKind::Mariadb, "--read-only", "'operator'@'%'"),
            (ServerKind::Redis, "", "replicaof 127.0.0.1 4001"),
        ] {
            let program = program_of(kind);
            let replication =
                |follows| Some(kind::ReplicationSettings { operator_password: "hunter3".to_owned(), follows });
            let (replica, primary) = (
                kind::ServerPlace { replication: replication(Some(4001)), ..place(None) },
                kind::ServerPlace { replication: replication(None), ..place(None) },
            );
            let command =
                |place: &kind::ServerPlace| program.command(place).join(" ".as_ref()).to_string_lossy().into_owned();
            let files =
                |place: &kind::ServerPlace| program.files(place).into_iter().map(|(_, text)| text).collect::<String>();
            assert!(command(&replica).contains(in_command) && !command(&replica).contains("hunter"));
            assert!(files(&replica).contains(in_files), "{}", files(&replica));
            assert!(!command(&primary).contains("--read-only") && !files(&primary).contains("replicaof"));
            assert!(program.operator_url(&replica).parse::<Target>().unwrap().password().is_some());
        }
    }

    #[test]
    fn threads_follow_the_quota() {
        for (kind, cores, word, said) in [
            (ServerKind::Mariadb, Some(1), "--thread-pool-size=1", true),
            (ServerKind::Mariadb, Some(3), "--thread-pool-size=3", true),
            (ServerKind::Mariadb, None, "--thread-handling", false),
            (ServerKind::Memcached, Some(2), "-t 2", true),
            (ServerKind::Memcached, None, "-t 1", true),
        ] {
            assert_eq!(command(kind, cores).contains(word), said, "{kind:?} {cores:?}");
        }
        for word in ["--no-defaults", "--datadir=/c/own/data", "--server-id=77", "--port=4000"] {
            assert!(command(ServerKind::Mariadb, None).contains(word), "{word}");
        }
    }
}
