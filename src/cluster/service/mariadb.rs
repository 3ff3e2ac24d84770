//! A MariaDB server: for rows and sessions, on disk.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::kind::{Program, ServerPlace};
use crate::cluster::program::Needed;

/// What the server runs at each start.
const INIT: &str = "init.sql";
/// Where Debian's mariadb-server-core, and the packages of mariadb.org, keep the definitions of the system tables.
const DEFINITIONS: [&str; 2] = ["/usr/share/mysql", "/usr/share/mariadb"];
/// The files of those that a server cannot do without. mariadb-install-db adds help texts, time zones and views, which take four
/// times as long and nobody here asks for.
const TABLES: [&str; 2] = ["mysql_system_tables.sql", "mysql_system_tables_data.sql"];
/// Longest path of a socket (unix(7)), without the zero at its end.
const LONGEST_SOCKET: usize = 107;

/// See the file.
pub struct MariadbProgram;

fn word(name: &str, path: &Path) -> OsString {
    let mut word = OsString::from(format!("--{name}="));
    word.push(path);
    word
}

/// What holds for installing and serving.
fn common(place: &ServerPlace) -> Vec<OsString> {
    let ServerPlace { program, folder, .. } = place;
    let mut words = vec![program.clone().into_os_string(), "--no-defaults".into()];
    words.extend([word("datadir", &folder.join("data")), word("tmpdir", folder)]);
    words.extend(["--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M"].map(OsString::from));
    words
}

fn socket(place: &ServerPlace) -> PathBuf {
    place.folder.join("s")
}

/// The statements that make the system tables.
fn definitions() -> anyhow::Result<String> {
    let folder = DEFINITIONS.iter().map(Path::new).find(|folder| folder.join(TABLES[0]).is_file());
    let folder = folder.with_context(|| format!("cannot find {} in {}", TABLES[0], DEFINITIONS.join(" or ")))?;
    let mut text = "create database if not exists mysql;\nuse mysql;\n".to_owned();
    for name in TABLES {
        let path = folder.join(name);
        text.push_str(&fs::read_to_string(&path).with_context(|| path.display().to_string())?);
    }
    Ok(text)
}

impl Program for MariadbProgram {
    fn needed(&self) -> Needed {
        Needed { program: "mariadbd", package: "mariadb-server-core" }
    }

    fn accounts(&self) -> &'static [&'static str] {
        &["mysql"]
    }

    /// The one user that there is, and the database. Root without a password, whom every MariaDB begins with, goes.
    fn files(&self, place: &ServerPlace) -> Vec<(&'static str, String)> {
        let password = &place.password;
        let operator = place.replication.as_ref().map(|replication| operator(&replication.operator_password));
        let operator = operator.unwrap_or_default();
        // Not in the binary log: each server has its own users.
        let text = format!(
            "SET SESSION sql_log_bin = 0;\n\
             DELETE FROM mysql.global_priv WHERE User NOT IN ('webapp', 'operator', 'mariadb.sys');\nFLUSH PRIVILEGES;\n\
             CREATE DATABASE IF NOT EXISTS webapp;\n\
             CREATE USER IF NOT EXISTS 'webapp'@'%' IDENTIFIED BY '{password}';\n\
             GRANT ALL PRIVILEGES ON webapp.* TO 'webapp'@'%';\n{operator}"
        );
        vec![(INIT, text)]
    }

    /// As mariadb-install-db does it: a server without clients reads the definitions.
    fn install(&self, place: &ServerPlace) -> anyhow::Result<()> {
        let socket = socket(place);
        ensure!(
            socket.as_os_str().len() <= LONGEST_SOCKET,
            "{} is too long for a socket: name a shorter folder with WEBAPP_STATE_DIR",
            socket.display()
        );
        if place.folder.join("data").is_dir() {
            return Ok(());
        }
        // Under another name until it is whole: an interrupted installation is not a database.
        let unfinished = place.folder.join("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        for folder in [unfinished.clone(), unfinished.join("mysql")] {
            fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
            place.account.map_or(Ok(()), |account| account.own(&folder))?;
        }
        let statements = place.folder.join("install.sql");
        fs::write(&statements, definitions()?).with_context(|| statements.display().to_string())?;
        let words = place.account.map(|account| account.prefix()).into_iter().flatten().chain(common(place));
        let mut words = words.chain(["--bootstrap", "--max-allowed-packet=8M"].map(OsString::from));
        let mut install = Command::new(words.next().unwrap_or_default());
        install.args(words).arg(word("datadir", &unfinished)).stdin(File::open(&statements)?).stdout(Stdio::null());
        let output = install.output().context("cannot start mariadbd")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "mariadbd cannot make its system tables: {}", last_error(&said));
        let _ = fs::remove_file(statements);
        fs::rename(unfinished, place.folder.join("data")).context("cannot name the folder of the data")
    }

    /// Under a quota, a thread a connection would be stopped while it holds what others wait for: half as many calls, and ten times the
    /// p99. Hence as many threads as cores.
    fn command(&self, place: &ServerPlace) -> Vec<OsString> {
        let ServerPlace { folder, port, number, cores, .. } = place;
        let mut words = common(place);
        words.extend([word("socket", &socket(place)), word("pid-file", &folder.join("pid"))]);
        words.extend([word("init-file", &folder.join(INIT)), format!("--port={port}").into()]);
        words.extend([format!("--server-id={number}").into(), "--bind-address=127.0.0.1".into()]);
        let fixed = [
            "--skip-name-resolve",
            "--performance-schema=OFF",
            "--query-cache-type=0",
            "--max-connections=1000",
            // As a primary that replicas may follow.
            "--log-bin=binlog",
            "--log-slave-updates",
            "--gtid-strict-mode=ON",
            "--binlog-format=ROW",
            "--skip-slave-start",
            // To the file with each write, to the disk once a second: a server that is killed loses nothing, a machine without
            // power up to a second. The disk of a laptop would be the limit of every experiment else.
            "--innodb-flush-log-at-trx-commit=2",
            "--sync-binlog=0",
        ];
        words.extend(fixed.map(OsString::from));
        if place.replication.as_ref().is_some_and(|replication| replication.follows.is_some()) {
            words.push("--read-only".into());
        }
        if let Some(cores) = cores {
            words.extend(["--thread-handling=pool-of-threads".into(), format!("--thread-pool-size={cores}").into()]);
        }
        words
    }

    fn url(&self, place: &ServerPlace) -> String {
        format!("mysql://webapp:{}@127.0.0.1:{}/webapp", place.password, place.port)
    }

    fn operator_url(&self, place: &ServerPlace) -> String {
        let password = place.replication.as_ref().map_or("", |replication| &replication.operator_password);
        format!("mysql://operator:{password}@127.0.0.1:{}", place.port)
    }
}

/// Who makes replicas, and as whom a replica asks its primary: may do just that.
fn operator(password: &str) -> String {
    format!(
        "CREATE USER IF NOT EXISTS 'operator'@'%' IDENTIFIED BY '{password}';\n\
         GRANT RELOAD, REPLICATION SLAVE, REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN, READ_ONLY ADMIN, \
         BINLOG MONITOR, SLAVE MONITOR ON *.* TO 'operator'@'%';\n"
    )
}

fn last_error(said: &str) -> &str {
    said.lines().rev().find(|line| line.to_lowercase().contains("error")).unwrap_or(said.trim())
}
