//! `GET /items?tag=N&index=yes|no`: the rows with that tag, by an index or by a scan of every row: what an index is worth.

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::cache::Key;
use crate::http::{Problem, Reply, Request};
use crate::store::{Item, LARGEST_ID, Lookup, Reads};

use super::Inner;
use super::cache;
use super::format::Format;
use super::json::put_number;
use super::own_writes;
use super::place::WorkPlace;
use super::query::Query;
use super::question::{Question, Worked};
use super::state::{Asking, ask_here};
use super::waiting::Waiting;

/// A row as answers show it.
#[derive(Serialize, Deserialize)]
struct TaggedRow {
    id: u64,
    tag: u64,
    value: String,
    version: u64,
}

impl From<Item> for TaggedRow {
    fn from(Item { id, tag, value, version }: Item) -> Self {
        Self { id, tag, value, version }
    }
}

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let query = Query::new(request.query);
    let tag = query.number("tag", LARGEST_ID)?;
    let choices = [("yes", Lookup::Index), ("no", Lookup::Scan)];
    let lookup = query.choice("index", &choices)?.unwrap_or(Lookup::Index);
    cache::answer(app, request, format, RowsWithTag { tag, lookup, reads: own_writes::reads(app, request) })
}

/// The rows with a tag.
struct RowsWithTag {
    tag: u64,
    lookup: Lookup,
    reads: Reads,
}

impl Question for RowsWithTag {
    fn key(&self) -> Key {
        key(self.tag, self.lookup)
    }

    fn is_pure(&self) -> bool {
        false
    }

    fn is_quick(&self, app: &Inner) -> bool {
        app.state.store.is_here() && self.lookup == Lookup::Index
    }

    fn work_out(&self, place: &WorkPlace<'_>) -> Result<Worked, Problem> {
        let (asked, store) = (Instant::now(), &place.app.state.store);
        let (tag, lookup, reads) = (self.tag, self.lookup, self.reads);
        let find = move |asking: &mut Asking<'_>| {
            asking.ask(|store, waiting| store.by_tag(tag, lookup, reads, waiting.gone()))
        };
        let (rows, times) = if store.is_here() && lookup == Lookup::Scan {
            // Looking at every row of the node's own store is computing, which no coroutine does.
            let inside = store.clone();
            let (found, computed) = place.compute(move || ask_here(&inside, Waiting::nobody(), find))?;
            let (rows, mut times) = found?;
            times.queued += computed.queued;
            (rows, times)
        } else {
            place.ask(store, find)?
        };
        let rows: Vec<TaggedRow> = rows.into_iter().map(TaggedRow::from).collect();
        // None of these values can fail to be written.
        Ok(Worked { result: serde_json::to_vec(&rows).unwrap_or_default(), times, known: times.known(asked) })
    }

    fn put_parameters(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(b"\"tag\":");
        put_number(body, self.tag);
        body.extend_from_slice(match self.lookup {
            Lookup::Index => b",\"index\":\"yes\"",
            Lookup::Scan => b",\"index\":\"no\"",
        });
    }

    fn store(&self, app: &Inner) -> Option<&'static str> {
        Some(app.state.store.kind().name())
    }

    fn version(&self, _result: &[u8]) -> Option<(u64, u64)> {
        None
    }

    fn must_be_fresh(&self) -> bool {
        self.reads == Reads::Primary
    }

    fn text(&self, result: &[u8]) -> String {
        values(result)
    }
}

/// What the rows of a tag are kept under, by index and by scan.
pub(super) fn keys(tag: u64) -> [Key; 2] {
    [Lookup::Index, Lookup::Scan].map(|lookup| key(tag, lookup))
}

fn key(tag: u64, lookup: Lookup) -> Key {
    let variant = match lookup {
        Lookup::Index => "index",
        Lookup::Scan => "scan",
    };
    Key { address: "items", number: tag, variant }
}

/// The values of one row or several as JSON, each on its line.
pub(super) fn values(result: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrSeveral {
        Several(Vec<TaggedRow>),
        One(TaggedRow),
    }
    // What was kept is what was written here.
    let rows = serde_json::from_slice(result).map_or_else(
        |_| Vec::new(),
        |rows| match rows {
            OneOrSeveral::Several(rows) => rows,
            OneOrSeveral::One(row) => vec![row],
        },
    );
    rows.into_iter().map(|row| row.value).collect::<Vec<_>>().join("\n")
}
