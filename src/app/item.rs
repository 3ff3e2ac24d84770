//! `GET /item?id=N`: one row of the store. `PUT /item?id=N`: writes it (body: the value, 1 kB at most).

use std::sync::Arc;

use crate::http::{Peer, Problem, Reply, Request, Response};
use crate::store::{LARGEST_ID, LONGEST_VALUE, Store};

use super::Inner;
use super::format::Format;
use super::json::{put_milliseconds, put_number, put_text, uncached};
use super::query::Query;
use super::state::{Asking, Times, ask};

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
    Ok(answer(app, id, times, |body| {
        body.extend_from_slice(b"\"id\":");
        put_number(body, row.id);
        body.extend_from_slice(b",\"tag\":");
        put_number(body, row.tag);
        body.extend_from_slice(b",\"value\":");
        put_text(body, &row.value);
        body.extend_from_slice(b",\"version\":");
        put_number(body, row.version);
    }))
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
    Ok(answer(app, id, times, |body| {
        body.extend_from_slice(b"\"version\":");
        put_number(body, version);
    }))
}

/// The answer: what was asked, the fields of the row or of what was written, which store and node answered, and how long it took.
/// By hand, as it is measured against `/whoami`, which is made by hand, too.
fn answer(app: &Inner, id: u64, times: Times, put_result: impl FnOnce(&mut Vec<u8>)) -> Response {
    let mut body = Vec::with_capacity(384);
    body.extend_from_slice(b"{\"id\":");
    put_number(&mut body, id);
    body.extend_from_slice(b",\"result\":{");
    put_result(&mut body);
    body.extend_from_slice(b"},\"store\":");
    put_text(&mut body, app.state.store.kind().name());
    if app.state.store.has_several() {
        body.extend_from_slice(b",\"server\":");
        put_text(&mut body, app.state.store.url(times.server));
    }
    body.extend_from_slice(b",\"node\":");
    put_text(&mut body, &app.config.node);
    body.extend_from_slice(b",\"milliseconds\":");
    put_milliseconds(&mut body, times.total());
    body.extend_from_slice(b"}\n");
    times.on(uncached(body))
}

fn no_such_row(store: &Store, id: u64) -> Problem {
    Problem::new(404, format!("the store {} has no row {id}; 'webapp store seed URL' makes rows", store.whole_name()))
}
