//! The bare engine that `scripts/perf.sh` compares with: `may_minihttp` and one fixed answer, nothing else.
//!
//! Usage: bare_minihttp PORT WORKERS

use std::io;

use may_minihttp::{HttpServer, HttpService, Request, Response};

/// As long as what /whoami answers to wrk.
const BODY: &str = concat!(
    r#"{"node":"127.0.0.1:3000","hostname":"laboratory","pid":12345,"addresses":["192.0.2.2"],"peer":"127.0.0.1:45678","#,
    r#""client":"127.0.0.1","scheme":"http","headers":{"Host":"127.0.0.1:3000"}}"#,
    "\n"
);

#[derive(Clone)]
struct Fixed;

impl HttpService for Fixed {
    fn call(&mut self, _request: Request, answer: &mut Response) -> io::Result<()> {
        answer.header("Content-Type: application/json").body(BODY);
        Ok(())
    }
}

fn main() -> io::Result<()> {
    let number = |index: usize| std::env::args().nth(index).and_then(|text| text.parse::<u16>().ok());
    let (Some(port), Some(workers)) = (number(1), number(2)) else {
        return Err(io::Error::other("usage: bare_minihttp PORT WORKERS"));
    };
    may::config().set_workers(usize::from(workers)).set_worker_pin(false);
    let server = HttpServer(Fixed).start(("127.0.0.1", port))?;
    server.join().map_err(|_| io::Error::other("the engine panicked"))
}
