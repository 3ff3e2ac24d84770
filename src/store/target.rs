//! Where a store is: one URL, of which nothing secret is ever written anywhere.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// Rows that `memory` holds when its URL names no number.
pub const MEMORY_ROWS: u64 = 100_000;
/// Most rows of `memory`: more would be a mistake in the URL.
const MOST_MEMORY_ROWS: u64 = 10_000_000;

/// A text that is never shown: not by `Debug`, not in a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for the one who has to send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// What kind of store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreTargetKind {
    /// In the node itself.
    Memory,
    /// A file, which several processes of one machine may share.
    Sqlite,
    /// MariaDB, or another server of its protocol.
    Mysql,
    /// Redis, or another server of its protocol.
    Redis,
    /// Redis servers that share the keys out among themselves.
    RedisCluster,
    /// memcached: for sessions, as it may forget anything at any time.
    Memcached,
}

impl StoreTargetKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Memory, Self::Sqlite, Self::Mysql, Self::Redis, Self::RedisCluster, Self::Memcached];

    /// The scheme of its URLs, by which it is also called in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Mysql => "mysql",
            Self::Redis => "redis",
            Self::RedisCluster => "redis-cluster",
            Self::Memcached => "memcached",
        }
    }
}

/// A server that is reached over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Name or address; IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Who logs in, if anybody.
    pub user: Option<String>,
    /// With what.
    pub password: Option<Secret>,
    /// The database: a name for `mysql`, a number for `redis`; empty for the server's default.
    pub database: String,
}

impl Remote {
    /// Host and port as a socket is opened by.
    pub fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// The same as one text, as the servers of a Redis Cluster name each other: IPv6 without brackets.
    pub fn host_and_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// One store server, or the store in the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// That many rows in the node's memory.
    Memory(u64),
    /// A database file.
    Sqlite(PathBuf),
    /// MariaDB.
    Mysql(Remote),
    /// Redis.
    Redis(Remote),
    /// Redis Cluster: servers that can be asked for the layout, all with one login.
    RedisCluster(Vec<Remote>),
    /// memcached.
    Memcached(Remote),
}

impl Target {
    /// Its kind.
    pub fn kind(&self) -> StoreTargetKind {
        match self {
            Self::Memory(_) => StoreTargetKind::Memory,
            Self::Sqlite(_) => StoreTargetKind::Sqlite,
            Self::Mysql(_) => StoreTargetKind::Mysql,
            Self::Redis(_) => StoreTargetKind::Redis,
            Self::RedisCluster(_) => StoreTargetKind::RedisCluster,
            Self::Memcached(_) => StoreTargetKind::Memcached,
        }
    }

    /// The password in its URL, if there is one.
    pub fn password(&self) -> Option<&Secret> {
        match self {
            Self::Memory(_) | Self::Sqlite(_) => None,
            Self::Mysql(remote) | Self::Redis(remote) | Self::Memcached(remote) => remote.password.as_ref(),
            Self::RedisCluster(seeds) => seeds.first()?.password.as_ref(),
        }
    }
}

/// The URL without user and password.
impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.kind().name();
        match self {
            Self::Memory(rows) => write!(out, "{name}:{rows}"),
            Self::Sqlite(path) => write!(out, "{name}:{}", path.display()),
            Self::RedisCluster(seeds) => {
                let seeds: Vec<String> = seeds.iter().map(Remote::host_and_port).collect();
                write!(out, "{name}://{}", seeds.join(","))
            }
            Self::Mysql(remote) | Self::Redis(remote) | Self::Memcached(remote) => {
                let host = &remote.host;
                match host.contains(':') {
                    true => write!(out, "{name}://[{host}]:{}", remote.port)?,
                    false => write!(out, "{name}://{host}:{}", remote.port)?,
                }
                if !remote.database.is_empty() {
                    write!(out, "/{}", remote.database)?;
                }
                Ok(())
            }
        }
    }
}

/// What may be written, for messages that must not repeat what was.
pub const FORMS: &str = "memory, memory:ROWS, sqlite:FILE, mysql://USER:PASSWORD@HOST:PORT/DATABASE, \
                         redis://HOST:PORT/NUMBER, redis-cluster://HOST:PORT?seed=HOST:PORT or memcached://HOST:PORT";

/// Reads one URL. The message of a refusal never holds what was given: it may hold a password.
impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        let kind = StoreTargetKind::ALL.into_iter().find(|kind| kind.name() == scheme);
        let kind = kind.ok_or_else(|| format!("the URL of a store is {FORMS}"))?;
        match kind {
            StoreTargetKind::Memory => memory(rest),
            StoreTargetKind::Sqlite => sqlite(rest),
            StoreTargetKind::Mysql => Ok(Self::Mysql(remote(text, kind, 3306)?)),
            StoreTargetKind::Redis => {
                let remote = remote(text, kind, 6379)?;
                if !remote.database.is_empty() && remote.database.parse::<u16>().is_err() {
                    return Err("the database of a redis:// URL is a number, such as redis://127.0.0.1:6379/0".into());
                }
                Ok(Self::Redis(remote))
            }
            StoreTargetKind::RedisCluster => cluster(text),
            StoreTargetKind::Memcached => {
                let remote = remote(text, kind, 11_211)?;
                if remote.user.is_some() || remote.password.is_some() || !remote.database.is_empty() {
                    return Err("memcached has no users and no databases: memcached://HOST:PORT is all".into());
                }
                Ok(Self::Memcached(remote))
            }
        }
    }
}

fn memory(rest: &str) -> Result<Target, String> {
    let rows = if rest.is_empty() { Ok(MEMORY_ROWS) } else { rest.parse() };
    rows.ok()
        .filter(|rows| *rows <= MOST_MEMORY_ROWS)
        .map(Target::Memory)
        .ok_or_else(|| format!("memory:ROWS takes a number of rows up to {MOST_MEMORY_ROWS}"))
}

fn sqlite(rest: &str) -> Result<Target, String> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err("sqlite:FILE needs the name of a file, such as sqlite:/var/lib/webapp/store.db".into());
    }
    Ok(Target::Sqlite(path.into()))
}

/// One server as host and port of the URL, further ones as `seed`, any number of times.
fn cluster(text: &str) -> Result<Target, String> {
    let (url, query) = text.split_once('?').unwrap_or((text, ""));
    let first = remote(url, StoreTargetKind::RedisCluster, 6379)?;
    if !first.database.is_empty() {
        return Err("a Redis Cluster has no databases: redis-cluster://HOST:PORT?seed=HOST:PORT is all".to_owned());
    }
    let mut seeds = vec![first];
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let address = part.strip_prefix("seed=").and_then(|address| address.rsplit_once(':'));
        let parsed = address.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = parsed.filter(|(host, _)| !host.is_empty()).ok_or_else(|| {
            "behind '?' a redis-cluster:// URL names further servers: seed=HOST:PORT, with '&' between them".to_owned()
        })?;
        seeds.push(Remote { host: host.to_owned(), port, ..seeds[0].clone() });
    }
    Ok(Target::RedisCluster(seeds))
}

fn remote(text: &str, kind: StoreTargetKind, port: u16) -> Result<Remote, String> {
    let name = kind.name();
    let wrong = |what: &str| format!("the {name}:// URL of a store {what}; it looks like {FORMS}");
    let url = Url::parse(text).map_err(|error| wrong(&format!("cannot be read ({error})")))?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("names no host"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("takes nothing behind '?' or '#' (in a password they are written %3F and %23)"));
    }
    let decoded = |part: &str| {
        percent_encoding::percent_decode_str(part)
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| wrong("has a percent-encoding that is not UTF-8"))
    };
    let user = match url.username() {
        "" => None,
        user => Some(decoded(user)?),
    };
    Ok(Remote {
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: url.port().unwrap_or(port),
        user,
        password: url.password().map(decoded).transpose()?.map(Secret::from),
        database: decoded(url.path().trim_start_matches('/'))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_shown_without_their_secrets() {
        for (text, shown, password) in [
            ("memory", "memory:100000", None),
            ("memory:", "memory:100000", None),
            ("memory:1000", "memory:1000", None),
            ("sqlite:/tmp/a b.db", "sqlite:/tmp/a b.db", None),
            ("sqlite:///tmp/a.db", "sqlite:/tmp/a.db", None),
            ("sqlite:a.db", "sqlite:a.db", None),
            ("mysql://127.0.0.1", "mysql://127.0.0.1:3306", None),
            ("mysql://ana:hunter2@db.example:3307/webapp", "mysql://db.example:3307/webapp", Some("hunter2")),
            ("mysql://ana:p%40ss%2C%2F@db/webapp", "mysql://db:3306/webapp", Some("p@ss,/")),
            ("redis://[::1]:7000/3", "redis://[::1]:7000/3", None),
            ("redis://:hunter2@host", "redis://host:6379", Some("hunter2")),
            ("redis-cluster://:hunter2@a:1?seed=b:2&seed=c:3", "redis-cluster://a:1,b:2,c:3", Some("hunter2")),
            ("redis-cluster://a", "redis-cluster://a:6379", None),
            ("memcached://host", "memcached://host:11211", None),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), shown);
            assert_eq!(target.password().map(Secret::reveal), password, "{text}");
            assert!(!format!("{target:?}").contains("hunter2"), "{target:?}");
        }
    }

    #[test]
    fn refusals_say_what_to_write_and_never_what_was_written() {
        for text in [
            "",
            "hunter2",
            "postgres://ana:hunter2@db/x",
            "memory:hunter2",
            "memory:10000001",
            "sqlite:",
            "mysql://",
            "mysql://ana:hunter2@:3306/x",
            "mysql://ana:hunter2@db:port/x",
            "mysql://ana:hunter2@db/x?ssl=hunter2",
            "mysql://ana:%ffhunter2@db/x",
            "redis://:hunter2@db/hunter2",
            "redis-cluster://:hunter2@db/0",
            "redis-cluster://:hunter2@db?seed=hunter2",
            "redis-cluster://:hunter2@db?also=hunter2:1",
            "memcached://ana:hunter2@db",
        ] {
            let refusal = text.parse::<Target>().unwrap_err();
            assert!(!refusal.contains("hunter2") && refusal.len() > 20, "{text}: {refusal}");
        }
    }

    #[test]
    fn kinds_have_names_of_their_own() {
        for kind in StoreTargetKind::ALL {
            assert_eq!(StoreTargetKind::ALL.iter().filter(|other| other.name() == kind.name()).count(), 1);
        }
    }
}
