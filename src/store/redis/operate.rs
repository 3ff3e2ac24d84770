//! Making Redis servers replicas.

use std::time::{Duration, Instant};

use super::{Redis, field};
use crate::store::client::{Failure, ReplicaRole, Standing};
use crate::store::operator::Operator;
use crate::store::target::{Remote, Target};

/// Raises a number that is below another one, in one step.
const RAISE: &str = "local number = tonumber(redis.call('GET', KEYS[1])) or 0
if number < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
return 0";

impl Redis {
    pub(super) fn run(&mut self, words: &[&str]) -> Result<(), Failure> {
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| _ = command.arg(*word));
        self.ask::<String>(&command).map(drop)
    }

    fn says_that_it_takes_writes(&mut self) -> Result<(), Failure> {
        self.ask::<u64>(redis::cmd("DEL").arg(super::HANDS_OVER)).map(drop)
    }
}

impl Operator for Redis {
    fn standing(&mut self, _by: Instant) -> Result<Standing, Failure> {
        self.replication_standing()
    }

    fn follow(&mut self, primary: &Target) -> Result<(), Failure> {
        let Target::Redis(Remote { host, port, password, .. }) = primary else {
            return Err(Failure::Refused("a Redis server follows a Redis server".to_owned()));
        };
        let password = password.as_ref().map_or("", |password| password.reveal());
        self.run(&["CONFIG", "SET", "masterauth", password])?;
        self.run(&["REPLICAOF", host, &port.to_string()])?;
        // One that held its writes back as a primary would hold back those that it repeats.
        self.run(&["CLIENT", "UNPAUSE"])
    }

    fn following(&mut self) -> Result<Option<u64>, Failure> {
        let text: String = self.ask(redis::cmd("INFO").arg("replication"))?;
        let standing = super::standing(&text).filter(|standing| standing.part == ReplicaRole::Replica);
        let linked = field(&text, "master_link_status") == Some("up");
        Ok(standing.filter(|_| linked).map(|standing| standing.position))
    }

    /// It repeats a command as soon as it has received it.
    fn has_repeated_all(&mut self) -> Result<bool, Failure> {
        Ok(true)
    }

    /// Before it holds writes back it says so: nobody else can see it.
    fn stop_writes(&mut self, at_least: Duration) -> Result<(), Failure> {
        let milliseconds = at_least.as_millis().to_string();
        self.run(&["SET", super::HANDS_OVER, "1", "PX", &milliseconds])?;
        self.run(&["CLIENT", "PAUSE", &milliseconds, "WRITE"])
    }

    fn allow_writes(&mut self) -> Result<(), Failure> {
        self.run(&["CLIENT", "UNPAUSE"])?;
        self.says_that_it_takes_writes()
    }

    fn promote(&mut self) -> Result<(), Failure> {
        self.run(&["REPLICAOF", "NO", "ONE"])?;
        self.says_that_it_takes_writes()
    }

    fn last_write(&mut self) -> Result<Option<u64>, Failure> {
        let number: Option<u64> = self.ask(redis::cmd("GET").arg(super::WRITES))?;
        Ok(Some(number.unwrap_or_default()))
    }

    fn number_from(&mut self, last: u64) -> Result<(), Failure> {
        let mut command = redis::cmd("EVAL");
        command.arg(RAISE).arg(1).arg(super::WRITES).arg(last);
        self.ask::<u64>(&command).map(drop)
    }
}
