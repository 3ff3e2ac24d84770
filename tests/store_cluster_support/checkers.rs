//! Writers and readers who know the versions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{ROWS, ask};

pub const WRITERS: u64 = 3;

/// What was acknowledged, and what is wrong.
#[derive(Default)]
pub struct Ledger {
    /// By row: version and when it was acknowledged, in order.
    acknowledged: Mutex<HashMap<u64, Vec<(u64, Instant)>>>,
    pub writes: AtomicU64,
    pub reads: AtomicU64,
    /// Writes that were sent and not answered: nobody knows.
    pub unknown: AtomicU64,
    refused_reads: Mutex<Vec<String>>,
    refused_writes: Mutex<Vec<String>>,
    pub problems: Mutex<Vec<String>>,
}

impl Ledger {
    /// The newest version of a row that was acknowledged until then; rows begin with 1.
    pub fn version_at(&self, id: u64, moment: Instant) -> u64 {
        let acknowledged = self.acknowledged.lock().unwrap();
        let of_row = acknowledged.get(&id).map_or(&[][..], Vec::as_slice);
        of_row.iter().rev().find(|(_, when)| *when <= moment).map_or(1, |(version, _)| *version)
    }

    pub fn last_version(&self, id: u64) -> u64 {
        self.version_at(id, Instant::now())
    }

    /// A writer has rows of its own, so that it knows which version comes next.
    pub fn write(&self, node: &str, id: u64) {
        let next = self.last_version(id) + 1;
        // A refusal says that nothing was written; no answer, or one that came too late, says nothing.
        match ask(node, "PUT", &format!("/item?id={id}"), &format!("{id} {next}")) {
            Ok(answer) if answer.status == 200 => {
                let version = answer.json()["result"]["version"].as_u64().unwrap();
                let unknown = self.unknown.load(Ordering::SeqCst);
                if version < next || version > next + unknown {
                    self.problem(format!("row {id} got version {version} after {}", next - 1));
                }
                let mut acknowledged = self.acknowledged.lock().unwrap();
                acknowledged.entry(id).or_default().push((version, Instant::now()));
                self.writes.fetch_add(1, Ordering::SeqCst);
            }
            Ok(answer) => {
                // Known to be away, it was not asked; what was under way when it died may have been done.
                self.unknown.fetch_add(1, Ordering::SeqCst);
                self.refused_writes.lock().unwrap().push(answer.text());
            }
            Err(why) => self.problem(format!("a node gave no answer: {why}")),
        }
    }

    pub fn read(&self, node: &str, id: u64) {
        let start = Instant::now();
        match ask(node, "GET", &format!("/item?id={id}"), "") {
            Ok(answer) if answer.status == 200 => {
                self.reads.fetch_add(1, Ordering::SeqCst);
                let body = answer.json();
                let row = &body["result"];
                let (version, value) = (row["version"].as_u64().unwrap(), row["value"].as_str().unwrap());
                if row["id"] != id || (version > 1 && !value.starts_with(&format!("{id} "))) {
                    self.problem(format!("asked for {id}, got {row}"));
                }
                let lag = body["lag_milliseconds"].as_f64().unwrap_or(0.0);
                let covered = start.checked_sub(Duration::from_secs_f64(lag / 1e3));
                let least = covered.map_or(1, |covered| self.version_at(id, covered));
                if version < least {
                    self.problem(format!("row {id} is of version {version}, {least} was acknowledged before: {body}"));
                }
            }
            Ok(answer) => self.refused_reads.lock().unwrap().push(answer.text()),
            Err(why) => self.problem(format!("a node gave no answer: {why}")),
        }
    }

    /// The rows of a tag: all ten, none older than what was acknowledged before.
    pub fn read_tag(&self, node: &str, tag: u64) {
        let least: Vec<u64> = (0..10).map(|number| self.last_version(10 * tag + number)).collect();
        match ask(node, "GET", &format!("/items?tag={tag}"), "") {
            Ok(answer) if answer.status == 200 => {
                self.reads.fetch_add(1, Ordering::SeqCst);
                let body = answer.json();
                let rows = body["result"].as_array().unwrap();
                let ids: Vec<u64> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
                if !ids.iter().copied().eq(10 * tag..10 * tag + 10) {
                    self.problem(format!("the tag {tag} has the rows {ids:?}"));
                }
                for (row, least) in rows.iter().zip(least) {
                    if row["version"].as_u64().unwrap() < least {
                        self.problem(format!("{row} among the rows of a tag, {least} was acknowledged before"));
                    }
                }
            }
            Ok(answer) => self.refused_reads.lock().unwrap().push(answer.text()),
            Err(why) => self.problem(format!("a node gave no answer: {why}")),
        }
    }

    pub fn problem(&self, text: String) {
        self.problems.lock().unwrap().push(text);
    }

    /// Every row as a node gives it now: how many acknowledged writes are missing.
    pub fn missing(&self, node: &str) -> u64 {
        let missing = |id| {
            let now = ask(node, "GET", &format!("/item?id={id}"), "").unwrap().json()["result"]["version"].as_u64();
            self.last_version(id).saturating_sub(now.unwrap_or_else(|| panic!("row {id} is gone")))
        };
        (0..ROWS).map(missing).sum()
    }

    /// What was asked, for who looks at a long run.
    pub fn say(&self, what: &str) {
        let [reads, writes] = [&self.reads, &self.writes].map(|count| count.load(Ordering::SeqCst));
        println!("{what}: {reads} reads and {writes} writes were answered");
    }

    pub fn take_refused(&self) -> [Vec<String>; 2] {
        [&self.refused_reads, &self.refused_writes].map(|refused| std::mem::take(&mut *refused.lock().unwrap()))
    }
}

/// Writers and readers, until it is dropped.
pub struct Checkers {
    over: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Checkers {
    /// The fourth reader asks for tags.
    pub fn start(ledger: &Arc<Ledger>, nodes: &[String], readers: u64) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let spawn = |number: u64| {
            let (ledger, over) = (Arc::clone(ledger), Arc::clone(&over));
            let node = nodes[number as usize % nodes.len()].clone();
            std::thread::spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    if number < WRITERS {
                        ledger.write(&node, fastrand::u64(..ROWS / WRITERS) * WRITERS + number);
                    } else if number == WRITERS + 3 {
                        ledger.read_tag(&node, fastrand::u64(..ROWS / 10));
                    } else {
                        ledger.read(&node, fastrand::u64(..ROWS));
                    }
                    // Servers that start meanwhile need the processor, too.
                    std::thread::sleep(Duration::from_millis(2));
                }
            })
        };
        Self { threads: (0..WRITERS + readers).map(spawn).collect(), over }
    }
}

impl Drop for Checkers {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}
