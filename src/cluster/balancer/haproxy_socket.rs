//! HAProxy's runtime interface: one command a connection, and the table of `show stat` (management.txt, 9.1 and 9.3).

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

const LIMIT: Duration = Duration::from_secs(5);

/// Asks one command on the socket in `folder`.
///
/// # Errors
/// When nobody answers there.
pub fn ask(folder: &Path, command: &str) -> anyhow::Result<String> {
    // A socket's path may have 107 bytes at most, the folder's may have more.
    let opened = File::open(folder).with_context(|| folder.display().to_string())?;
    let path = format!("/proc/self/fd/{}/haproxy.sock", opened.as_raw_fd());
    let mut stream = UnixStream::connect(path).with_context(|| format!("{}/haproxy.sock", folder.display()))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    writeln!(stream, "{command}")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The lines of `show stat` of one proxy, by the name of the server.
#[derive(Debug, Default)]
pub struct Statistics {
    columns: HashMap<String, usize>,
    servers: Vec<Vec<String>>,
}

impl Statistics {
    /// Reads the answer of `show stat`: comma-separated, the first line names the columns.
    pub fn parse(text: &str, proxy: &str) -> Self {
        let mut lines = text.lines();
        let head = lines.next().unwrap_or_default().trim_start_matches("# ");
        let columns = head.split(',').enumerate().map(|(at, name)| (name.to_owned(), at)).collect();
        let fields = |line: &str| -> Vec<String> { line.split(',').map(str::to_owned).collect() };
        let servers = lines.map(fields).filter(|fields| fields[0] == proxy).collect();
        Self { columns, servers }
    }

    /// One column of a server.
    pub fn field(&self, server: &str, column: &str) -> Option<&str> {
        let line = self.servers.iter().find(|fields| fields.get(1).is_some_and(|name| name == server))?;
        line.get(*self.columns.get(column)?).map(String::as_str)
    }

    /// The names of the servers.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        self.servers.iter().filter_map(|fields| fields.get(1)).map(String::as_str).filter(|name| *name != "BACKEND")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_by_name() {
        let text =
            "# pxname,svname,scur,status,\npublic,FRONTEND,1,OPEN,\nnodes,node1,3,UP 1/2,\nnodes,BACKEND,3,UP,\n\n";
        let statistics = Statistics::parse(text, "nodes");
        assert_eq!(statistics.field("node1", "scur"), Some("3"));
        assert_eq!(statistics.field("node1", "status"), Some("UP 1/2"));
        assert_eq!(statistics.field("node1", "colour"), None);
        assert_eq!(statistics.field("node2", "scur"), None);
        assert_eq!(statistics.servers().collect::<Vec<_>>(), ["node1"]);
        assert_eq!(Statistics::parse("", "nodes").servers().count(), 0);
    }
}
