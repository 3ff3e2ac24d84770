//! A local authority and its certificate for https://dev.acme.com.ar on this machine: by mkcert where that is, else openssl.
//!
//! ```text
//! authority.pem     what a client has to trust
//! authority.key     openssl's authority only; mkcert keeps its own
//! server.pem        certificate and key, as HAProxy and nginx read them
//! ```

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::contract::TlsAnswer;
use super::program::{self, Needed};
use super::reporter::Reporter;
use super::settings::{ClusterSettings, Tls};
use super::state::{self, ClusterFolder};
use crate::kernel::Root;

/// The name of the certificate.
pub const NAME: &str = "dev.acme.com.ar";

/// What is needed where there is no mkcert.
pub const OPENSSL: Needed = Needed { program: "openssl", package: "openssl" };

/// The reason for each: an authority that a laptop trusts is a danger if its key leaks, so this one may sign names of this
/// laboratory only.
const AUTHORITY_EXTENSIONS: [&str; 3] = [
    "basicConstraints=critical,CA:TRUE,pathlen:0",
    "keyUsage=critical,keyCertSign,cRLSign",
    "nameConstraints=critical,permitted;DNS:dev.acme.com.ar,permitted;DNS:localhost,permitted;IP:127.0.0.0/255.0.0.0,permitted;IP:0:0:0:0:0:0:0:1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

const SERVER_EXTENSIONS: &str = "basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:dev.acme.com.ar,DNS:localhost,IP:127.0.0.1,IP:::1
authorityKeyIdentifier = keyid
";

const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/// The folder of authority and certificate.
pub fn folder(tls: &Tls, cluster: &ClusterFolder) -> PathBuf {
    tls.authority.clone().unwrap_or_else(|| cluster.path().join("tls"))
}

/// Strict-Transport-Security holds for every port of a name (RFC 6797, 8.3). On another port than 443 it would keep browsers
/// from the plain port for a year, of this cluster and of every other with the same name.
pub fn may_be_strict(tls: &Tls) -> bool {
    tls.port == 443
}

/// What the cluster answers about it.
pub fn answer(tls: &Tls, cluster: &ClusterFolder) -> TlsAnswer {
    TlsAnswer {
        target: format!("https://{NAME}:{}", tls.port),
        authority: folder(tls, cluster).join("authority.pem").display().to_string(),
        http2: tls.http2,
    }
}

/// Afterwards `server.pem` is there and good for another month. Gives the command that makes a machine trust the authority.
///
/// # Errors
/// When neither mkcert nor openssl makes a certificate.
pub fn prepare(folder: &Path) -> anyhow::Result<String> {
    state::make_private(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let by_openssl = format!(
        "sudo cp {}/authority.pem /usr/local/share/ca-certificates/webapp.crt && sudo update-ca-certificates",
        folder.display()
    );
    if still_good(folder) {
        return Ok(by_openssl);
    }
    if program::find("mkcert").is_some() {
        return by_mkcert(folder);
    }
    make_by_openssl(folder)?;
    Ok(by_openssl)
}

/// The certificate lasts, and the authority is the one that signed it.
fn still_good(folder: &Path) -> bool {
    let server = folder.join("server.pem");
    let is_filled = fs::metadata(&server).is_ok_and(|facts| facts.len() > 0);
    if !is_filled || program::find("openssl").is_none() {
        return is_filled;
    }
    let says_yes = |command: &mut Command| program::output(command).is_ok_and(|output| output.status.success());
    says_yes(Command::new("openssl").args(["x509", "-noout", "-checkend", "2592000", "-in"]).arg(&server))
        && says_yes(Command::new("openssl").args(["verify", "-CAfile"]).arg(folder.join("authority.pem")).arg(&server))
}

fn by_mkcert(folder: &Path) -> anyhow::Result<String> {
    let asked = program::output(Command::new("mkcert").arg("-CAROOT"))?;
    // The authority that this user's browsers trust already, if there is one; else a new one beside the certificate.
    let users = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
    let root = if users.join("rootCA.pem").is_file() { users } else { folder.to_owned() };
    let mut mkcert = private("mkcert", folder);
    mkcert.env("CAROOT", &root).args(["-ecdsa", "-cert-file", "server.crt", "-key-file", "server.key"]);
    must(mkcert.args([NAME, "localhost", "127.0.0.1", "::1"]))?;
    fs::copy(root.join("rootCA.pem"), folder.join("authority.pem")).context("cannot copy mkcert's authority")?;
    join_server(folder)?;
    Ok(format!("CAROOT={} mkcert -install", root.display()))
}

fn make_by_openssl(folder: &Path) -> anyhow::Result<()> {
    OPENSSL.find()?;
    let openssl = || private("openssl", folder);
    if !folder.join("authority.key").is_file() || !folder.join("authority.pem").is_file() {
        let user = std::env::var("USER").unwrap_or_else(|_| rustix::process::getuid().as_raw().to_string());
        let host = Root::real().read("/proc/sys/kernel/hostname").unwrap_or_else(|_| "localhost".to_owned());
        let subject = format!("/O=webapp laboratory/CN=webapp local authority of {user}@{}", host.trim());
        let mut make = openssl();
        make.args(["req", "-x509", "-new"]).args(NEW_KEY).args(["-keyout", "authority.key", "-out", "authority.pem"]);
        make.args(["-days", "825", "-subj", &subject]);
        must(make.args(AUTHORITY_EXTENSIONS.iter().flat_map(|extension| ["-addext", extension])))?;
    }
    let subject = format!("/CN={NAME}");
    let mut ask = openssl();
    ask.args(["req", "-new"]).args(NEW_KEY).args(["-keyout", "server.key", "-subj", &subject, "-out", "server.csr"]);
    must(&mut ask)?;
    state::write_file(&folder.join("server.cnf"), SERVER_EXTENSIONS)?;
    let serial = format!("0x{:032x}", fastrand::u128(1..u128::MAX >> 1));
    let mut sign = openssl();
    sign.args(["x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key"]);
    sign.args(["-set_serial", &serial, "-days", "397", "-sha256", "-extfile", "server.cnf", "-out", "server.crt"]);
    must(&mut sign)?;
    join_server(folder)?;
    for file in ["server.csr", "server.cnf"] {
        let _ = fs::remove_file(folder.join(file));
    }
    Ok(())
}

/// A program that makes files for its owner only, in that folder.
fn private(program: &str, folder: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"umask 077; exec "$@""#, "sh", program]).current_dir(folder);
    command
}

fn must(command: &mut Command) -> anyhow::Result<()> {
    let output = program::output(command)?;
    let name = command.get_args().nth(3).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    ensure!(output.status.success(), "{name} failed: {}", program::words(&output));
    Ok(())
}

/// Certificate and key in one file, as the balancers read them.
fn join_server(folder: &Path) -> anyhow::Result<()> {
    let parts = ["server.crt", "server.key"].map(|file| folder.join(file));
    let server = folder.join("server.pem");
    let join = || -> std::io::Result<()> {
        let new = folder.join("server.pem.new");
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        for part in &parts {
            file.write_all(&fs::read(part)?)?;
            fs::remove_file(part)?;
        }
        fs::rename(new, &server)
    };
    join().with_context(|| format!("cannot write {}", server.display()))
}

/// What a person does once, so that a browser shows a lock.
pub fn explain(settings: &ClusterSettings, tls: &Tls, cluster: &ClusterFolder, trust: &str, reporter: Reporter) {
    let authority = folder(tls, cluster).join("authority.pem");
    let (authority, port, bind) = (authority.display(), tls.port, settings.bind);
    reporter.step(format_args!("https://{NAME}:{port}/ needs one line in /etc/hosts:"));
    reporter.step(format_args!("    {} {NAME}", bind.reachable()));
    reporter.step(format_args!("and trust in the local authority {authority}:"));
    reporter.step(format_args!("    {trust}"));
    reporter.step("(Firefox: Settings, Certificates, Authorities, Import.) Without either:");
    reporter.step(format_args!(
        "    curl --cacert {authority} --resolve {NAME}:{port}:{} https://{NAME}:{port}/whoami",
        bind.reachable_host()
    ));
    if tls.authority.is_none() {
        reporter.step("This authority goes with the cluster; --authority FOLDER keeps one for the next.");
    }
}
