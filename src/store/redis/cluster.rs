//! `redis-cluster://`: Redis servers that share the keys out among themselves (Redis Cluster). The store knows the layout: the client
//! asks it once, and each server that is asked for a key of another one says whose it is (Redis Cluster Specification, "MOVED
//! Redirection").
//!
//! A connection of this kind is one to each server. A server that is away fails its own keys; the others are asked as before.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::slots::{Redirection, Slots, named, slot};
use super::{Redis, item_key, make_row, put_into_index, rows, session_key, tag_key};
use crate::store::client::{Client, Failure, Item, Lookup, Session, SessionKey};
use crate::store::target::Remote;

/// How often a key may be said to be elsewhere.
const MOST_REDIRECTIONS: usize = 5;

/// A connection to each of the servers that were asked.
pub struct RedisCluster {
    /// Servers that can be asked for the layout.
    seeds: Vec<Remote>,
    timeout: Duration,
    slots: Slots,
    /// By HOST:PORT.
    servers: BTreeMap<String, Redis>,
    /// Whether a connection turned out to be dead that was open before: that server may be back since.
    lost_open_one: bool,
    /// Whether a server gave no answer: another one may have its slots since.
    in_doubt: bool,
}

impl RedisCluster {
    /// Asks the first of `seeds` that answers for the layout.
    pub fn connect(seeds: &[Remote], timeout: Duration) -> Result<Self, Failure> {
        let mut cluster = Self {
            seeds: seeds.to_vec(),
            timeout,
            slots: Slots::default(),
            servers: BTreeMap::new(),
            lost_open_one: false,
            in_doubt: false,
        };
        cluster.learn()?;
        Ok(cluster)
    }

    /// Asks for the layout: first the servers with a connection, as the others may be away.
    fn learn(&mut self) -> Result<(), Failure> {
        let mut last = Failure::Lost("the URL names no server".to_owned());
        let mut servers: Vec<String> = self.servers.keys().cloned().collect();
        servers.extend(self.seeds.iter().map(Remote::host_and_port).filter(|seed| !self.servers.contains_key(seed)));
        for server in servers {
            match self.on(&server, Redis::cluster_nodes).map(|text| Slots::of_nodes(&text, &server)) {
                // One that was taken out of the cluster.
                Ok(slots) if slots.is_empty() => last = Failure::Refused(format!("{server} knows no slots")),
                Ok(slots) => {
                    self.slots = slots;
                    return Ok(());
                }
                Err(failure) => last = failure,
            }
        }
        // With none of them there is no connection at all.
        match last {
            Failure::Refused(why) => Err(Failure::Lost(why)),
            other => Err(other),
        }
    }

    /// Asks the server at HOST:PORT.
    fn on<T>(&mut self, address: &str, question: impl FnOnce(&mut Redis) -> Result<T, Failure>) -> Result<T, Failure> {
        let open = self.servers.remove(address);
        let was_open = open.is_some();
        let mut server = match open {
            Some(server) => server,
            None => match self.open(address) {
                Ok(server) => server,
                Err(failure) => {
                    self.in_doubt = true;
                    return Err(of_one(address, failure));
                }
            },
        };
        let answer = question(&mut server);
        self.lost_open_one |= was_open && matches!(&answer, Err(Failure::Lost(_)));
        self.in_doubt |= matches!(&answer, Err(failure) if failure.ends_client());
        if !matches!(&answer, Err(failure) if failure.ends_client()) {
            self.servers.insert(address.to_owned(), server);
        }
        answer.map_err(|failure| of_one(address, failure))
    }

    /// All servers have one password.
    fn open(&self, address: &str) -> Result<Redis, Failure> {
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        let port = port.parse().map_err(|_| Failure::Refused(format!("the cluster names a server {address}")))?;
        let like = self.seeds.first().ok_or_else(|| Failure::Lost("the URL names no server".to_owned()))?;
        Redis::connect_to_one_of_cluster(&Remote { host: host.to_owned(), port, ..like.clone() }, self.timeout)
    }

    /// HOST:PORT of the server that has the key, as far as is known.
    fn server_of(&mut self, key: &str) -> Result<String, Failure> {
        let number = slot(key.as_bytes());
        if self.slots.server(number).is_none() {
            self.learn()?;
        } else if self.in_doubt {
            // Where nobody tells, what was known holds.
            let _ = self.learn();
            self.in_doubt = false;
        }
        let server = self.slots.server(number).map(str::to_owned);
        server.ok_or_else(|| Failure::Refused(format!("no server of the cluster has the slot {number}")))
    }

    /// Asks whoever has the key, and follows where the servers say that it is elsewhere.
    fn ask_for<T>(&mut self, key: &str, question: impl Fn(&mut Redis) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut address = self.server_of(key)?;
        for _ in 0..MOST_REDIRECTIONS {
            let refusal = match self.on(&address, &question) {
                Err(Failure::Refused(refusal)) => refusal,
                answer => return answer,
            };
            match Redirection::read(&refusal) {
                Some(Redirection::Moved { slot, server }) => {
                    address = named(&server, &address);
                    self.slots.set(slot, &address);
                }
                Some(Redirection::Ask { server }) => {
                    return self.on(&named(&server, &address), |redis| {
                        redis.asking()?;
                        question(redis)
                    });
                }
                None => return Err(Failure::Refused(refusal)),
            }
        }
        Err(Failure::Refused(format!("the servers of the cluster do not agree on who has {key}")))
    }

    /// Asks something that changes nothing: once more where a connection had died unnoticed.
    fn read<T>(&mut self, question: impl Fn(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        self.lost_open_one = false;
        match question(self) {
            Err(_) if self.lost_open_one => question(self),
            answer => answer,
        }
    }

    /// Asks for many keys at once: each server gets its own in one go. Where one says that a key has moved, the layout is asked
    /// for again; where a slot is on its way, the keys are asked for one by one.
    fn ask_each<K: Clone, T>(
        &mut self,
        keys: &[K],
        name: impl Fn(&K) -> String,
        question: impl Fn(&mut Redis, &[K]) -> Result<Vec<T>, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let mut again = true;
        loop {
            let mut of_server: BTreeMap<String, Vec<K>> = BTreeMap::new();
            for key in keys {
                of_server.entry(self.server_of(&name(key))?).or_default().push(key.clone());
            }
            let mut all = Vec::new();
            let asked: Result<(), Failure> = of_server.iter().try_for_each(|(server, keys)| {
                all.extend(self.on(server, |redis| question(redis, keys))?);
                Ok(())
            });
            match asked {
                Err(Failure::Refused(refusal)) if Redirection::read(&refusal).is_some() => {
                    if !again {
                        return self.ask_one_by_one(keys, name, question);
                    }
                    again = false;
                    self.learn()?;
                }
                other => return other.map(|()| all),
            }
        }
    }

    fn ask_one_by_one<K, T>(
        &mut self,
        keys: &[K],
        name: impl Fn(&K) -> String,
        question: impl Fn(&mut Redis, &[K]) -> Result<Vec<T>, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        for key in keys {
            all.extend(self.ask_for(&name(key), |redis| question(redis, std::slice::from_ref(key)))?);
        }
        Ok(all)
    }
}

/// A failure of one server is not one of the cluster: the other connections are in order.
fn of_one(address: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Lost(why) => Failure::Refused(format!("{address} does not answer: {why}")),
        Failure::TimedOut => Failure::Stopped,
        Failure::Stopped | Failure::Refused(_) | Failure::Unseeded | Failure::Unsupported(_) => failure,
    }
}

impl Redis {
    pub(super) fn cluster_nodes(&mut self) -> Result<String, Failure> {
        let mut command = redis::cmd("CLUSTER");
        self.ask(command.arg("NODES"))
    }

    fn asking(&mut self) -> Result<(), Failure> {
        self.ask::<String>(&redis::cmd("ASKING")).map(drop)
    }
}

impl Client for RedisCluster {
    /// Whether any server answers: one that is away fails its own keys alone.
    fn ping(&mut self, _by: Instant) -> Result<(), Failure> {
        self.learn()
    }

    fn get(&mut self, id: u64, by: Instant) -> Result<Option<Item>, Failure> {
        self.read(|cluster| cluster.ask_for(&item_key(id), |redis| redis.get(id, by)))
    }

    fn put(&mut self, id: u64, value: &str, by: Instant) -> Result<Option<u64>, Failure> {
        self.ask_for(&item_key(id), |redis| redis.put(id, value, by))
    }

    /// The index of a tag is on one server, its rows are on all.
    fn by_tag(&mut self, tag: u64, lookup: Lookup, by: Instant) -> Result<Vec<Item>, Failure> {
        let mut rows = Vec::new();
        match lookup {
            Lookup::Index => {
                rows = self.read(|cluster| {
                    let ids = cluster.ask_for(&tag_key(tag), |redis| redis.ids_of_tag(tag))?;
                    cluster.ask_each(&ids, |id| item_key(*id), |redis, ids| redis.rows(ids))
                })?;
            }
            Lookup::Scan => {
                if self.slots.is_empty() {
                    self.learn()?;
                }
                for server in self.slots.servers() {
                    rows.extend(self.on(&server, |redis| redis.scan(tag, by))?);
                }
            }
        }
        rows.sort_by_key(|row| row.id);
        Ok(rows)
    }

    fn create_session(
        &mut self,
        key: &SessionKey,
        session: &Session,
        lifetime: Duration,
        by: Instant,
    ) -> Result<(), Failure> {
        self.ask_for(&session_key(key), |redis| redis.create_session(key, session, lifetime, by))
    }

    fn next_of_session(&mut self, key: &SessionKey, by: Instant) -> Result<Option<Session>, Failure> {
        self.ask_for(&session_key(key), |redis| redis.next_of_session(key, by))
    }

    fn delete_session(&mut self, key: &SessionKey, by: Instant) -> Result<(), Failure> {
        self.ask_for(&session_key(key), |redis| redis.delete_session(key, by))
    }

    fn create_schema(&mut self, by: Instant) -> Result<(), Failure> {
        self.ping(by)
    }

    fn add_rows(&mut self, ids: &[u64], _by: Instant) -> Result<(), Failure> {
        let row = |redis: &mut Redis, ids: &[u64]| {
            let mut pipeline = redis::pipe();
            ids.iter().for_each(|id| make_row(&mut pipeline, &rows::fresh(*id)));
            redis.ask_all::<()>(&pipeline).map(|()| Vec::<()>::new())
        };
        self.ask_each(ids, |id| item_key(*id), row)?;
        let index = |redis: &mut Redis, ids: &[u64]| {
            let mut pipeline = redis::pipe();
            ids.iter().for_each(|id| put_into_index(&mut pipeline, *id, rows::tag(*id)));
            redis.ask_all::<()>(&pipeline).map(|()| Vec::<()>::new())
        };
        self.ask_each(ids, |id| tag_key(rows::tag(*id)), index).map(drop)
    }
}
