//! Redis servers that share the keys out among themselves: what makes them one store.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::{fill, said, secrets, server_of};
use crate::cluster::reporter::Reporter;
use crate::cluster::settings::ClusterSettings;
use crate::cluster::shared::REDIS_CLUSTER;
use crate::cluster::state::ClusterFolder;
use crate::cluster::wait::Interrupt;
use crate::store::{Share, redis_cluster};

/// How long one answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How long the servers may take to know each other.
const FORM_LIMIT: Duration = Duration::from_secs(30);

/// Lets the servers share the keys out, tells the nodes where they are, and makes the rows that are missing. Without a Redis Cluster
/// there is nothing to do; and while a server of it is away, neither: the others go on as they are.
///
/// # Errors
/// When they do not become one, or a signal came.
pub fn form(
    settings: &ClusterSettings,
    folder: &ClusterFolder,
    reporter: Reporter,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    if !settings.shared.redis_cluster {
        return Ok(());
    }
    let servers: Vec<_> =
        settings.shared.store_servers().map(|server| server_of(settings, server, folder, reporter)).collect();
    if let Some(away) = servers.iter().find(|server| !server.answers()) {
        reporter.step(format_args!("{} is away; its slots wait for it", away.server.name));
        return Ok(());
    }
    let member = |server: &super::server::ServerService<'_>| Some((server.target()?, server.server.bus_port));
    let members: Vec<_> = servers.iter().map(member).collect::<Option<_>>().context("a server was never started")?;
    redis_cluster::form(&members, ANSWER_LIMIT).map_err(said).context("the servers do not become one cluster")?;
    let formed = || redis_cluster::is_formed(&members, ANSWER_LIMIT).unwrap_or(false);
    ensure!(
        interrupt.wait(FORM_LIMIT, formed)?,
        "the {} Redis servers do not all know each other within {FORM_LIMIT:?}",
        members.len()
    );
    let ports: Vec<u16> = settings.shared.store_servers().map(|server| server.port).collect();
    let url = url(&secrets::password(folder, "store")?, &ports);
    secrets::write_url(folder, REDIS_CLUSTER, &url)?;
    reporter.step(format_args!("{} Redis servers are one cluster, and share 16384 slots", members.len()));
    let target = url.parse().map_err(anyhow::Error::msg)?;
    fill(&target, Share::ALL, settings.shared.rows, reporter, "the cluster of Redis servers", interrupt)
}

fn url(password: &str, ports: &[u16]) -> String {
    let seeds: Vec<String> = ports.iter().skip(1).map(|port| format!("seed=127.0.0.1:{port}")).collect();
    format!("redis-cluster://:{password}@127.0.0.1:{}?{}", ports.first().copied().unwrap_or_default(), seeds.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Target;

    #[test]
    fn the_url_names_every_server() {
        let target: Target = url("hunter2", &[7000, 7001, 7002]).parse().unwrap();
        assert_eq!(target.to_string(), "redis-cluster://127.0.0.1:7000,127.0.0.1:7001,127.0.0.1:7002");
    }
}
