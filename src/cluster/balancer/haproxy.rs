//! HAProxy in front of the nodes. Needs 2.6 or newer: from there on a server that is added at run time may have health checks
//! and a slow start, and may be deleted again.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Serialize;

use super::haproxy_socket::{self, Statistics};
use super::{Balancer, Facts, NodeShare, SOURCE, Site, has_user, most_connections, render};
use crate::cluster::program::{self, Needed};
use crate::cluster::reporter::command_name;

/// The configuration.
const TEMPLATE: &str = include_str!("haproxy.cfg");
const OLDEST: &str = "2.6";
/// How long health checks may take to see a node, and a slow start may last.
const CHECK_LIMIT: Duration = Duration::from_secs(15);
const SLOW_START_LIMIT: Duration = Duration::from_secs(10);

/// See [`super::BalancerKind::Haproxy`].
pub struct Haproxy;

#[derive(Serialize)]
struct HaproxyData {
    #[serde(flatten)]
    facts: Facts,
    bind: String,
    most_connections: u64,
    as_user: Option<&'static str>,
    has_prometheus: bool,
    server_options: String,
}

/// Settings of every server line. `add server` knows nothing of default-server: both must say the same.
/// The weight is the same for all; as 100 instead of 1, `show stat` can tell how far a slow start has come.
fn server_options(site: &Site<'_>) -> String {
    let mut options = format!(
        "weight 100 check inter 1s fastinter 250ms downinter 500ms fall 2 rise 2 observe layer4 error-limit 5 slowstart 3s maxconn {}",
        site.settings.maxconn
    );
    if site.settings.nodes_are_local() {
        options.push_str(&format!(" source {SOURCE}"));
    }
    options
}

fn haproxy(argument: &str) -> anyhow::Result<String> {
    let program = Haproxy.needed().find()?;
    Ok(program::words(&program::output(Command::new(program).arg(argument))?))
}

impl Balancer for Haproxy {
    fn needed(&self) -> Needed {
        Needed { program: "haproxy", package: "haproxy" }
    }

    fn version(&self) -> anyhow::Result<String> {
        program::version_in(&haproxy("-v")?).context("haproxy -v names no version")
    }

    fn require(&self) -> anyhow::Result<()> {
        let version = self.version()?;
        ensure!(program::is_at_least(&version, OLDEST), "HAProxy {version} is too old: this needs {OLDEST} or newer");
        Ok(())
    }

    fn config_file(&self) -> &'static str {
        "haproxy.cfg"
    }

    fn config(&self, site: &Site<'_>) -> anyhow::Result<String> {
        let data = HaproxyData {
            facts: site.facts(),
            bind: site.settings.bind.to_string(),
            most_connections: most_connections(),
            as_user: (rustix::process::geteuid().is_root() && has_user("haproxy")).then_some("haproxy"),
            has_prometheus: haproxy("-vv")?.contains("prometheus-exporter"),
            server_options: server_options(site),
        };
        render(TEMPLATE, &data)
    }

    fn objections(&self, folder: &Path, file: &Path) -> anyhow::Result<String> {
        let mut check = Command::new(self.needed().find()?);
        let output = program::output(check.current_dir(folder).arg("-c").arg("-f").arg(file))?;
        let words = program::words(&output);
        ensure!(output.status.success(), "HAProxy refuses the configuration {}:\n{words}", file.display());
        let counts = |line: &&str| {
            let line = line.to_lowercase();
            line.contains("warning") || line.contains("alert")
        };
        Ok(words.lines().filter(counts).collect::<Vec<_>>().join("\n"))
    }

    fn command(&self, site: &Site<'_>) -> Vec<String> {
        let program = program::find("haproxy").unwrap_or_else(|| "haproxy".into());
        // Descriptor 3 is the log: HAProxy closes the standard ones.
        // -db: stay one process in the foreground; whoever started it has detached it already.
        // -q: once it runs, it says what happens by its log alone, and not a second time, without the time, on stderr.
        let shell = ["/bin/sh", "-c", r#"exec "$@" 3>&1"#, "sh"];
        let words = [program.display().to_string(), "-q".to_owned(), "-db".to_owned(), "-f".to_owned()];
        let config = site.config_path(self).display().to_string();
        shell.map(str::to_owned).into_iter().chain(words).chain([config]).collect()
    }

    fn answers(&self, site: &Site<'_>) -> bool {
        haproxy_socket::ask(&site.directory(), "show info").is_ok_and(|answer| answer.contains("Name:"))
    }

    fn add(&self, site: &Site<'_>, nodes: &[String]) -> anyhow::Result<()> {
        for node in nodes {
            let address = site.folder.node_address(node);
            let add = format!("add server nodes/{node} {address} {}", server_options(site));
            tell(site, &add, Some("registered"))?;
            tell(site, &format!("enable health nodes/{node}"), None)?;
            tell(site, &format!("enable server nodes/{node}"), None)?;
        }
        if site.settings.sticky {
            // The cookies are made from this key when it is set: those of the servers before stay as they are, and the new ones get theirs.
            tell(site, &format!("set dynamic-cookie-key backend nodes {}", site.settings.name), None)?;
        }
        // In its slow start a node takes a growing share already. Nothing is taken away for it, so nobody waits for its end:
        // an autoscaler that did would see the next rise of the load three seconds late.
        wait_until_up(site, nodes)?;
        // The file says what the process does, so that a start would change nothing.
        site.write_config(self)
    }

    fn drain(&self, site: &Site<'_>, nodes: &[String]) -> anyhow::Result<()> {
        for node in nodes {
            tell(site, &format!("set server nodes/{node} state drain"), None)?;
        }
        for node in nodes {
            let idle = |at: &Statistics| ["scur", "qcur"].iter().all(|column| at.field(node, column) == Some("0"));
            if !wait_for(site, site.drain_limit(), idle)? {
                let seconds = site.settings.drain_timeout;
                site.reporter.warn(format_args!("{node} still has requests after {seconds} seconds"));
            }
        }
        site.write_config(self)
    }

    fn readmit(&self, site: &Site<'_>, nodes: &[String]) -> anyhow::Result<()> {
        for node in nodes {
            // While it drained, the checks went on: wait until they have seen the new process.
            let is_healthy = |at: &Statistics| {
                at.field(node, "check_status") == Some("L7OK")
                    && at.field(node, "status").is_some_and(|status| !status.starts_with("DOWN"))
            };
            let seen = wait_for(site, CHECK_LIMIT, is_healthy)?;
            ensure!(seen, "{node} answers, but HAProxy's health checks do not see it");
            tell(site, &format!("set server nodes/{node} state ready"), None)?;
        }
        self.wait_for(site, nodes)?;
        site.write_config(self)
    }

    /// Health checks have let them in, and their slow start is over. A caller that went on before would take the next node
    /// from a cluster that is not whole yet.
    fn wait_for(&self, site: &Site<'_>, nodes: &[String]) -> anyhow::Result<()> {
        wait_until_up(site, nodes)?;
        for node in nodes {
            if !wait_for(site, SLOW_START_LIMIT, |at| at.field(node, "weight") == at.field(node, "uweight"))? {
                site.reporter.warn(format_args!("{node} is still in its slow start"));
            }
        }
        Ok(())
    }

    /// HAProxy keeps a server as long as a connection to it is open.
    fn delete(&self, site: &Site<'_>, nodes: &[String]) -> anyhow::Result<()> {
        for node in nodes {
            tell(site, &format!("set server nodes/{node} state maint"), None)?;
            let delete = format!("del server nodes/{node}");
            site.reporter.step(format_args!("haproxy.sock: {delete}"));
            let mut answer = String::new();
            let deleted = site.interrupt.wait(CHECK_LIMIT, || {
                answer = haproxy_socket::ask(&site.directory(), &delete).unwrap_or_default();
                answer.contains("eleted")
            })?;
            ensure!(deleted, "HAProxy does not let go of {node}: {}", answer.trim());
        }
        Ok(())
    }

    /// A slow start is a share of the full weight.
    fn shares(&self, site: &Site<'_>) -> Vec<NodeShare> {
        let statistics = statistics(site);
        let share = |node: &str| {
            let number = |column: &str| statistics.field(node, column).and_then(|text| text.parse::<u64>().ok());
            let status = statistics.field(node, "status").unwrap_or_default().replace(' ', "-");
            let state = match (number("weight"), number("uweight")) {
                (Some(weight), Some(full)) if status == "UP" && weight < full => format!("UP-{}%", 100 * weight / full),
                _ => status,
            };
            NodeShare { node: node.to_owned(), state, requests: number("stot").unwrap_or_default() }
        };
        statistics.servers().map(share).collect()
    }
}

/// One command; its answer must be empty, or contain what is expected.
fn tell(site: &Site<'_>, command: &str, expected: Option<&str>) -> anyhow::Result<()> {
    site.reporter.step(format_args!("haproxy.sock: {command}"));
    let answer = haproxy_socket::ask(&site.directory(), command)
        .with_context(|| format!("HAProxy's runtime interface does not answer: {command}"))?;
    let answer = answer.trim();
    let fine = answer.is_empty() || expected.is_some_and(|expected| answer.contains(expected));
    ensure!(fine, "HAProxy refused '{command}': {answer}");
    Ok(())
}

fn statistics(site: &Site<'_>) -> Statistics {
    Statistics::parse(&haproxy_socket::ask(&site.directory(), "show stat").unwrap_or_default(), "nodes")
}

/// Health checks have let them in.
fn wait_until_up(site: &Site<'_>, nodes: &[String]) -> anyhow::Result<()> {
    for node in nodes {
        if !wait_for(site, CHECK_LIMIT, |at| at.field(node, "status") == Some("UP"))? {
            let (command, name) = (command_name(), &site.settings.name);
            bail!("{node} runs, but does not come up in HAProxy; {command} logs balancer --name {name}");
        }
    }
    Ok(())
}

/// Until `show stat` says so.
fn wait_for(site: &Site<'_>, limit: Duration, done: impl Fn(&Statistics) -> bool) -> anyhow::Result<bool> {
    Ok(site.interrupt.wait(limit, || done(&statistics(site)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(change: impl FnOnce(&mut HaproxyData)) -> String {
        let mut data = HaproxyData {
            facts: super::super::tests::facts(),
            bind: "*".to_owned(),
            most_connections: 100,
            as_user: None,
            has_prometheus: true,
            server_options: "weight 100".to_owned(),
        };
        change(&mut data);
        render(TEMPLATE, &data).unwrap()
    }

    #[test]
    fn the_configuration_with_every_option() {
        let text = rendered(|_| ());
        for line in [
            "    server node1 127.0.0.1:1false\n    server node2 127.0.0.1:1true disabled\n",
            "    balance leastconn\n",
            "    bind *:8080\n",
            "\ncache edge\n    total-max-size 64\n    max-object-size 1000000\n    max-age 60\n",
            "    http-response cache-store edge if { var(txn.edge) -m bool }\n",
            "    bind *:8443 ssl crt /x/server.pem alpn h2,http/1.1\n",
            "if { sc_http_req_rate(0) gt 50 }\n",
            "if { sc_conn_cur(0) gt 3 }\n",
            "    http-request use-service prometheus-exporter if { path /metrics }\n    stats enable\n",
            "%[req.hdr(host),field(1,:)]:8443%[capture.req.uri] code 308 unless { ssl_fc }\n",
            "    default-server weight 100\n",
            "    http-request set-var(txn.asked) url,url_dec(1)\n",
            "    http-error status 403 content-type application/problem+json ",
            "    cookie webapp_node insert indirect nocache httponly dynamic attr \"SameSite=Lax\"\n",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        assert!(text.ends_with("disabled\n"), "no empty lines at the end");
    }

    #[test]
    fn the_configuration_with_few_options() {
        let text = rendered(|data| {
            data.facts.tls = None;
            data.facts.local_nodes = false;
            (data.facts.limit_requests, data.facts.limit_connections) = (None, None);
            data.facts.sticky = false;
            data.facts.waf = false;
            data.facts.edge_cache = None;
            data.has_prometheus = false;
            data.as_user = Some("haproxy");
        });
        for words in ["ssl crt", "cache edge", "cache-use", "stick-table", "prometheus", "308", "cookie", "403", "{%"] {
            assert!(!text.contains(words), "{words} in\n{text}");
        }
        assert!(text.contains("    user haproxy\n    group haproxy\n") && text.contains("    option srvtcpka\n"));
    }
}
