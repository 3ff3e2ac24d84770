//! Attacks and honest texts, sent to a cluster of one's own on this machine: what its balancer refuses, who there does it, and what it
//! refuses wrongly. The lists are files beside this one.

mod list;
mod verdict;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;

use super::Cluster;
use super::reporter::Reporter;
use super::state::ClusterFolder;
use super::stop::Stop;
use crate::results::balancer::BalancerKind;
use list::AttackRequest;
use verdict::{AttackAnswer, EndedBy};

const ATTACKS: &str = include_str!("attacks.txt");
const EVASIONS: &str = include_str!("evasions.txt");
const HONEST: &str = include_str!("honest.txt");

/// For a connection, and for each part of an answer.
const LIMIT: Duration = Duration::from_secs(5);
/// As much of an answer is read.
const MOST_BYTES: u64 = 65_536;

/// Lists in place of those that come with the program.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Lists {
    pub attacks: Option<PathBuf>,
    pub honest: Option<PathBuf>,
}

/// What became of each request.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AttackReport {
    pub target: String,
    pub attacks: Vec<AttackOutcome>,
    pub evasions: Vec<AttackOutcome>,
    pub honest: Vec<AttackOutcome>,
}

/// What became of one line of a list.
#[derive(Debug, Serialize)]
pub struct AttackOutcome {
    /// Its first word.
    pub kind: String,
    /// The rest.
    pub line: String,
    /// The status of the answer; `None` where the connection was closed without one.
    pub status: Option<u16>,
    /// Who ended it.
    pub end: EndedBy,
    /// The rules that matched, with what they say of themselves.
    pub rules: BTreeMap<String, String>,
}

/// Where the requests go.
struct AttackTarget {
    address: SocketAddr,
    kind: BalancerKind,
    /// Where the firewall writes what its rules find.
    log: PathBuf,
}

impl Cluster {
    /// The cluster of this user that listens there. `name` is looked at first.
    ///
    /// # Errors
    /// [`Stop::Usage`] when there is none: nobody else is attacked.
    pub fn find_at(url: &str, name: &str, reporter: Reporter) -> anyhow::Result<Self> {
        let folder = ClusterFolder::open(name)?;
        let own = folder.settings()?.map(|settings| settings.name);
        let names = own.into_iter().chain(folder.other_settings().into_iter().map(|settings| settings.name));
        let clusters = names.filter_map(|name| Self::find(&name, reporter).ok()).collect::<Vec<_>>();
        let known: Vec<String> = clusters.iter().map(Self::target).collect();
        clusters.into_iter().find(|cluster| cluster.target() == url.trim_end_matches('/')).with_context(|| {
            let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
            Stop::usage(format!(
                "attacks go to clusters of your own on this machine, and nowhere else: {url} is none of them ({known})"
            ))
        })
    }

    /// Sends the lists to the cluster's balancer, one request after the other.
    ///
    /// # Errors
    /// When the cluster is not one of this machine alone, a list is wrong, or the balancer does not answer.
    pub fn attack(&self, lists: &Lists) -> anyhow::Result<AttackReport> {
        let target = self.attacked()?;
        let host = target.address.to_string();
        let read = |file: &Option<PathBuf>, own: &'static str| match file {
            None => list::parse(own, &host),
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                list::parse(&text, &host).with_context(|| path.display().to_string())
            }
        };
        let evasions = if lists.attacks.is_none() { read(&None, EVASIONS)? } else { Vec::new() };
        let send = |probes: Vec<AttackRequest>| {
            probes.into_iter().map(|probe| target.outcome(probe)).collect::<Result<_, _>>()
        };
        Ok(AttackReport {
            target: self.target(),
            attacks: send(read(&lists.attacks, ATTACKS)?)?,
            evasions: send(evasions)?,
            honest: send(read(&lists.honest, HONEST)?)?,
        })
    }

    /// Its balancer, if that and all nodes behind it are on this machine.
    fn attacked(&self) -> anyhow::Result<AttackTarget> {
        let name = &self.settings.name;
        self.must_have_balancer("there is nothing before the node that could refuse an attack")?;
        let kind = self.settings.balancer.context("it has a balancer")?;
        let ours =
            format!("attacks go to clusters of your own on this machine, over its loopback, and nowhere else: {name}");
        let address = (self.settings.bind.reachable_host(), self.settings.port);
        let address = format!("{}:{}", address.0, address.1).to_socket_addrs()?.next().context("it has no address")?;
        ensure!(address.ip().is_loopback(), Stop::usage(format!("{ours} listens on {address}")));
        for node in self.folder.nodes() {
            let node = self.folder.node_address(&node);
            let is_here = node.to_socket_addrs().is_ok_and(|mut found| found.all(|address| address.ip().is_loopback()));
            ensure!(is_here, Stop::usage(format!("{ours} has a node on {node}")));
        }
        Ok(AttackTarget { address, kind, log: self.folder.balancer().join("firewall") })
    }
}

impl AttackTarget {
    /// Sends all requests of a line. Of several, the first that was refused counts.
    fn outcome(&self, probe: AttackRequest) -> anyhow::Result<AttackOutcome> {
        let mut ends = Vec::with_capacity(probe.requests.len());
        for request in &probe.requests {
            let before = length(&self.log);
            let answer = AttackAnswer::parse(&self.send(request)?);
            ensure!(
                answer.by_node || !matches!(answer.status, Some(429 | 502..=504)),
                "the balancer answered {}: for this it needs a node that is up, and no limit of requests",
                answer.status.unwrap_or_default()
            );
            let rules = verdict::rules(&since(&self.log, before));
            ends.push((answer.status, verdict::end(&answer, &rules, self.kind), rules));
        }
        let at = ends.iter().position(|(_, end, _)| *end != EndedBy::Node).unwrap_or_default();
        let (status, end, rules) = ends.swap_remove(at);
        Ok(AttackOutcome { kind: probe.kind, line: probe.line, status, end, rules: verdict::telling(rules) })
    }

    /// A connection of its own for each: what is left of a broken request is nobody's next one.
    fn send(&self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let connect = || -> std::io::Result<TcpStream> {
            let stream = TcpStream::connect_timeout(&self.address, LIMIT)?;
            stream.set_read_timeout(Some(LIMIT))?;
            stream.set_write_timeout(Some(LIMIT))?;
            Ok(stream)
        };
        let mut stream = connect().with_context(|| format!("the balancer does not answer on {}", self.address))?;
        let mut answer = Vec::new();
        // Who is refused early may be cut off while it still sends, or waits for more.
        let _ = stream.write_all(request);
        let _ = stream.take(MOST_BYTES).read_to_end(&mut answer);
        Ok(answer)
    }
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |facts| facts.len())
}

/// What was written there since; nothing where there is no such file.
fn since(file: &Path, before: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(file)?;
        file.seek(SeekFrom::Start(before))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

impl AttackReport {
    /// Every line and the sums, for a person.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.target);
        for (title, outcomes) in
            [("Attacks", &self.attacks), ("Evasions", &self.evasions), ("Honest requests", &self.honest)]
        {
            if outcomes.is_empty() {
                continue;
            }
            text.push_str(&format!(
                "\n{title}\n  {:<10} {:<6} {:<17} {:<22} request\n",
                "kind", "status", "refused by", "rules"
            ));
            for outcome in outcomes {
                text.push_str(&outcome.line());
            }
        }
        text.push_str(&format!("\n{}", sums("attacks", &self.attacks)));
        if !self.evasions.is_empty() {
            text.push_str(&sums("evasions", &self.evasions));
        }
        text.push_str(&sums("honest requests", &self.honest));
        text
    }
}

impl AttackOutcome {
    fn line(&self) -> String {
        let status = self.status.map_or_else(|| "closed".to_owned(), |status| status.to_string());
        let rules: Vec<&str> = self.rules.keys().map(String::as_str).collect();
        let mut rules =
            rules.iter().take(3).copied().collect::<Vec<_>>().join(" ") + if rules.len() > 3 { " …" } else { "" };
        if rules.is_empty() {
            rules.push('-');
        }
        let mut request: String = self.line.chars().take(70).collect();
        if request.len() < self.line.len() {
            request.push('…');
        }
        format!("  {:<10} {status:<6} {:<17} {rules:<22} {request}\n", self.kind, self.end.words())
    }
}

/// `attacks: 35 of 35 refused (the rules 31, the engine 1, nginx itself 3)`.
fn sums(what: &str, outcomes: &[AttackOutcome]) -> String {
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.end != EndedBy::Node) {
        *by.entry(outcome.end.words()).or_default() += 1;
    }
    let refused = outcomes.iter().filter(|outcome| outcome.end.is_refused()).count();
    let by: Vec<String> = by.iter().map(|(who, count)| format!("{who} {count}")).collect();
    let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
    format!("{what}: {refused} of {} refused{by}\n", outcomes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(end: EndedBy, rules: &[&str]) -> AttackOutcome {
        let rules = rules.iter().map(|rule| ((*rule).to_owned(), String::new())).collect();
        AttackOutcome { kind: "sqli".to_owned(), line: "GET /ñ".repeat(20), status: Some(403), end, rules }
    }

    #[test]
    fn the_sums_say_who_refused() {
        let outcomes = [
            outcome(EndedBy::Rules, &[]),
            outcome(EndedBy::Balancer(BalancerKind::Nginx), &[]),
            outcome(EndedBy::Node, &[]),
        ];
        assert_eq!(sums("attacks", &outcomes), "attacks: 2 of 3 refused (nginx itself 1, the rules 1)\n");
        assert_eq!(sums("attacks", &outcomes[2..]), "attacks: 0 of 1 refused\n");
        let detected = sums("attacks", &[outcome(EndedBy::Detected, &[])]);
        assert_eq!(detected, "attacks: 0 of 1 refused (nobody (detected) 1)\n");
    }

    #[test]
    fn a_line_is_as_long_as_a_terminal_is_wide() {
        let line = outcome(EndedBy::Rules, &["1", "2", "3", "4"]).line();
        assert!(line.contains(" 1 2 3 … ") && line.ends_with("…\n"), "{line}");
        assert!(outcome(EndedBy::Node, &[]).line().contains(" - "));
    }
}
