//! What an autoscaler tells of this cluster, for `/cluster` and the live page: it writes a file, the node reads it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::lock::lock;
use crate::results::scaling::{MachineSupply, Told};

/// Largest file that is read, bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// The file, and what it said last.
pub(super) struct ScalingFile {
    path: Option<PathBuf>,
    told: Mutex<Option<Told>>,
}

/// What `/cluster` says of the autoscaler: ages in place of moments, as a browser has another clock.
#[derive(Debug, PartialEq, Serialize)]
struct Shown<'a> {
    ready: u32,
    wanted: u32,
    machines: Option<MachineSupply>,
    reason: &'a str,
    age_seconds: f64,
    changes: Vec<ShownChange<'a>>,
}

#[derive(Debug, PartialEq, Serialize)]
struct ShownChange<'a> {
    age_seconds: f64,
    units: u32,
    wanted: u32,
    reason: &'a str,
}

impl ScalingFile {
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, told: Mutex::default() }
    }

    /// Whether there may be something to read.
    pub fn is_named(&self) -> bool {
        self.path.is_some()
    }

    /// Reads the file again. One that is not there, or holds something else, tells nothing.
    pub fn read(&self) {
        if let Some(path) = &self.path {
            *lock(&self.told) = read(path);
        }
    }

    /// As JSON: an object, or `null` where no autoscaler is at work.
    pub fn json(&self) -> Vec<u8> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let told = lock(&self.told);
        let shown = told.as_ref().filter(|told| told.is_fresh(now)).map(|told| shown(told, now));
        // Plain fields cannot fail to be written.
        serde_json::to_vec(&shown).unwrap_or_else(|_| b"null".to_vec())
    }
}

fn read(path: &Path) -> Option<Told> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn shown(told: &Told, now: f64) -> Shown<'_> {
    let age = |moment: f64| ((now - moment).max(0.0) * 10.0).round() / 10.0;
    let changes = told.changes.iter().take(Told::CHANGES).map(|change| ShownChange {
        age_seconds: age(change.at_unix_seconds),
        units: change.units,
        wanted: change.wanted,
        reason: &change.reason,
    });
    Shown {
        ready: told.ready,
        wanted: told.wanted,
        machines: told.machines,
        reason: &told.reason,
        age_seconds: age(told.at_unix_seconds),
        changes: changes.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::scaling::ToldChange;

    fn told() -> Told {
        let change = |at: f64| ToldChange { at_unix_seconds: at, units: 2, wanted: 3, reason: "queue 9".into() };
        Told {
            at_unix_seconds: 1000.0,
            interval_seconds: 15.0,
            ready: 2,
            wanted: 3,
            machines: None,
            reason: "cpu 60 %".into(),
            changes: (0..9).map(|number| change(990.0 - f64::from(number))).collect(),
        }
    }

    #[test]
    fn moments_become_ages() {
        let told = told();
        let shown = shown(&told, 1002.04);
        assert_eq!((shown.ready, shown.wanted, shown.age_seconds, shown.changes.len()), (2, 3, 2.0, 5));
        assert_eq!((shown.changes[0].age_seconds, shown.changes[1].age_seconds), (12.0, 13.0));
        assert!(told.is_fresh(1060.0) && !told.is_fresh(1061.0));
    }

    #[test]
    fn a_file_that_is_not_there_or_holds_something_else_tells_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scaling");
        let file = ScalingFile::new(Some(path.clone()));
        let json = || {
            file.read();
            String::from_utf8(file.json()).unwrap()
        };
        assert_eq!(json(), "null");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let fresh = Told { at_unix_seconds: now, ..told() };
        std::fs::write(&path, serde_json::to_string(&fresh).unwrap()).unwrap();
        assert!(
            json().starts_with("{\"ready\":2,\"wanted\":3,\"machines\":null,\"reason\":\"cpu 60 %\","),
            "{}",
            json()
        );
        std::fs::write(&path, serde_json::to_string(&told()).unwrap()).unwrap();
        assert_eq!(json(), "null", "its writer is gone");
        std::fs::write(&path, "nonsense").unwrap();
        assert_eq!(json(), "null");
    }
}
