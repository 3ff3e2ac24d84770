//! A Redis Cluster that changes while a client is connected to it: slots that are on their way, and a server that another one
//! replaces.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Cmd, FromRedisValue, RedisResult};
use webapp::store::{Client, Item, Lookup, Share, Target, connect, redis_cluster, seed};

const TIMEOUT: Duration = Duration::from_secs(20);
const ROWS: u64 = 60;

/// A server that may be one of a cluster.
struct Server {
    port: u16,
    bus: u16,
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("webapp-store-").tempdir().unwrap();
        let [port, bus] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--cluster-port", &bus.to_string(), "--bind", "127.0.0.1"]);
        command.args(["--save", "", "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no", "--dir"]);
        let child = command.arg(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let server = Self { port, bus, child, folder };
        server.wait("it starts", || server.ask::<String>("PING").is_ok());
        server
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn wait(&self, what: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + TIMEOUT;
        while !holds() {
            assert!(Instant::now() < end, "{what}: the server of {}", self.folder.path().display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn ask<T: FromRedisValue>(&self, words: &str) -> RedisResult<T> {
        let mut command = Cmd::new();
        words.split(' ').for_each(|word| _ = command.arg(word));
        command.query(&mut redis::Client::open(self.url())?.get_connection()?)
    }

    fn tell<T: FromRedisValue>(&self, words: &str) -> T {
        self.ask(words).unwrap_or_else(|error| panic!("{words}: {error}"))
    }

    fn id(&self) -> String {
        self.tell("CLUSTER MYID")
    }

    fn is_well(&self) -> bool {
        self.tell::<String>("CLUSTER INFO").contains("cluster_state:ok")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn open(server: &Server) -> Box<dyn Client> {
    let target: Target = format!("redis-cluster://127.0.0.1:{}", server.port).parse().unwrap();
    connect(&target, TIMEOUT).unwrap()
}

fn by() -> Instant {
    Instant::now() + TIMEOUT
}

fn add_rows(server: &Server) {
    let target: Target = format!("redis-cluster://127.0.0.1:{}", server.port).parse().unwrap();
    seed::seed(&target, Share::ALL, ROWS, TIMEOUT, |_| std::ops::ControlFlow::Continue(())).unwrap();
}

/// The ids of the rows of a tag.
fn tag(client: &mut dyn Client, tag: u64) -> Vec<u64> {
    client.by_tag(tag, Lookup::Index, by()).unwrap().iter().map(|row| row.id).collect()
}

/// A server that met no other one does not know its own host, and says where it is without one.
pub fn one_server() {
    let server = Server::start();
    server.tell::<()>("CLUSTER ADDSLOTSRANGE 0 16383");
    server.wait("it is well", || server.is_well());
    add_rows(&server);
    let mut client = open(&server);
    assert!(client.get(7, by()).unwrap().is_some_and(|row: Item| row.id == 7));
    assert_eq!(tag(&mut *client, 3), (30..40).collect::<Vec<_>>());
}

/// Rows are found while a slot moves, after it, and where another server has taken over from a dead one.
pub fn that_changes() {
    let mut servers: Vec<Server> = (0..3).map(|_| Server::start()).collect();
    let members: Vec<_> = servers.iter().map(|server| (server.url().parse().unwrap(), server.bus)).collect();
    redis_cluster::form(&members, TIMEOUT).unwrap();
    servers[0].wait("they know each other", || redis_cluster::is_formed(&members, TIMEOUT).unwrap());
    add_rows(&servers[0]);
    let mut client = open(&servers[0]);
    assert_eq!(tag(&mut *client, 3), (30..40).collect::<Vec<_>>());

    let slot: u16 = servers[0].tell("CLUSTER KEYSLOT item:33");
    let from = servers.iter().position(|server| server.ask::<bool>("EXISTS item:33").is_ok()).unwrap();
    let to = (from + 1) % servers.len();
    let (giver, taker) = (&servers[from], &servers[to]);
    taker.tell::<()>(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", giver.id()));
    giver.tell::<()>(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", taker.id()));
    giver.tell::<String>(&format!("MIGRATE 127.0.0.1 {} item:33 0 5000", taker.port));
    assert!(client.get(33, by()).unwrap().is_some());
    assert_eq!(tag(&mut *client, 3), (30..40).collect::<Vec<_>>(), "the slot is on its way");
    for server in [taker, giver] {
        server.tell::<()>(&format!("CLUSTER SETSLOT {slot} NODE {}", taker.id()));
    }
    assert_eq!(tag(&mut *client, 3), (30..40).collect::<Vec<_>>(), "the slot has moved");

    // The taker gets a replica, and dies.
    let replica = Server::start();
    replica.tell::<()>(&format!("CLUSTER MEET 127.0.0.1 {} {}", taker.port, taker.bus));
    let id = taker.id();
    replica.wait("it knows the others", || replica.tell::<String>("CLUSTER NODES").contains(&id));
    replica.tell::<()>(&format!("CLUSTER REPLICATE {id}"));
    replica.wait("it has all", || replica.tell::<String>("INFO replication").contains("master_link_status:up"));
    drop(servers.remove(to));
    replica.tell::<()>("CLUSTER FAILOVER TAKEOVER");
    replica.wait("the client finds it", || client_finds(&servers, 33));
    let end = Instant::now() + TIMEOUT;
    while client.get(33, by()).is_err() {
        assert!(Instant::now() < end, "the client asks the dead one for ever");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a client that connects now finds the row: the others have learnt of it.
fn client_finds(servers: &[Server], id: u64) -> bool {
    open(&servers[0]).get(id, by()).is_ok_and(|row| row.is_some())
}
