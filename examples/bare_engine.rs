//! An engine and one fixed answer, nothing else: what the benchmarks (`scripts/perf.sh`) take an engine by itself to cost.
//!
//! Usage: bare_engine strict|minihttp PORT WORKERS

use std::error::Error;
use std::io;

use may_minihttp::{HttpServer, HttpService};
use webapp::http::{Body, Limits, Reply, Response, Server, Service};

const USAGE: &str = "usage: bare_engine strict|minihttp PORT WORKERS";

/// As long as what /whoami answers to wrk.
const BODY: &str = concat!(
    r#"{"node":"127.0.0.1:3000","hostname":"laboratory","pid":12345,"addresses":["192.0.2.2"],"peer":"127.0.0.1:45678","#,
    r#""client":"127.0.0.1","scheme":"http","headers":{"Host":"127.0.0.1:3000"}}"#,
    "\n"
);

#[derive(Clone)]
struct Fixed;

impl Service for Fixed {
    fn call(&self, _request: &webapp::http::Request<'_>) -> Reply {
        Reply::Now(Response::new(200, "application/json", Body::Static(BODY.as_bytes())))
    }
}

impl HttpService for Fixed {
    fn call(&mut self, _request: may_minihttp::Request, answer: &mut may_minihttp::Response) -> io::Result<()> {
        answer.header("Content-Type: application/json").body(BODY);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [engine, port, workers] = arguments.as_slice() else { return Err(USAGE.into()) };
    let address = ("127.0.0.1", port.parse::<u16>()?);
    may::config().set_workers(workers.parse()?).set_worker_pin(false);
    webapp::kernel::limits::raise_open_files()?;
    match engine.as_str() {
        "strict" => {
            let fields = [("Server", "webapp")];
            let _server =
                Server::start(webapp::http::bind(address)?, Fixed, Limits::default(), Default::default(), &fields)?;
            loop {
                std::thread::park();
            }
        }
        "minihttp" => {
            let server = HttpServer(Fixed).start(address)?;
            server.join().map_err(|_| "the engine panicked".into())
        }
        _ => Err(USAGE.into()),
    }
}
