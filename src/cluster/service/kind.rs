//! What differs between the kinds of servers.

use std::ffi::OsString;
use std::path::PathBuf;

use super::account::Account;
use crate::cluster::program::Needed;

/// Where a server lives, and with what.
#[derive(Clone, Debug)]
pub struct ServerPlace {
    /// Its program.
    pub program: PathBuf,
    /// The folder that is its own, for data and everything else it writes.
    pub folder: PathBuf,
    /// On 127.0.0.1.
    pub port: u16,
    /// A number that no other server has, ever.
    pub number: u32,
    /// What clients log in with.
    pub password: String,
    /// Whether it may forget what was not asked for lately: a cache.
    pub forgets: bool,
    /// Cores of its quota, rounded up; `None` without a quota.
    pub cores: Option<u32>,
    /// Whom it runs as; `None`: as this command.
    pub account: Option<Account>,
    /// The port on 127.0.0.1 where it talks to the others, where they share the keys out among themselves.
    pub bus_port: Option<u16>,
    /// Among servers with the same rows.
    pub replication: Option<ReplicationSettings>,
}

/// What a server needs that has replicas, or is one.
#[derive(Clone, Debug)]
pub struct ReplicationSettings {
    /// What whoever makes replicas logs in with.
    pub operator_password: String,
    /// The port on 127.0.0.1 of the primary that it follows.
    pub follows: Option<u16>,
}

/// A kind of server.
pub trait Program {
    /// The program.
    fn needed(&self) -> Needed;

    /// The users that its package makes, or may make.
    fn accounts(&self) -> &'static [&'static str];

    /// Files that must be in its folder, for its own eyes: name and text.
    fn files(&self, place: &ServerPlace) -> Vec<(&'static str, String)>;

    /// Makes what a first start needs.
    ///
    /// # Errors
    /// When that cannot be done.
    fn install(&self, _place: &ServerPlace) -> anyhow::Result<()> {
        Ok(())
    }

    /// The command that runs it in the foreground. Nothing in it is secret.
    fn command(&self, place: &ServerPlace) -> Vec<OsString>;

    /// Where clients find it, with the password.
    fn url(&self, place: &ServerPlace) -> String;

    /// Where whoever makes replicas finds it, with the password; and where replicas find their primary.
    fn operator_url(&self, place: &ServerPlace) -> String {
        self.url(place)
    }
}
