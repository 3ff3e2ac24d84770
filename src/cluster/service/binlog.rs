//! What a dead primary wrote and did not pass on, by its binary log: the transactions there that the new primary has not.
//!
//! The log is a file for each start of the server. Behind four bytes come events: a head of 19 bytes (time 4, type 1, server 4,
//! length 4, end 4, flags 2; all numbers little-endian), then what the type says. A transaction begins with its GTID and ends with
//! its XID (MariaDB Knowledge Base, "Binlog Event Header", "GTID_EVENT"). One without an end was not acknowledged.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

const MAGIC: [u8; 4] = [0xfe, b'b', b'i', b'n'];
const HEAD: usize = 19;
const XID_EVENT: u8 = 16;
const GTID_EVENT: u8 = 162;
/// A flag of a GTID: the next event is all of the transaction, as where a table is made.
const STANDALONE: u8 = 1;

/// How many transactions with a number above `position` the logs in `data` hold from beginning to end.
///
/// # Errors
/// When there is no log, or a file cannot be read.
pub fn transactions_after(data: &Path, position: u64) -> anyhow::Result<u64> {
    let files = files(data)?;
    ensure!(!files.is_empty(), "{} holds no binary log", data.display());
    let count = |path: &PathBuf| {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        count(BufReader::new(file), position).with_context(|| path.display().to_string())
    };
    files.iter().map(count).sum()
}

/// `binlog.000001` and those after it.
fn files(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(data).with_context(|| data.display().to_string())?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let is_log = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix("binlog.").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    Ok(paths.into_iter().filter(is_log).collect())
}

fn count(mut log: impl Read, position: u64) -> anyhow::Result<u64> {
    let mut magic = [0; MAGIC.len()];
    if log.read_exact(&mut magic).is_err() {
        return Ok(0);
    }
    ensure!(magic == MAGIC, "this is not a binary log");
    let (mut count, mut begun) = (0, None);
    while let Some((kind, body)) = event(&mut log)? {
        match (kind, begun) {
            (GTID_EVENT, _) => {
                let number = body.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
                let alone = body.get(12).is_some_and(|flags| flags & STANDALONE != 0);
                count += u64::from(alone && number.is_some_and(|number| number > position));
                begun = number.filter(|_| !alone);
            }
            (XID_EVENT, Some(number)) => {
                count += u64::from(number > position);
                begun = None;
            }
            (_, _) => {}
        }
    }
    Ok(count)
}

/// Type and content of the next event; `None` at the end of the log, and where the server died while it wrote the next one.
fn event(log: &mut impl Read) -> anyhow::Result<Option<(u8, Vec<u8>)>> {
    let mut head = [0; HEAD];
    if log.read_exact(&mut head).is_err() {
        return Ok(None);
    }
    let length = u32::from_le_bytes([head[9], head[10], head[11], head[12]]) as usize;
    ensure!(length >= HEAD, "an event of {length} bytes cannot be");
    let mut body = Vec::new();
    let read = log.take((length - HEAD) as u64).read_to_end(&mut body)?;
    Ok((read == length - HEAD).then_some((head[4], body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(log: &mut Vec<u8>, kind: u8, body: &[u8]) {
        log.extend([0; 4]);
        log.push(kind);
        log.extend([0; 4]);
        log.extend(((HEAD + body.len()) as u32).to_le_bytes());
        log.extend([0; 6]);
        log.extend(body);
    }

    fn gtid(number: u64, flags: u8) -> Vec<u8> {
        [&number.to_le_bytes()[..], &[0; 4], &[flags], &[0; 6]].concat()
    }

    #[test]
    fn whole_transactions_behind_a_position_are_counted() {
        let mut log = MAGIC.to_vec();
        add(&mut log, 15, &[0; 40]);
        add(&mut log, GTID_EVENT, &gtid(1, STANDALONE));
        add(&mut log, 2, b"CREATE TABLE");
        for number in 2..=5 {
            add(&mut log, GTID_EVENT, &gtid(number, 0));
            add(&mut log, 23, &[7; 300]);
            add(&mut log, XID_EVENT, &[0; 8]);
        }
        for (position, behind) in [(0, 5), (1, 4), (3, 2), (5, 0), (9, 0)] {
            assert_eq!(count(&log[..], position).unwrap(), behind, "{position}");
        }
        // The server died while it wrote the last one.
        for cut in 1..300 {
            assert_eq!(count(&log[..log.len() - cut], 3).unwrap(), 1, "{cut}");
        }
        add(&mut log, GTID_EVENT, &gtid(6, 0));
        assert_eq!(count(&log[..], 3).unwrap(), 2, "it has no end");
        assert!(count(&b"text"[..], 0).is_err());
        assert_eq!(count(&b""[..], 0).unwrap(), 0, "made, and not written yet");
    }

    #[test]
    fn files_are_the_logs_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        assert!(transactions_after(folder.path(), 0).unwrap_err().to_string().contains("no binary log"));
        for name in ["binlog.000001", "binlog.000002", "binlog.index", "binlog.state", "ibdata1"] {
            fs::write(folder.path().join(name), if name.contains("0000") { &MAGIC[..] } else { b"text" }).unwrap();
        }
        assert_eq!(transactions_after(folder.path(), 0).unwrap(), 0);
    }
}
