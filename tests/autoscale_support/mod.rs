//! A driver and nodes that a test plays, and the autoscaler that is asked to hold their load.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use webapp::stats::Stats;

use crate::common::{PATIENCE, webapp};

/// The driver: `units` holds the size, `states` what follows a node's name and address, `topology` the topology; where
/// `broken` is, it fails with what that file says. `quota` holds what each node may use, in percent of a core, if anything.
/// `machines` holds the number of machines, of two units each, if the driver has some. `asked` collects what it was told.
const DRIVER: &str = r#"#!/bin/sh
set -eu
here=$(dirname "$0")
echo "$*" >> "$here/asked"
if [ -e "$here/broken" ]; then cat "$here/broken" >&2; exit 1; fi
if [ "$1" = scale ]; then echo "$2" > "$here/units.new"; mv "$here/units.new" "$here/units"; fi
if [ "${3:-}" = --unit-cpu ]; then echo "$4" > "$here/quota"; fi
if [ "${3:-}" = --machines ]; then echo "$4" > "$here/machines.new"; mv "$here/machines.new" "$here/machines"; fi
quota=
[ ! -e "$here/quota" ] || quota=",\"quota_cores\":0.$(cat "$here/quota")"
units=$(cat "$here/units")
nodes=$units
[ "$(cat "$here/topology")" != vertical ] || nodes=1
list=
for number in $(seq 1 "$nodes"); do
  state=ready
  [ ! -e "$here/state$number" ] || state=$(cat "$here/state$number")
  list="$list${list:+,}{\"name\":\"node$number\",\"url\":\"$(cat "$here/url")\",\"state\":\"$state\"$quota}"
done
machines=
[ ! -e "$here/machines" ] || machines=$(cat "$here/machines")
stand=
for number in $(seq 1 "${machines:-0}"); do
  stand="$stand${stand:+,}{\"name\":\"machine$number\",\"units\":2}"
done
printf '{"machines":['"$stand"'],"topology":"%s","units":%s,"target":"http://127.0.0.1:1","nodes":[%s],"scaling_file":"%s"}\n' "$(cat "$here/topology")" "$units" "$list" "$here/scaling"
"#;

/// A cluster that the test plays: a folder with the driver, and one server for the `/stats` of all nodes.
pub struct Cluster {
    folder: TempDir,
    /// Requests in the pool of all nodes together; shared out over `units`.
    pub load: Arc<AtomicU64>,
    pub silent: Arc<AtomicBool>,
}

impl Cluster {
    pub fn new(topology: &str, units: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let driver = folder.path().join("driver");
        fs::write(&driver, DRIVER).unwrap();
        fs::set_permissions(&driver, fs::Permissions::from_mode(0o755)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (load, silent) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let cluster = Self { folder, load, silent };
        cluster.write("url", &format!("http://{}", listener.local_addr().unwrap()));
        cluster.write("units", &units.to_string());
        cluster.write("topology", topology);
        cluster.serve(listener, topology == "vertical");
        cluster
    }

    fn serve(&self, listener: TcpListener, vertical: bool) {
        let (load, silent, units) = (self.load.clone(), self.silent.clone(), self.path("units"));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut stream = stream;
                let mut head = [0; 1024];
                let _ = stream.read(&mut head);
                if silent.load(Ordering::Relaxed) {
                    continue;
                }
                let nodes = if vertical { 1 } else { fs::read_to_string(&units).unwrap().trim().parse().unwrap_or(1) };
                let mut stats = Stats::default();
                stats.node.uptime_seconds = 1000.0;
                stats.window.pool.active = load.load(Ordering::Relaxed).div_ceil(nodes);
                let body = serde_json::to_string(&stats).unwrap();
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            }
        });
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let new = self.path("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub fn units(&self) -> String {
        fs::read_to_string(self.path("units")).unwrap().trim().to_owned()
    }

    pub fn command(&self, arguments: &str) -> Command {
        let mut command = webapp();
        command.arg("autoscale").arg("--driver").arg(self.path("driver"));
        command.args(["--metric", "queue=2", "--down-window", "0s", "--interval", "150ms"]);
        command.args(arguments.split_whitespace());
        command
    }

    pub fn start(&self, arguments: &str) -> Running {
        Running::start(self.command(arguments))
    }

    pub fn output(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn until(&self, units: &str) {
        wait(|| self.units() == units, &format!("{units} units"));
    }
}

pub struct Running {
    child: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap()));
        Self { child, out, err }
    }

    pub fn hears(&self, text: &str) {
        let heard = || self.err.lock().unwrap().contains(text);
        wait(heard, text);
    }

    pub fn decides(&self, text: &str) {
        let heard = || self.out.lock().unwrap().contains(text);
        wait(heard, text);
    }

    /// Asks it to end, and gives what it decided and what it said besides.
    pub fn end(mut self, signal: i32) -> (String, String) {
        // SAFETY: plain numbers; the child is not yet reaped.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(status.code(), Some(0));
        let text = |text: &Mutex<String>| text.lock().unwrap().clone();
        (text(&self.out), text(&self.err))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let seen = text.clone();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            seen.lock().unwrap().push_str(&(line + "\n"));
        }
    });
    text
}

pub fn wait(done: impl Fn() -> bool, what: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
