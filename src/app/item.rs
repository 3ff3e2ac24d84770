//! `GET /item?id=N`: one row of the store. `PUT /item?id=N`: writes it (body: the value, 1 kB at most).

use std::sync::Arc;

use serde::Serialize;

use crate::http::{Body, Peer, Problem, Reply, Request, Response};
use crate::store::{Item, LARGEST_ID, LONGEST_VALUE, Store};

use super::Inner;
use super::format::Format;
use super::query::Query;
use super::state::{Asking, Times, ask, total_milliseconds};

/// A row as answers show it.
#[derive(Serialize)]
pub(super) struct Row {
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

/// The answer: what was asked, the row or its new version, which store and node answered, and how long it took.
#[derive(Serialize)]
struct Answer<'a, T> {
    id: u64,
    result: T,
    store: &'static str,
    node: &'a str,
    milliseconds: f64,
}

/// `GET /item?id=N`
pub(super) fn get(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let id = Query::new(request.query).number("id", LARGEST_ID)?;
    let plain = format == Format::Text;
    if app.state.store.is_here() {
        return read(app, None, id, plain).map(Reply::Now);
    }
    let app = app.clone();
    Ok(Reply::Later(Box::new(move |peer| read(&app, Some(peer), id, plain).unwrap_or_else(Response::from))))
}

fn read(app: &Inner, peer: Option<&Peer>, id: u64, plain: bool) -> Result<Response, Problem> {
    let store = &app.state.store;
    let (row, times) = ask(app, store, peer, move |asking| asking.ask(|store, waiting| store.get(id, waiting.gone())))?;
    let row = row.ok_or_else(|| no_such_row(store, id))?;
    if plain {
        return Ok(times.on(Response::text(&row.value)));
    }
    Ok(answer(app, id, Row::from(row), times))
}

/// `PUT /item?id=N`
pub(super) fn put(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let id = Query::new(request.query).number("id", LARGEST_ID)?;
    let plain = format == Format::Text;
    let app = app.clone();
    let work = move |body: Vec<u8>, peer: &Peer| write(&app, peer, id, body, plain).unwrap_or_else(Response::from);
    Ok(Reply::WithBody { limit: LONGEST_VALUE as u64, work: Box::new(work) })
}

fn write(app: &Inner, peer: &Peer, id: u64, body: Vec<u8>, plain: bool) -> Result<Response, Problem> {
    let value =
        String::from_utf8(body).map_err(|_| Problem::new(400, "the body is the value of the row: text in UTF-8"))?;
    let store = &app.state.store;
    let put = move |asking: &mut Asking<'_>| asking.ask(|store, waiting| store.put(id, value, waiting.gone()));
    let (version, times) = ask(app, store, Some(peer), put)?;
    let version = version.ok_or_else(|| no_such_row(store, id))?;
    if plain {
        return Ok(times.on(Response::text(&version.to_string())));
    }
    #[derive(Serialize)]
    struct Written {
        version: u64,
    }
    Ok(answer(app, id, Written { version }, times))
}

fn answer(app: &Inner, id: u64, result: impl Serialize, times: Times) -> Response {
    let store = app.state.store.target().kind().name();
    let milliseconds = total_milliseconds(times);
    times.on(json(&Answer { id, result, store, node: &app.config.node, milliseconds }))
}

/// 200 with what serializes to JSON. Not to be kept by a cache on the way: another request may have written it.
pub(super) fn json(value: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(256);
    // Writing to a Vec cannot fail, and none of these values can.
    let _ = serde_json::to_writer(&mut bytes, value);
    bytes.push(b'\n');
    Response::new(200, "application/json", Body::Bytes(bytes)).header("Cache-Control", "no-store")
}

fn no_such_row(store: &Store, id: u64) -> Problem {
    Problem::new(404, format!("the store {} has no row {id}; 'webapp store seed URL' makes rows", store.target()))
}
