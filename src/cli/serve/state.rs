//! The arguments of `webapp serve` about its store, its sessions and its users.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};

use super::shards;
use crate::app::users::Users;
use crate::app::{AppState, Sessions, TokenKey};
use crate::cache::{self, Cache};
use crate::cli::{store, units};
use crate::kernel::limits;
use crate::store::{ConnectionBounds, Layout, Store, StoreTargetKind, Target};

/// The environment variable of the key for tokens. It has no flag: whoever lists processes would see it.
const TOKEN_KEY: &str = "WEBAPP_TOKEN_KEY";
/// Longest time of an option: a clock has an end, too.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Shortest key, bytes: as long as what it makes (RFC 2104, section 3).
const SHORTEST_KEY: usize = 32;

#[derive(clap::Args)]
pub struct StateArgs {
    /// Where rows are: memory, memory:ROWS, sqlite:FILE, mysql://USER:PASSWORD@HOST:PORT/DATABASE, redis://HOST:PORT/NUMBER or
    /// redis-cluster://HOST:PORT?seed=HOST:PORT&seed=… (Redis servers that share the rows out themselves); or @FILE, which holds that. Several, with commas, are shards: each has a part of the rows, by rendezvous hashing over their
    /// order. A password is best given by the environment or a file: arguments are seen by every user.
    #[arg(long, env = "WEBAPP_STORE", hide_env_values = true, value_name = "URL,…", default_value = "memory")]
    store: String,
    /// File that lists the store's shards, instead of --store, and is followed when it changes: shards come and go while the node
    /// serves, and a key is looked for where it was and where it goes to. `webapp cluster` writes it.
    #[arg(long, env = "WEBAPP_STORE_SHARDS", value_name = "FILE", conflicts_with = "store_replicas")]
    store_shards: Option<PathBuf>,
    /// Replicas of the store, as URLs or @FILE with commas: they answer reads, too, and only the primary takes writes. Which of them
    /// all is the primary, each is asked.
    #[arg(long, env = "WEBAPP_STORE_REPLICAS", hide_env_values = true, value_name = "URL,…", value_delimiter = ',')]
    store_replicas: Vec<String>,
    /// A replica that may be further behind gets no reads.
    #[arg(long, env = "WEBAPP_STORE_MAX_LAG", value_name = "DURATION", default_value = "5s", value_parser = units::duration)]
    store_max_lag: Duration,
    /// For so long after a write its user, known by a cookie, reads from the primary [default: whoever may answer].
    #[arg(long, env = "WEBAPP_READ_YOUR_WRITES", value_name = "DURATION", value_parser = units::duration)]
    read_your_writes: Option<Duration>,
    /// Connections to each store server; more requests wait for one.
    #[arg(long, env = "WEBAPP_STORE_CONNECTIONS", value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    store_connections: u64,
    /// Longest wait for the store, that for a connection included; then 503.
    #[arg(long, env = "WEBAPP_STORE_TIMEOUT", value_name = "DURATION", default_value = "1s", value_parser = units::duration)]
    store_timeout: Duration,
    /// Not ready (/readyz answers 503) while the store is away.
    #[arg(long, env = "WEBAPP_STORE_REQUIRED")]
    store_required: bool,
    /// Where answers of /item, /items, /fib and /primes are kept, so that neither work nor store is asked again: memory:SIZE (in the
    /// node, such as memory:64MiB), redis://HOST:PORT/NUMBER or memcached://HOST:PORT (shared by all nodes); or @FILE, which
    /// holds that [default: nowhere].
    #[arg(long, env = "WEBAPP_CACHE", hide_env_values = true, value_name = "WHERE")]
    cache: Option<String>,
    /// How long an answer is used that is kept there. A write of this node takes it out at once.
    #[arg(long, env = "WEBAPP_CACHE_TTL", value_name = "DURATION", default_value = "10s", value_parser = units::duration)]
    cache_ttl: Duration,
    /// Where sessions are: node (lost with it), store (that of --store), token (signed, with the user), or a store's URL
    /// (such as memcached://HOST:PORT).
    #[arg(long, env = "WEBAPP_SESSIONS", hide_env_values = true, value_name = "WHERE", default_value = "node")]
    sessions: String,
    /// How long a session lasts from its beginning.
    #[arg(long, env = "WEBAPP_SESSION_LIFETIME", value_name = "DURATION", default_value = "12h", value_parser = units::duration)]
    session_lifetime: Duration,
    /// Who may log in; 'webapp users add' writes that file. Without it, nobody can.
    #[arg(long, env = "WEBAPP_USERS", value_name = "FILE")]
    users: Option<PathBuf>,
    /// File with the key that signs tokens: at least 32 bytes, the same for every node of a cluster. Instead of a file, the key
    /// may be in the environment variable WEBAPP_TOKEN_KEY [default: one that ends with the node].
    #[arg(long, env = "WEBAPP_TOKEN_KEY_FILE", value_name = "FILE")]
    token_key_file: Option<PathBuf>,
}

impl StateArgs {
    /// Makes ready what the arguments name. A store that is away does not keep a node from starting. `queue` requests may wait
    /// for a connection; `cpus` passwords are checked at a time.
    ///
    /// # Errors
    /// Names the argument, without what it holds.
    pub fn start(&self, queue: u64, cpus: usize) -> anyhow::Result<AppState> {
        self.check()?;
        let (generation, layout) = self.layout()?;
        if layout.kind() == StoreTargetKind::Memcached {
            bail!(
                "--store: memcached holds no rows, as it may forget them; --sessions memcached://HOST:PORT is what it is for"
            );
        }
        let bounds = ConnectionBounds {
            connections: self.store_connections as usize,
            queue: queue as usize,
            timeout: self.store_timeout,
        };
        let connect_listed = |generation: u64, layout: Layout| {
            layout.targets().iter().for_each(warn_of_visible_password);
            Store::start_listed(generation, layout, bounds)
                .map(Arc::new)
                .context("cannot start the threads of the store; lower --store-connections")
        };
        let connect = |layout: Layout| connect_listed(0, layout);
        let rows = connect_listed(generation, layout)?;
        if let Some(file) = &self.store_shards {
            let followed = shards::follow(file.clone(), &rows, generation);
            followed.context("cannot start the thread that follows --store-shards")?;
        }
        let sessions = match self.sessions.as_str() {
            "node" => Sessions::Store(connect(Layout::One(Target::Memory(0)))?),
            "store" => Sessions::Store(Arc::clone(&rows)),
            "token" => Sessions::Token(self.token_key()?),
            url => {
                let layout = store::layout(url).context("--sessions is node, store, token, or a store")?;
                Sessions::Store(connect(layout)?)
            }
        };
        let users = self.users.as_deref().map(|file| Users::read(file, cpus)).transpose().context("--users")?;
        if let Err(error) = limits::forbid_core_files() {
            log::warn!("a crash could leave passwords and keys in a core file: {error}");
        }
        Ok(AppState {
            store: rows,
            cache: self.cache(queue)?,
            sessions,
            session_lifetime: self.session_lifetime,
            users,
            required: self.store_required,
            read_your_writes: self.read_your_writes,
        })
    }

    /// The cache, where one is asked for. One that is shared and away does not keep a node from starting, or from answering.
    fn cache(&self, queue: u64) -> anyhow::Result<Option<Arc<Cache>>> {
        let Some(given) = &self.cache else { return Ok(None) };
        let target: cache::CacheTarget = store::target(given).context("--cache")?;
        if let cache::CacheTarget::Shared(server) = &target {
            warn_of_visible_password(server);
        }
        let connections = self.store_connections as usize;
        let config = cache::CacheConfig { target, ttl: self.cache_ttl, connections, queue: queue as usize };
        let started = Cache::start(config).map(Arc::new);
        started.map(Some).context("cannot start the threads of the cache; lower --store-connections")
    }

    /// The servers of `--store-shards`, or of `--store` and `--store-replicas`, and which list they are of.
    fn layout(&self) -> anyhow::Result<(u64, Layout)> {
        if let Some(file) = &self.store_shards {
            if self.read_your_writes.is_some() {
                bail!("--read-your-writes needs --store-replicas: a shard always has what was written");
            }
            return shards::read(file).context("--store-shards");
        }
        let layout = store::layout(&self.store).context("--store")?;
        let targets = self.store_replicas.iter().map(|text| store::target(text.trim())).collect::<anyhow::Result<_>>();
        let targets = targets.context("--store-replicas")?;
        let layout = layout.with_replicas(targets, self.store_max_lag).map_err(anyhow::Error::msg);
        let layout = layout.context("--store-replicas")?;
        match layout {
            Layout::One(_) | Layout::Shards(_) | Layout::Resharding { .. } if self.read_your_writes.is_some() => {
                bail!("--read-your-writes needs --store-replicas: one store always has what was written")
            }
            Layout::One(_) | Layout::Shards(_) | Layout::Resharding { .. } | Layout::Replicated { .. } => {
                Ok((0, layout))
            }
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        for (flag, time, least) in [
            ("--store-timeout", self.store_timeout, Duration::from_millis(10)),
            ("--cache-ttl", self.cache_ttl, Duration::from_millis(100)),
            ("--session-lifetime", self.session_lifetime, Duration::from_secs(1)),
        ] {
            if time < least {
                bail!("{flag} is {time:?}; the least is {}", humantime::format_duration(least));
            }
            if time > LONGEST {
                bail!("{flag} is {time:?}; the most is 365 days");
            }
        }
        Ok(())
    }

    fn token_key(&self) -> anyhow::Result<TokenKey> {
        let given = match (&self.token_key_file, std::env::var(TOKEN_KEY)) {
            (Some(file), _) => {
                let key = std::fs::read(file);
                Some(key.with_context(|| format!("--token-key-file: cannot read {}", file.display()))?)
            }
            (None, Ok(key)) => Some(key.into_bytes()),
            (None, Err(_)) => None,
        };
        let Some(key) = given else {
            log::warn!("tokens are signed with a key of this node alone: no other node takes them (--token-key-file)");
            return TokenKey::random().context("cannot make a key for tokens");
        };
        let key = key.trim_ascii();
        if key.len() < SHORTEST_KEY {
            bail!("the key for tokens has {} bytes; it needs {SHORTEST_KEY} (try: openssl rand -hex 32)", key.len());
        }
        Ok(TokenKey::new(key))
    }
}

/// Says so where the password of a store can be read by everybody who lists processes.
fn warn_of_visible_password(target: &Target) {
    let Some(password) = target.password().map(crate::store::Secret::reveal) else { return };
    if !password.is_empty() && std::env::args().any(|argument| argument.contains(password)) {
        log::warn!(
            "everybody on this machine can read the password of {target} in the list of processes: give it by @FILE"
        );
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: StateArgs,
    }

    fn start(words: &[&str]) -> anyhow::Result<AppState> {
        Line::parse_from([&["serve"], words].concat()).args.start(10, 1)
    }

    #[test]
    fn a_lone_node_keeps_all_to_itself() {
        let state = start(&[]).unwrap();
        assert_eq!((&*state.store.whole_name(), state.sessions.name()), ("memory:100000", "node"));
        assert!(state.users.is_none() && !state.required);
    }

    #[test]
    fn sessions_are_where_they_are_said_to_be() {
        for (words, name) in [
            (&["--sessions", "token"][..], "token"),
            (&["--sessions", "memcached://127.0.0.1:1"], "memcached"),
            (&["--store", "redis://127.0.0.1:1", "--sessions", "store"], "redis"),
            (&["--store", "redis://127.0.0.1:1"], "node"),
        ] {
            assert_eq!(start(words).unwrap().sessions.name(), name, "{words:?}");
        }
    }

    #[test]
    fn wrong_arguments_are_named_and_never_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let short = folder.path().join("key");
        std::fs::write(&short, "hunter2").unwrap();
        let short = short.to_str().unwrap();
        for (words, named) in [
            (&["--store", "postgres://ana:hunter2@db"][..], "--store"),
            (&["--store", "memcached://127.0.0.1:1"], "--sessions memcached"),
            (&["--store", "@/nowhere"], "/nowhere"),
            (&["--store", "redis://a,mysql://ana:hunter2@db/x"], "of one kind"),
            (&["--store", "redis://:hunter2@a,redis://:hunter2@a"], "stands twice"),
            (&["--store", "redis://a,"], "--store"),
            (&["--store-replicas", "redis://:hunter2@a"], "--store-replicas"),
            (&["--store", "redis://a", "--store-replicas", "hunter2"], "--store-replicas"),
            (&["--store", "redis://a", "--read-your-writes", "1s"], "needs --store-replicas"),
            (&["--sessions", "hunter2"], "--sessions"),
            (&["--sessions", "redis://:hunter2@db/hunter2"], "--sessions"),
            (&["--sessions", "token", "--token-key-file", short], "needs 32"),
            (&["--users", "/nowhere"], "--users"),
            (&["--cache", "mysql://ana:hunter2@db/x"], "--cache"),
            (&["--cache", "@/nowhere"], "/nowhere"),
            (&["--cache-ttl", "10ms"], "the least is 100ms"),
            (&["--store-timeout", "1ms"], "the least is 10ms"),
            (&["--session-lifetime", "0"], "the least is 1s"),
            (&["--cache-ttl", "2y"], "the most is 365 days"),
        ] {
            let refusal = format!("{:#}", start(words).err().unwrap());
            assert!(refusal.contains(named) && !refusal.contains("hunter2"), "{words:?}: {refusal}");
        }
    }
}
