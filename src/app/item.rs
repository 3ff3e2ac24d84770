//! `GET /item?id=N`: one row of the store. `PUT /item?id=N`: writes it (body: the value, 1 kB at most).

use std::sync::Arc;
use std::time::Instant;

use crate::cache::Key;
use crate::http::{Peer, Problem, Reply, Request, Response};
use crate::store::{self, Item, LARGEST_ID, LONGEST_VALUE, Reads, Store};

use super::Inner;
use super::cache::{self, VERSION};
use super::format::Format;
use super::items;
use super::json::{put_milliseconds, put_number, put_text, uncached};
use super::own_writes;
use super::place::WorkPlace;
use super::query::Query;
use super::question::{Question, Worked};
use super::state::{AnswerTimes, Asking, ask};

/// `GET /item?id=N`
pub(super) fn get(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let id = Query::new(request.query).number("id", LARGEST_ID)?;
    cache::answer(app, request, format, RowById { id, reads: own_writes::reads(app, request) })
}

/// One row.
struct RowById {
    id: u64,
    reads: Reads,
}

impl Question for RowById {
    fn key(&self) -> Key {
        key(self.id)
    }

    fn is_pure(&self) -> bool {
        false
    }

    fn is_quick(&self, app: &Inner) -> bool {
        app.state.store.is_here()
    }

    fn work_out(&self, place: &WorkPlace<'_>) -> Result<Worked, Problem> {
        let (asked, id, reads, store) = (Instant::now(), self.id, self.reads, &place.app.state.store);
        let read = move |asking: &mut Asking<'_>| asking.ask(|store, waiting| store.get(id, reads, waiting.gone()));
        let (row, times) = place.ask(store, read)?;
        let row = row.ok_or_else(|| no_such_row(store, id))?;
        Ok(Worked { result: json_of(&row), times, known: times.known(asked) })
    }

    fn put_parameters(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(b"\"id\":");
        put_number(body, self.id);
    }

    fn store(&self, app: &Inner) -> Option<&'static str> {
        Some(app.state.store.kind().name())
    }

    fn version(&self, result: &[u8]) -> Option<(u64, u64)> {
        version_of(result).map(|version| (self.id, version))
    }

    fn must_be_fresh(&self) -> bool {
        self.reads == Reads::Primary
    }

    fn is_of_one_server(&self) -> bool {
        true
    }

    fn text(&self, result: &[u8]) -> String {
        items::values(result)
    }
}

/// What the row is kept under.
fn key(id: u64) -> Key {
    Key { address: "item", number: id, variant: "" }
}

/// A row as answers show it. By hand, as it is measured against `/whoami`, which is made by hand, too.
fn json_of(row: &Item) -> Vec<u8> {
    let mut json = Vec::with_capacity(64 + row.value.len());
    json.extend_from_slice(b"{\"id\":");
    put_number(&mut json, row.id);
    json.extend_from_slice(b",\"tag\":");
    put_number(&mut json, row.tag);
    json.extend_from_slice(b",\"value\":");
    put_text(&mut json, &row.value);
    json.extend_from_slice(b",\"version\":");
    put_number(&mut json, row.version);
    json.push(b'}');
    json
}

/// The version in what [`json_of`] has written: the digits before the last brace.
fn version_of(json: &[u8]) -> Option<u64> {
    let digits = json.strip_suffix(b"}")?.rsplit(|byte| *byte == b':').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
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
    let cache = app.state.cache.clone();
    let put = move |asking: &mut Asking<'_>| {
        let version = asking.ask(|store, waiting| store.put(id, value, waiting.gone()));
        if let Some(cache) = cache {
            // After a failure, too: who was not told whether the row was written must think that it was.
            let [by_index, by_scan] = items::keys(store::tag(id));
            cache.invalidate(&[key(id), by_index, by_scan]);
        }
        version
    };
    let (version, times) = ask(app, store, Some(peer), put)?;
    let version = version.ok_or_else(|| no_such_row(store, id))?;
    let response = if plain {
        times.on(Response::text(&version.to_string()).header("Cache-Control", "no-store"))
    } else {
        written(app, id, times, version)
    };
    Ok(own_writes::remember(app, response.header(VERSION, cache::row_version(id, version))))
}

/// The answer: what was asked, the new version, which store and node answered, and how long it took.
fn written(app: &Inner, id: u64, times: AnswerTimes, version: u64) -> Response {
    let mut body = Vec::with_capacity(128);
    body.extend_from_slice(b"{\"id\":");
    put_number(&mut body, id);
    body.extend_from_slice(b",\"result\":{\"version\":");
    put_number(&mut body, version);
    body.extend_from_slice(b"},\"store\":");
    put_text(&mut body, app.state.store.kind().name());
    if app.state.store.has_several() {
        body.extend_from_slice(b",\"server\":");
        put_text(&mut body, &app.state.store.url(times.server));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_by_hand_is_json() {
        let row = Item { id: 7, tag: 0, value: "say \"ol\u{e9}\"\n".into(), version: 3 };
        let json: serde_json::Value = serde_json::from_slice(&json_of(&row)).unwrap();
        assert_eq!(json, serde_json::json!({"id": 7, "tag": 0, "value": row.value, "version": 3}));
        assert_eq!(version_of(&json_of(&row)), Some(3));
        assert_eq!(RowById { id: 7, reads: Reads::Any }.text(&json_of(&row)), row.value);
    }
}
