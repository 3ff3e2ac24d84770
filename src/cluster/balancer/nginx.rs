//! nginx in front of the nodes. Whatever changes is written, tested (nginx -t) and taken over by a graceful reload:
//! new workers start with the new configuration, the old ones finish the requests they have.

use std::collections::HashSet;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::Signal;
use serde::Serialize;

use super::{Balancer, Facts, NodeShare, Site, has_user, most_connections, render};
use crate::cluster::bind::Bind;
use crate::cluster::process::ProcessRecord;
use crate::cluster::program::{self, Needed};
use crate::cluster::ready;
use crate::cluster::waf::{self, Waf};
use crate::kernel::Root;
use crate::kernel::tcp_table::{self, TcpState};

/// The configuration.
const TEMPLATE: &str = include_str!("nginx.conf");
/// The rules of its firewall.
const WAF_TEMPLATE: &str = include_str!("modsecurity.conf");
const WAF_FILE: &str = "modsecurity.conf";
/// From this version on HTTP/2 is a directive of its own, and as a word of `listen` a warning.
const HTTP2_DIRECTIVE: &str = "1.25.1";
/// How long a client that is connected may take until it has got the answer that ends its connection. Who stays longer asks
/// nothing, or waits for a long answer.
const CLOSING_LIMIT: Duration = Duration::from_secs(2);
const CLOSING_LEAST: Duration = Duration::from_millis(100);
const RELOAD_LIMIT: Duration = Duration::from_secs(15);

/// See [`super::BalancerKind::Nginx`].
pub struct Nginx;

#[derive(Serialize)]
struct NginxData {
    #[serde(flatten)]
    facts: Facts,
    /// In front of a port, in `listen`.
    address: String,
    worker_connections: u64,
    as_user: Option<&'static str>,
    http2_directive: bool,
    waf_module: &'static str,
    waf_rules: String,
}

/// What the template of the firewall needs to know.
#[derive(Serialize)]
struct WafData<'a> {
    name: &'a str,
    detect: bool,
}

/// What `listen` takes in front of the port.
fn address(bind: Bind) -> String {
    match bind {
        Bind::All => String::new(),
        Bind::Address(IpAddr::V4(address)) => format!("{address}:"),
        Bind::Address(IpAddr::V6(address)) => format!("[{address}]:"),
    }
}

/// www-data is Debian's, nginx the one of nginx.org's packages.
fn user() -> anyhow::Result<&'static str> {
    ["www-data", "nginx", "nobody"]
        .into_iter()
        .find(|name| has_user(name))
        .context("there is none of the users www-data, nginx, nobody to run nginx as")
}

impl Balancer for Nginx {
    fn needed(&self) -> Needed {
        Needed { program: "nginx", package: "nginx-light" }
    }

    fn version(&self) -> anyhow::Result<String> {
        let output = program::output(Command::new(self.needed().find()?).arg("-v"))?;
        program::version_in(&program::words(&output)).context("nginx -v names no version")
    }

    fn require(&self) -> anyhow::Result<()> {
        self.needed().find().map(|_| ())
    }

    fn config_file(&self) -> &'static str {
        "nginx.conf"
    }

    fn config(&self, site: &Site<'_>) -> anyhow::Result<String> {
        let data = NginxData {
            facts: site.facts(),
            address: address(site.settings.bind),
            worker_connections: most_connections() * 2,
            as_user: if rustix::process::geteuid().is_root() { Some(user()?) } else { None },
            http2_directive: program::is_at_least(&self.version()?, HTTP2_DIRECTIVE),
            waf_module: waf::NGINX_MODULE,
            waf_rules: site.directory().join(WAF_FILE).display().to_string(),
        };
        render(TEMPLATE, &data)
    }

    fn further_files(&self, site: &Site<'_>) -> anyhow::Result<Vec<(&'static str, String)>> {
        let Some(waf) = site.settings.waf else { return Ok(Vec::new()) };
        let data = WafData { name: &site.settings.name, detect: waf == Waf::Detect };
        Ok(vec![(WAF_FILE, render(WAF_TEMPLATE, &data)?)])
    }

    fn objections(&self, folder: &Path, file: &Path) -> anyhow::Result<String> {
        let mut check = Command::new(self.needed().find()?);
        let output = program::output(check.args(["-t", "-q", "-e", "stderr", "-p"]).arg(folder).arg("-c").arg(file))?;
        let words = program::words(&output);
        ensure!(output.status.success(), "nginx refuses the configuration {}:\n{words}", file.display());
        // The firewall's module tells how many rules it has read.
        Ok(words.lines().filter(|line| !line.contains("[notice]")).collect::<Vec<_>>().join("\n"))
    }

    fn command(&self, site: &Site<'_>) -> Vec<String> {
        let program = program::find("nginx").unwrap_or_else(|| "nginx".into());
        let config = site.config_path(self).display().to_string();
        // It runs in its folder: by that name its workers, who are another user, reach files there through whatever lies above.
        [&program.display().to_string(), "-p", ".", "-e", "log", "-c", &config].map(str::to_owned).to_vec()
    }

    fn prepare(&self, site: &Site<'_>) -> anyhow::Result<()> {
        stop_closing(site);
        // Its workers look for the file "closing" here, as another user; this folder is where they are, so nothing above need
        // be open to them.
        fs::set_permissions(site.directory(), fs::Permissions::from_mode(0o711))
            .context("cannot open the folder to nginx")
    }

    fn answers(&self, site: &Site<'_>) -> bool {
        site.process().is_some() && ready::status(&format!("127.0.0.1:{}", site.settings.stats_port), "/") == Some(200)
    }

    fn add(&self, site: &Site<'_>, _nodes: &[String]) -> anyhow::Result<()> {
        reload(site).map(|_| ())
    }

    fn drain(&self, site: &Site<'_>, _nodes: &[String]) -> anyhow::Result<()> {
        // The workers from before the reload finish their last request and end.
        let old = reload(site)?;
        let settled = site.interrupt.wait(site.drain_limit(), || old.iter().all(|worker| !worker.is_alive()))?;
        if !settled {
            let seconds = site.settings.drain_timeout;
            site.reporter.warn(format_args!("requests are still in flight after {seconds} seconds"));
        }
        Ok(())
    }

    fn readmit(&self, site: &Site<'_>, _nodes: &[String]) -> anyhow::Result<()> {
        reload(site).map(|_| ())
    }

    /// nginx tries a node again by itself, two seconds after its last failure.
    fn wait_for(&self, _site: &Site<'_>, _nodes: &[String]) -> anyhow::Result<()> {
        Ok(())
    }

    /// The drain has marked the nodes `down` already; without their lines the file means the same.
    fn delete(&self, _site: &Site<'_>, _nodes: &[String]) -> anyhow::Result<()> {
        Ok(())
    }

    /// `stub_status` knows no nodes.
    fn shares(&self, _site: &Site<'_>) -> Vec<NodeShare> {
        Vec::new()
    }
}

fn stop_closing(site: &Site<'_>) {
    let _ = fs::remove_file(site.directory().join("closing"));
}

/// Returns when only workers with the new configuration take connections; gives those from before.
fn reload(site: &Site<'_>) -> anyhow::Result<Vec<ProcessRecord>> {
    site.write_config(&Nginx)?;
    let old = workers(site);
    // See @closing in the configuration: who is connected now gets one more answer, and with it the end of the connection.
    fs::write(site.directory().join("closing"), "").context("cannot write the file closing")?;
    let taken_over = take_over(site, &old);
    stop_closing(site);
    taken_over?;
    let numbers = |workers: &[ProcessRecord]| -> String {
        workers.iter().map(|worker| worker.pid().to_string()).collect::<Vec<_>>().join(" ")
    };
    site.reporter.step(format_args!(
        "nginx: configuration written, tested (nginx -t), taken over (kill -HUP); workers {}, now {}",
        numbers(&old),
        numbers(&workers(site))
    ));
    Ok(old)
}

fn take_over(site: &Site<'_>, old: &[ProcessRecord]) -> anyhow::Result<()> {
    let connected = clients(site);
    std::thread::sleep(CLOSING_LEAST);
    site.interrupt.wait(CLOSING_LIMIT, || clients(site).is_disjoint(&connected))?;
    ensure!(site.process().is_some_and(|master| master.signal(Signal::HUP)), "nginx is not running");
    let reloaded = site.interrupt.wait(RELOAD_LIMIT, || {
        let now = workers(site);
        !now.is_empty() && !now.iter().any(|worker| old.contains(worker))
    })?;
    ensure!(reloaded, "nginx did not take over the new configuration; see {}", site.directory().join("log").display());
    Ok(())
}

/// Those that take new connections; a worker that is on its way out says so in its title.
fn workers(site: &Site<'_>) -> Vec<ProcessRecord> {
    let Some(master) = site.process().map(ProcessRecord::pid) else { return Vec::new() };
    let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children")).unwrap_or_default();
    let serves = |pid: &u32| {
        let title = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        !title.is_empty() && !title.contains("shutting down")
    };
    let numbers = children.split_ascii_whitespace().filter_map(|word| word.parse().ok());
    numbers.filter(serves).filter_map(ProcessRecord::of).collect()
}

/// The clients that are connected, as the kernel writes their addresses.
fn clients(site: &Site<'_>) -> HashSet<String> {
    let ports = [Some(site.settings.port), site.settings.tls.as_ref().map(|tls| tls.port)];
    let sockets = tcp_table::read(&Root::real()).unwrap_or_default();
    sockets
        .into_iter()
        .filter(|socket| socket.state == TcpState::Established && ports.contains(&Some(socket.local_port)))
        .map(|socket| socket.peer)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(change: impl FnOnce(&mut NginxData)) -> String {
        let facts = super::super::tests::facts();
        let address = "[::]:".to_owned();
        let mut data = NginxData {
            facts,
            address,
            worker_connections: 100,
            as_user: None,
            http2_directive: false,
            waf_module: waf::NGINX_MODULE,
            waf_rules: "/x/modsecurity.conf".to_owned(),
        };
        change(&mut data);
        render(TEMPLATE, &data).unwrap()
    }

    #[test]
    fn the_configuration_with_every_option() {
        let text = rendered(|_| ());
        for line in [
            "        server 127.0.0.1:1false max_fails=2 fail_timeout=2s max_conns=7; # node1\n",
            "        server 127.0.0.1:1true max_fails=2 fail_timeout=2s max_conns=7 down; # node2\n",
            "        hash $route consistent;\n",
            "        add_header Set-Cookie $new_route;\n",
            "        listen [::]:8080;\n",
            "        proxy_cache edge;\n",
            "        add_header Cache-Status $edge_status;\n",
            "        listen [::]:8443 ssl http2;\n",
            "    limit_req zone=requests burst=10 nodelay;\n",
            "    limit_conn connections 3;\n",
            "        proxy_bind 127.0.0.2;\n",
            "        return 308 https://$host:8443$request_uri;\n",
            "        modsecurity on;\n        modsecurity_rules_file /x/modsecurity.conf;\n",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        assert!(!text.contains("least_conn;"), "the hash is instead of it");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
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
            data.as_user = Some("www-data");
        });
        for words in ["ssl", "proxy_cache", "edge", "limit_", "proxy_bind", "308", "cookie", "modsecurity", "403", "{%"]
        {
            assert!(!text.contains(words), "{words} in\n{text}");
        }
        assert!(text.contains("\nuser www-data;\n") && text.contains("        least_conn;\n"));
        let directive = rendered(|data| data.http2_directive = true);
        assert!(directive.contains("8443 ssl;\n        http2 on;\n"), "{directive}");
    }

    #[test]
    fn the_rules_of_the_firewall() {
        let block = render(WAF_TEMPLATE, &WafData { name: "t", detect: false }).unwrap();
        assert!(
            block.contains("\nSecRuleEngine On\n") && !block.contains("DetectionOnly") && !block.contains("{%"),
            "{block}"
        );
        assert!(block.contains("SecAuditEngine Off") && block.contains(r#""@rx \$\{\s*"#), "{block}");
        let detect = render(WAF_TEMPLATE, &WafData { name: "t", detect: true }).unwrap();
        assert!(detect.contains("\nSecRuleEngine DetectionOnly\n") && !detect.contains("SecRuleEngine On"), "{detect}");
    }

    #[test]
    fn what_listen_takes() {
        let of = |text: &str| address(text.parse().unwrap());
        assert_eq!((of("*").as_str(), of("127.0.0.1").as_str(), of("::").as_str()), ("", "127.0.0.1:", "[::]:"));
    }
}
