//! `GET /items?tag=N&index=yes|no`: the rows with that tag, by an index or by a scan of every row: what an index is worth.

use std::sync::Arc;

use serde::Serialize;

use crate::http::{Peer, Problem, Reply, Request, Response};
use crate::store::{Item, LARGEST_ID, Lookup};

use super::Inner;
use super::format::Format;
use super::json::json;
use super::query::Query;
use super::state::{Asking, ask, total_milliseconds};
use super::work::run;

/// A row as answers show it.
#[derive(Serialize)]
struct Row {
    id: u64,
    tag: u64,
    value: String,
    version: u64,
}

impl From<Item> for Row {
    fn from(Item { id, tag, value, version }: Item) -> Self {
        Self { id, tag, value, version }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    tag: u64,
    index: &'static str,
    result: Vec<Row>,
    store: &'static str,
    node: &'a str,
    milliseconds: f64,
}

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let query = Query::new(request.query);
    let tag = query.number("tag", LARGEST_ID)?;
    let choices = [("yes", Lookup::Index), ("no", Lookup::Scan)];
    let lookup = query.choice("index", &choices)?.unwrap_or(Lookup::Index);
    let plain = format == Format::Text;
    let app = app.clone();
    Ok(Reply::Later(Box::new(move |peer| find(&app, peer, tag, lookup, plain).unwrap_or_else(Response::from))))
}

fn find(app: &Arc<Inner>, peer: &Peer, tag: u64, lookup: Lookup, plain: bool) -> Result<Response, Problem> {
    let store = &app.state.store;
    let by_tag = move |asking: &mut Asking<'_>| asking.ask(|store, waiting| store.by_tag(tag, lookup, waiting.gone()));
    let (rows, times) = if store.is_here() && lookup == Lookup::Scan {
        // Looking at every row of the node's own store is computing, which no coroutine does.
        let inside = app.clone();
        let done = run(app, peer, move |peer| ask(&inside, &inside.state.store, Some(peer), by_tag))?;
        let (rows, mut times) = done.value?;
        times.queued += done.queued;
        (rows, times)
    } else {
        ask(app, store, Some(peer), by_tag)?
    };
    if plain {
        let lines: Vec<String> = rows.into_iter().map(|row| row.value).collect();
        return Ok(times.on(Response::text(&lines.join("\n"))));
    }
    let answer = Answer {
        tag,
        index: match lookup {
            Lookup::Index => "yes",
            Lookup::Scan => "no",
        },
        result: rows.into_iter().map(Row::from).collect(),
        store: store.kind().name(),
        node: &app.config.node,
        milliseconds: total_milliseconds(times),
    };
    Ok(times.on(json(&answer)))
}
