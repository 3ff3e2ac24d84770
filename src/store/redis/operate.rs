//! Making Redis servers replicas.

use std::time::{Duration, Instant};

use super::{Redis, field};
use crate::store::client::{Client, Failure, ReplicaRole, Standing};
use crate::store::operator::Operator;
use crate::store::target::{Remote, Target};

impl Redis {
    pub(super) fn run(&mut self, words: &[&str]) -> Result<(), Failure> {
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| _ = command.arg(*word));
        self.ask::<String>(&command).map(drop)
    }
}

impl Operator for Redis {
    fn standing(&mut self, by: Instant) -> Result<Standing, Failure> {
        Client::standing(self, by)
    }

    fn follow(&mut self, primary: &Target) -> Result<(), Failure> {
        let Target::Redis(Remote { host, port, password, .. }) = primary else {
            return Err(Failure::Refused("a Redis server follows a Redis server".to_owned()));
        };
        let password = password.as_ref().map_or("", |password| password.reveal());
        self.run(&["CONFIG", "SET", "masterauth", password])?;
        self.run(&["REPLICAOF", host, &port.to_string()])?;
        // One that held its writes back as a primary would hold back those that it repeats.
        self.allow_writes()
    }

    fn following(&mut self) -> Result<Option<u64>, Failure> {
        let mut command = redis::cmd("INFO");
        command.arg("replication");
        let text: String = self.ask(&command)?;
        let standing = super::standing(&text).filter(|standing| standing.part == ReplicaRole::Replica);
        let linked = field(&text, "master_link_status") == Some("up");
        Ok(standing.filter(|_| linked).map(|standing| standing.position))
    }

    /// It repeats a command as soon as it has received it.
    fn has_repeated_all(&mut self) -> Result<bool, Failure> {
        Ok(true)
    }

    fn stop_writes(&mut self, at_least: Duration) -> Result<(), Failure> {
        self.run(&["CLIENT", "PAUSE", &at_least.as_millis().to_string(), "WRITE"])
    }

    fn allow_writes(&mut self) -> Result<(), Failure> {
        self.run(&["CLIENT", "UNPAUSE"])
    }

    fn promote(&mut self) -> Result<(), Failure> {
        self.run(&["REPLICAOF", "NO", "ONE"])
    }
}
