//! Real store servers for the tests: each in a folder of its own, as an unprivileged user, on loopback, ended with the test.

#![allow(dead_code, clippy::unwrap_used)]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Who servers run as when the tests run as root: `nobody`.
const NOBODY: u32 = 65_534;
/// How long a server may take to be ready, on a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(60);
/// The password of the servers that have one. The tests look for it where it must not be.
pub const PASSWORD: &str = "Zebra-Password-7391";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Mariadb,
    Redis,
    Memcached,
}

impl Kind {
    /// The program without which its tests cannot run.
    pub fn program(self) -> &'static str {
        match self {
            Self::Mariadb => "mariadbd",
            Self::Redis => "redis-server",
            Self::Memcached => "memcached",
        }
    }

    pub fn is_installed(self) -> bool {
        find(self.program()).is_some()
    }
}

/// Programs of servers lie in /usr/sbin, which is not on everybody's path.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A running server.
pub struct StoreServer {
    kind: Kind,
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl StoreServer {
    /// Starts a server on a free port and waits until it answers.
    pub fn start(kind: Kind) -> Self {
        let folder = tempfile::Builder::new().prefix("webapp-store-").tempdir().unwrap();
        if kind == Kind::Mariadb {
            install_mariadb(folder.path());
        }
        own(folder.path());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { kind, port, folder, child: None };
        server.start_again();
        server
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Its URL, with the password where there is one.
    pub fn url(&self) -> String {
        let port = self.port;
        match self.kind {
            Kind::Mariadb => format!("mysql://webapp:{PASSWORD}@127.0.0.1:{port}/webapp"),
            Kind::Redis => format!("redis://:{PASSWORD}@127.0.0.1:{port}/0"),
            Kind::Memcached => format!("memcached://127.0.0.1:{port}"),
        }
    }

    /// Starts it on the same port and data, and waits until it answers.
    pub fn start_again(&mut self) {
        self.launch();
        let end = Instant::now() + PATIENCE;
        while !self.answers() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none() && Instant::now() < end, "{:?} did not start: {}", self.kind, self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts it and does not wait.
    pub fn launch(&mut self) {
        assert!(self.child.is_none());
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(as_nobody(&mut command).spawn().unwrap());
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    /// Stops it where it is: it takes connections and answers none.
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
        // A signal takes effect a little later: the last of its threads may still have an answer to give.
        let id = self.child.as_ref().unwrap().id() as i32;
        let mut status = 0;
        // SAFETY: a child that was not waited for yet, and a valid place for its status.
        assert_eq!(unsafe { libc::waitpid(id, &raw mut status, libc::WUNTRACED) }, id);
        assert!(libc::WIFSTOPPED(status), "{:?} ended: {}", self.kind, self.log());
    }

    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: i32) {
        let id = self.child.as_ref().unwrap().id() as i32;
        // SAFETY: a signal to a child that was not waited for yet, so the id is still its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0);
    }

    /// Everything it has written beside its data.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn command(&self) -> Command {
        let (folder, port) = (self.folder.path(), self.port.to_string());
        let mut command = Command::new(find(self.kind.program()).unwrap());
        match self.kind {
            Kind::Mariadb => {
                command.arg("--no-defaults");
                for (name, value) in [
                    ("datadir", folder.join("data")),
                    ("socket", folder.join("s")),
                    ("pid-file", folder.join("pid")),
                    ("tmpdir", folder.to_owned()),
                    ("init-file", folder.join("init.sql")),
                ] {
                    command.arg(format!("--{name}={}", value.display()));
                }
                command.args([&format!("--port={port}"), "--bind-address=127.0.0.1", "--skip-name-resolve"]);
                command.args([
                    "--innodb-buffer-pool-size=64M",
                    "--innodb-log-file-size=16M",
                    "--performance-schema=OFF",
                ]);
                command.args(["--innodb-flush-log-at-trx-commit=2", "--max-connections=300"]);
            }
            Kind::Redis => {
                command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD]);
                // What was written outlives a crash, so that one can count what was lost: nothing that was answered.
                command.args(["--appendonly", "yes", "--appendfsync", "no", "--dir"]).arg(folder);
            }
            Kind::Memcached => {
                command.args(["-l", "127.0.0.1", "-p", &port, "-U", "0", "-t", "1", "-m", "64", "-c", "1024"]);
            }
        }
        command
    }

    /// Whether it talks its protocol, not only takes connections.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let (question, answer): (&[u8], &[u8]) = match self.kind {
            Kind::Mariadb => (b"", b"mysql_native_password"),
            Kind::Redis => (b"PING\r\n", b"NOAUTH"),
            Kind::Memcached => (b"version\r\n", b"VERSION"),
        };
        let mut read = [0; 256];
        let length = stream.write_all(question).and_then(|()| stream.read(&mut read)).unwrap_or(0);
        read[..length].windows(answer.len()).any(|window| window == answer)
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

fn as_nobody(command: &mut Command) -> &mut Command {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    // SAFETY: prctl(2) is one system call, which is allowed between fork and exec. A test that is killed drops nothing: its
    // server ends with the thread that started it.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        })
    }
}

/// Gives a folder and what is in it to the user that the server runs as.
fn own(path: &Path) {
    if !is_root() {
        return;
    }
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        std::fs::read_dir(path).unwrap().for_each(|entry| own(&entry.unwrap().path()));
    }
}

/// Puts an empty database into `folder`, and the user that the tests log in as. Each test makes its own (it takes two seconds):
/// one that is kept in a static would never be dropped, and stay behind.
fn install_mariadb(folder: &Path) {
    let data = folder.join("data");
    std::fs::create_dir(&data).unwrap();
    own(folder);
    let mut command = Command::new(find("mariadb-install-db").expect("mariadb-install-db beside mariadbd"));
    command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    command.arg(format!("--datadir={}", data.display()));
    // A server that starts removes the temporary tables that it finds there, also those of another one.
    command.env("TMPDIR", folder);
    let output = as_nobody(&mut command).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let init = format!(
        "CREATE USER IF NOT EXISTS 'webapp'@'%' IDENTIFIED BY '{PASSWORD}';\nGRANT ALL PRIVILEGES ON *.* TO 'webapp'@'%';\n"
    );
    std::fs::write(folder.join("init.sql"), init).unwrap();
}
