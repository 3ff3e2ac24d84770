//! Makes the rows of a store: `webapp store seed`. Safe to run again: rows that are there stay as they are.

use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use super::client::{Client, Failure};
use super::connect::connect;
use super::mysql::Mysql;
use super::shard::Share;
use super::target::Target;

/// Rows of one batch: large enough that a round trip or a sync is nothing beside it, small enough to be over in a moment.
const BATCH: u64 = 1_000;

/// Makes the schema, and of the rows with the ids from 0 to `rows` those that `share` has. `timeout` bounds each wait for the
/// store; `progress` is told up to which id the rows are there after each batch, and may end it there. Gives up to which id they are.
///
/// # Errors
/// The first failure; what was made until then stays, and the next run goes on from there.
pub fn seed(
    target: &Target,
    share: Share,
    rows: u64,
    timeout: Duration,
    progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<u64, Failure> {
    if let Target::Mysql(remote) = target {
        Mysql::create_database(remote, timeout)?;
    }
    let mut client = connect(target, timeout)?;
    fill(&mut *client, share, rows, timeout, progress)
}

fn fill(
    client: &mut dyn Client,
    share: Share,
    rows: u64,
    timeout: Duration,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<u64, Failure> {
    client.create_schema(Instant::now() + timeout)?;
    for batch in batches(rows) {
        let end = batch.end;
        let ids: Vec<u64> = batch.filter(|id| share.has(*id)).collect();
        client.add_rows(&ids, Instant::now() + timeout)?;
        if progress(end).is_break() {
            return Ok(end);
        }
    }
    Ok(rows)
}

fn batches(rows: u64) -> impl Iterator<Item = Range<u64>> {
    (0..rows).step_by(BATCH as usize).map(move |start| start..(start + BATCH).min(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_between_two_batches_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::Sqlite(folder.path().join("s.db"));
        let patience = Duration::from_secs(60);
        let mut seen = Vec::new();
        let stop_after_two = |rows| {
            seen.push(rows);
            if rows >= 2_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        assert_eq!(seed(&target, Share::ALL, 5_000, patience, stop_after_two), Ok(2_000));
        assert_eq!(seen, [1_000, 2_000]);
        assert_eq!(seed(&target, Share::ALL, 5_000, patience, |_| ControlFlow::Continue(())), Ok(5_000));
    }

    #[test]
    fn batches_hold_every_row_once() {
        for rows in [0, 1, 999, 1_000, 1_001, 100_000] {
            let ids: Vec<u64> = batches(rows).flatten().collect();
            assert!(ids.into_iter().eq(0..rows), "{rows}");
        }
    }
}
