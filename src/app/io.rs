//! `GET /io?mb=N`: writes N MB (10^6 bytes) to a file, syncs it to the disk, reads it back from there, and removes it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use crate::http::{Peer, Problem, Reply, Request};

use super::Inner;
use super::format::Format;
use super::query::Query;
use super::work::{DemoRequest, in_pool, milliseconds};

const MB: u64 = 1_000_000;
/// Written and read at once; between two of them a client that has gone is noticed.
const CHUNK: usize = 1 << 20;

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let megabytes = Query::new(request.query).number("mb", app.config.caps.io_bytes / MB)?;
    let asked = DemoRequest::new(format, json!({ "mb": megabytes }));
    let inner = app.clone();
    Ok(in_pool(app, asked, move |peer| {
        let directory = &inner.config.io_dir;
        write_and_read(directory, megabytes * MB, peer).map_err(|error| {
            log::warn!("/io in {}: {error}", directory.display());
            Problem::new(503, format!("the disk did not take it: {error}")).header("Retry-After", "1")
        })
    }))
}

/// The times of each step, ms. The file has no name from its first moment on, so nothing can stay behind.
fn write_and_read(directory: &Path, bytes: u64, peer: &Peer) -> io::Result<Value> {
    let mut file = nameless(directory)?;
    let mut buffer = vec![b'x'; CHUNK];
    let start = Instant::now();
    let mut left = bytes;
    while left > 0 {
        if peer.is_gone() {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "nobody waited for the answer any more"));
        }
        let part = left.min(CHUNK as u64) as usize;
        file.write_all(&buffer[..part])?;
        left -= part as u64;
    }
    let written = Instant::now();
    file.sync_all()?;
    let synced = Instant::now();
    // Only makes the kernel read from the disk again.
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
    file.seek(SeekFrom::Start(0))?;
    let mut read = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => read += count as u64,
        }
        if peer.is_gone() {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "nobody waited for the answer any more"));
        }
    }
    if read != bytes {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("wrote {bytes} bytes and read {read}")));
    }
    Ok(json!({
        "written_bytes": bytes,
        "read_bytes": read,
        "write_milliseconds": milliseconds(written - start),
        "sync_milliseconds": milliseconds(synced - written),
        "read_milliseconds": milliseconds(synced.elapsed()),
    }))
}

/// A file without a name; where the file system has no such thing, one whose name is removed at once.
fn nameless(directory: &Path) -> io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    match options.clone().custom_flags(libc::O_TMPFILE).open(directory) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR | libc::EINVAL)) => {}
        other => return other,
    }
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = directory.join(format!(".webapp-io-{}-{number}", std::process::id()));
    let file = options.create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
