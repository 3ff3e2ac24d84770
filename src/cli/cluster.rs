//! `webapp cluster`: nodes behind a balancer, on this machine.

mod up;
mod values;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use super::Exit;
use crate::cluster::balancer::BalancerKind;
use crate::cluster::contract::Topology;
use crate::cluster::describe::{Description, RealMachine};
use crate::cluster::reporter::Reporter;
use crate::cluster::settings::UpRequest;
use crate::cluster::{self, Cluster, Launch, Stop};
use up::Up;
use values::{backend, count, machine, name, named_address, named_process, servers, units};

/// Runs nodes, each under its own CPU quota, behind a real HAProxy or nginx.
///
/// The answer goes to stdout: a table on a terminal, else one line of JSON. What is done goes to stderr. State lives in
/// $WEBAPP_STATE_DIR, else $XDG_RUNTIME_DIR/webapp-UID, else /tmp/webapp-UID. The node is the program that WEBAPP_BIN names,
/// else this one.
///
/// Example: webapp cluster up --nodes 4 && curl http://127.0.0.1:8080/whoami; webapp cluster down
#[derive(clap::Args)]
#[command(disable_help_subcommand = true)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    /// Name of the cluster; clusters of different names run side by side.
    #[arg(long, global = true, default_value = "webapp", value_parser = name)]
    name: String,
    /// Say only what goes wrong.
    #[arg(long, global = true)]
    quiet: bool,
    /// The answer as one line of JSON, as a program gets it, on a terminal too.
    #[arg(long, global = true)]
    json: bool,
    /// Print which programs `up` would need and this machine lacks, each with its package, and do nothing.
    #[arg(long, global = true, hide = true)]
    print_missing: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Start the cluster; run again, it brings back what died.
    Up(Box<Up>),
    /// Show nodes, balancer and stores, and whether they are up.
    Status,
    /// Change the number of units, live: nodes come and go without a lost request; a vertical cluster gets another quota.
    Scale {
        /// How many units the cluster shall have.
        #[arg(value_parser = units())]
        units: u32,
        /// Give every node this quota as well, in percent of one core.
        #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=6400))]
        unit_cpu: Option<u32>,
        /// How many machines there shall be, where the nodes stand on machines.
        #[arg(long, value_name = "N", value_parser = units())]
        machines: Option<u32>,
    },
    /// Change the nodes of a balancer of `up --backend`, live: those that go finish what they have.
    Backends {
        /// All nodes that it shall have, with commas.
        #[arg(value_name = "HOST:PORT,…", value_delimiter = ',', value_parser = backend, required = true)]
        addresses: Vec<String>,
    },
    /// End a node or a store with kill -9, as an accident would.
    Kill {
        #[allow(missing_docs)]
        node: String,
    },
    /// Send a node no more requests; returns when it has none left.
    Drain {
        #[allow(missing_docs)]
        node: String,
    },
    /// Make a replica of the store the primary: after the primary's death, or on purpose. Says what is lost.
    Promote {
        /// Its name, such as store2.
        store: String,
    },
    /// Change the number of shards of the store, live: only the rows whose shard changes move, about 1 in N where the Nth one comes.
    /// No write waits and none is lost: a row moves in one step, and the nodes look for it where it was, then where it goes to. Says
    /// which share moved, and how long it took. What breaks off goes on when it is run again.
    Reshard {
        /// How many shards the store shall have.
        #[arg(value_parser = servers())]
        shards: u32,
    },
    /// Bring a node back after kill or drain, or a store after kill.
    Start {
        #[allow(missing_docs)]
        node: String,
    },
    /// Restart all nodes, one after the other, without a lost request.
    RollingRestart,
    /// Show the end of what nodes, balancer and stores wrote.
    Logs {
        /// Only of this one: node2, balancer, store1.
        which: Option<String>,
        /// Go on showing what comes.
        #[arg(long)]
        follow: bool,
        /// How many lines of each.
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = count())]
        lines: u32,
    },
    /// Show the balancer's configuration.
    Config,
    /// Send attacks, disguised ones and honest texts to the balancer, and show what was refused by whom, and what wrongly.
    Attack {
        /// The cluster's own address, if it shall be said; any other is refused.
        url: Option<String>,
        /// Attacks of your own; src/cluster/attack/attacks.txt shows the form.
        #[arg(long, value_name = "FILE")]
        attacks: Option<PathBuf>,
        /// Honest texts of your own.
        #[arg(long, value_name = "FILE")]
        honest: Option<PathBuf>,
    },
    /// End the cluster, and leave nothing behind.
    Down,
    /// Print the answer of a driver for a cluster that somebody else made.
    #[command(hide = true)]
    Describe(Describe),
    /// Lead a session, write down who that is, enter a control group, and become a program.
    #[command(hide = true)]
    Launch {
        #[arg(long)]
        record: PathBuf,
        #[arg(long)]
        group: Option<PathBuf>,
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

/// What a driver knows of its cluster.
#[derive(clap::Args)]
struct Describe {
    #[arg(long)]
    topology: Topology,
    #[arg(long, value_parser = units())]
    units: u32,
    /// Without it, there is no quota.
    #[arg(long, value_parser = count())]
    unit_cpu: Option<u32>,
    #[arg(long)]
    mechanism: String,
    #[arg(long)]
    target: String,
    /// NAME=HOST:PORT, once for each node.
    #[arg(long, required = true, value_parser = named_address)]
    node: Vec<(String, String)>,
    #[arg(long, requires = "balancer_version")]
    balancer: Option<BalancerKind>,
    #[arg(long)]
    balancer_version: Option<String>,
    #[arg(long, requires = "balancer")]
    balancer_pid: Option<u32>,
    /// NAME=PROCESS of a node, where that is on this machine.
    #[arg(long, value_parser = named_process)]
    pid: Vec<(String, u32)>,
    /// NAME=UNITS:NODE,…, once for each machine under the nodes.
    #[arg(long, value_parser = machine)]
    machine: Vec<RealMachine>,
    /// Ask every node whether it is ready.
    #[arg(long)]
    ask: bool,
}

impl Describe {
    fn answer(self, name: String) -> anyhow::Result<String> {
        let Self {
            topology, units, unit_cpu, mechanism, target, node: nodes, pid, balancer, machine: machines, ..
        } = self;
        let balancer = balancer.zip(self.balancer_version).map(|(kind, version)| (kind, version, self.balancer_pid));
        let pids = pid.into_iter().collect();
        let ask = self.ask;
        let description =
            Description { name, topology, units, unit_cpu, mechanism, target, nodes, pids, balancer, machines };
        Ok(serde_json::to_string(&description.answer(ask))? + "\n")
    }
}

/// Carries the command out, and prints its answer.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    match carry_out(args) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => match error.downcast_ref::<Stop>() {
            Some(Stop::Usage(text)) => {
                clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{text}\n")).exit()
            }
            Some(Stop::Signal(number)) => std::process::exit(128 + number),
            None => Err(error),
        },
    }
}

fn carry_out(args: Args) -> anyhow::Result<()> {
    let Args { command, name, quiet, json, print_missing } = args;
    let reporter = Reporter { quiet };
    let change = || Cluster::find_to_change(&name, reporter);
    // The lock is held until the answer is printed.
    let (cluster, ask, _lock) = match command {
        Command::Up(up) if print_missing => return print_what_is_missing(&up.request()?),
        _ if print_missing => return Ok(()),
        Command::Up(up) => (cluster::up(&name, &up.request()?, reporter)?, false, None),
        Command::Status => (Cluster::find(&name, reporter)?, true, None),
        Command::Scale { units, unit_cpu, machines } => {
            let (mut cluster, lock) = change()?;
            cluster.scale(units, unit_cpu, machines)?;
            (cluster, true, Some(lock))
        }
        Command::Backends { addresses } => {
            let (mut cluster, lock) = change()?;
            cluster.backends(&addresses)?;
            (cluster, true, Some(lock))
        }
        Command::Kill { node } => changed(change()?, |cluster| cluster.kill(&node))?,
        Command::Drain { node } => changed(change()?, |cluster| cluster.drain(&node))?,
        Command::Promote { store } => {
            let (mut cluster, lock) = change()?;
            cluster.promote(&store)?;
            (cluster, true, Some(lock))
        }
        Command::Reshard { shards } => {
            let (mut cluster, lock) = change()?;
            cluster.reshard(shards)?;
            (cluster, true, Some(lock))
        }
        Command::Start { node } => changed(change()?, |cluster| cluster.start(&node))?,
        Command::RollingRestart => changed(change()?, Cluster::rolling_restart)?,
        Command::Logs { which, follow, lines } => {
            return Cluster::find(&name, reporter)?.show_logs(which.as_deref(), follow, lines);
        }
        Command::Config => return print(&Cluster::find(&name, reporter)?.config()?),
        Command::Attack { url, attacks, honest } => {
            let cluster = match url {
                Some(url) => Cluster::find_at(&url, &name, reporter)?,
                None => Cluster::find(&name, reporter)?,
            };
            let report = cluster.attack(&cluster::attack::Lists { attacks, honest })?;
            return print(&if json { serde_json::to_string(&report)? + "\n" } else { report.text() });
        }
        Command::Down => return cluster::down(&name, reporter),
        Command::Describe(describe) => return print(&describe.answer(name)?),
        Command::Launch { record, group, command } => {
            let never = (Launch { record, group, folder: None, command }).become_program()?;
            match never {}
        }
    };
    if std::io::stdout().is_terminal() && !json {
        print(&cluster.table())
    } else {
        print(&(serde_json::to_string(&cluster.answer(ask))? + "\n"))
    }
}

type Changed = (Cluster, bool, Option<cluster::state::Lock>);

fn changed(
    (cluster, lock): (Cluster, cluster::state::Lock),
    change: impl FnOnce(&Cluster) -> anyhow::Result<()>,
) -> anyhow::Result<Changed> {
    change(&cluster)?;
    Ok((cluster, true, Some(lock)))
}

fn print_what_is_missing(request: &UpRequest) -> anyhow::Result<()> {
    let lines = cluster::missing(request).into_iter().map(|needed| format!("{} {}\n", needed.program, needed.package));
    print(&lines.collect::<String>())
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn up(words: &str) -> Result<UpRequest, clap::Error> {
        let line = Line::try_parse_from(["cluster", "up"].into_iter().chain(words.split_whitespace()))?;
        match line.args.command {
            Command::Up(up) => Ok(up.request().unwrap()),
            _ => panic!("not up"),
        }
    }

    #[test]
    fn options_become_a_request() {
        let request =
            up("--nodes=3 --unit-cpu none --bind :: --backend a:1,b:2 --balancer nginx -- --workers 2").unwrap();
        assert_eq!(
            (request.nodes, request.unit_cpu, request.balancer),
            (Some(3), Some(None), Some(BalancerKind::Nginx))
        );
        assert_eq!(request.backend.unwrap(), ["a:1", "b:2"]);
        assert_eq!(request.bind.unwrap().reachable_host(), "[::1]");
        assert_eq!(request.node_arguments, ["--workers", "2"]);
    }

    #[test]
    fn what_is_wrong_by_its_words_alone() {
        for words in [
            "now",
            "--nodes 0",
            "--nodes 65",
            "--nodes two",
            "--unit-cpu 25%",
            "--unit-cpu 0",
            "--backend nowhere",
            "--backend h:0",
            "--bind localhost",
            "--port 70000",
            "--name ../etc",
            "--name -x",
            "--balancer apache",
            "--limit-requests -1",
        ] {
            assert!(up(words).is_err(), "{words}");
        }
    }
}
