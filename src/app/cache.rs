//! How the answers of some addresses come from the node's cache and are kept there, and one computation serves all who ask for the
//! same meanwhile. What others on the way may keep is in `freshness`.

use std::sync::Arc;
use std::time::Instant;

use crate::cache::{Entered, Entry, FlightOutcome, Lead};
use crate::http::{Body, Peer, Problem, Reply, Request, Response};

use super::format::Format;
use super::freshness::Wanted;
use super::json::{put_milliseconds, put_number, put_text};
use super::place::WorkPlace;
use super::question::{CacheUse, Question, Worked};
use super::state::AnswerTimes;
use super::waiting::Waiting;
use super::work::run;
use super::{Inner, Model};

/// The field by which an answer tells the version of its row, so that who reads many can tell an old one: `X-Version: 7:3`.
pub(super) const VERSION: &str = "X-Version";

/// Its value.
pub(super) fn row_version(row: u64, version: u64) -> String {
    let mut text = Vec::with_capacity(24);
    put_number(&mut text, row);
    text.push(b':');
    put_number(&mut text, version);
    // It is ASCII.
    String::from_utf8(text).unwrap_or_default()
}

/// A result that was found or worked out.
pub(super) struct CachedResult {
    pub result: Arc<[u8]>,
    pub times: AnswerTimes,
    pub from: CacheUse,
}

impl CachedResult {
    fn hit(entry: Entry) -> Self {
        let left = entry.left(Instant::now()).unwrap_or_default();
        Self { result: entry.bytes, times: AnswerTimes::default(), from: CacheUse::Hit(left) }
    }
}

/// Answers a question: from the cache, or by working it out.
pub(super) fn answer<Q: Question>(
    app: &Arc<Inner>,
    request: &Request<'_>,
    format: Format,
    question: Q,
) -> Result<Reply, Problem> {
    let wanted = Wanted::new(app, request, format);
    if let Some(unchanged) = wanted.unchanged_before(app, &question) {
        return Ok(Reply::Now(unchanged));
    }
    match &app.state.cache {
        Some(_) if question.must_be_fresh() => {}
        Some(cache) => {
            if let Some(entry) = cache.look(&question.key()) {
                return Ok(Reply::Now(respond(app, &question, &wanted, &CachedResult::hit(entry))));
            }
        }
        None if question.is_quick(app) => {
            let place = WorkPlace::new(app, Waiting::nobody(), false);
            let found = work_out(&place, &question)?;
            return Ok(Reply::Now(respond(app, &question, &wanted, &found)));
        }
        None => {}
    }
    let app = app.clone();
    Ok(Reply::Later(Box::new(move |peer| later(&app, peer, question, &wanted).unwrap_or_else(Response::from))))
}

/// In model async in this coroutine, in model sync on a thread of the worker pool that is held all the while.
fn later<Q: Question>(app: &Arc<Inner>, peer: &Peer, question: Q, wanted: &Wanted) -> Result<Response, Problem> {
    if app.config.model == Model::Async || question.is_quick(app) {
        let found = find(&WorkPlace::new(app, Waiting::of(peer), false), &question)?;
        return Ok(respond(app, &question, wanted, &found));
    }
    let inside = app.clone();
    let done = run(app, peer, move |peer| {
        let found = find(&WorkPlace::new(&inside, Waiting::of(peer), true), &question);
        found.map(|found| (question, found))
    })?;
    let (question, mut found) = done.value?;
    found.times.queued += done.queued;
    Ok(respond(app, &question, wanted, &found))
}

fn find<Q: Question>(place: &WorkPlace<'_>, question: &Q) -> Result<CachedResult, Problem> {
    let cache = place.app.state.cache.as_ref().filter(|_| !question.must_be_fresh());
    let Some(cache) = cache else { return work_out(place, question) };
    loop {
        match cache.enter(question.key()) {
            Entered::Hit(entry) => return Ok(CachedResult::hit(entry)),
            Entered::Leads(lead) => return lead_on(place, question, lead),
            Entered::Waits(wait) => {
                let start = Instant::now();
                match wait.outcome(place.waiting.clone().gone()) {
                    FlightOutcome::Value(entry) => {
                        let times = AnswerTimes { queued: start.elapsed(), ..AnswerTimes::default() };
                        return Ok(CachedResult { result: entry.bytes, times, from: CacheUse::Collapsed });
                    }
                    FlightOutcome::Failed(problem) => return Err(problem),
                    FlightOutcome::Abandoned => {}
                    FlightOutcome::Left => return Err(Problem::new(503, "nobody waited for the answer any more")),
                }
            }
        }
    }
}

/// Asks a shared cache first; works the result out and keeps it.
fn lead_on<Q: Question>(place: &WorkPlace<'_>, question: &Q, lead: Lead) -> Result<CachedResult, Problem> {
    // The work goes on as long as anybody waits for it, whoever began it.
    let place = place.with_others(lead.others());
    let start = Instant::now();
    if let Some(entry) = lead.ask(place.waiting.clone().gone()) {
        let times = AnswerTimes { cached: Some(start.elapsed()), ..AnswerTimes::default() };
        return Ok(CachedResult { times, ..CachedResult::hit(entry) });
    }
    let asked = start.elapsed();
    match question.work_out(&place) {
        Ok(Worked { result, mut times, known }) => {
            let start = Instant::now();
            let (entry, kept) = lead.keep(result, known);
            if place.app.state.cache.as_ref().is_some_and(|cache| !cache.is_here()) {
                times.cached = Some(asked + start.elapsed());
            }
            Ok(CachedResult {
                result: entry.bytes,
                times,
                from: if kept { CacheUse::Stored } else { CacheUse::Missed },
            })
        }
        Err(problem) => {
            // Where the client of this request has left, that may be why it failed; who came to wait since then tries for itself.
            if !place.waiting.client_left() {
                lead.fail(&problem);
            }
            Err(problem)
        }
    }
}

fn work_out<Q: Question>(place: &WorkPlace<'_>, question: &Q) -> Result<CachedResult, Problem> {
    let Worked { result, times, .. } = question.work_out(place)?;
    Ok(CachedResult { result: result.into(), times, from: CacheUse::None })
}

/// The answer: what was asked, the result, where it comes from, which node answered and how long it took. By hand, as a hit is
/// measured against `/whoami`, which is made by hand, too.
///
/// Where others may keep it, the body holds nothing that differs from one time to the next: then its entity tag is a strong one.
fn respond<Q: Question>(app: &Inner, question: &Q, wanted: &Wanted, found: &CachedResult) -> Response {
    if let Some(unchanged) = wanted.unchanged(question, &found.result) {
        return wanted.with_fields(app, unchanged, found.from);
    }
    let response = if wanted.is_plain() {
        Response::text(&question.text(&found.result))
    } else {
        let mut body = Vec::with_capacity(256 + found.result.len());
        body.push(b'{');
        question.put_parameters(&mut body);
        body.extend_from_slice(b",\"result\":");
        body.extend_from_slice(&found.result);
        if let Some(store) = question.store(app) {
            body.extend_from_slice(b",\"store\":");
            put_text(&mut body, store);
        }
        let asked = matches!(found.from, CacheUse::None | CacheUse::Stored | CacheUse::Missed);
        if asked && question.is_of_one_server() && app.state.store.has_several() && !wanted.may_be_kept() {
            body.extend_from_slice(b",\"server\":");
            put_text(&mut body, &app.state.store.url(found.times.server));
        }
        if let Some(lag) = found.times.lag.filter(|_| asked && !wanted.may_be_kept()) {
            body.extend_from_slice(b",\"lag_milliseconds\":");
            put_milliseconds(&mut body, lag);
        }
        if !wanted.may_be_kept() {
            if let Some(from) = found.from.name() {
                body.extend_from_slice(b",\"cache\":");
                put_text(&mut body, from);
            }
            body.extend_from_slice(b",\"node\":");
            put_text(&mut body, &app.config.node);
            body.extend_from_slice(b",\"milliseconds\":");
            put_milliseconds(&mut body, found.times.total());
        }
        body.extend_from_slice(b"}\n");
        Response::new(200, Format::Json.media_type(), Body::Bytes(body))
    };
    let response = match question.version(&found.result) {
        Some((row, version)) => response.header(VERSION, row_version(row, version)),
        None => response,
    };
    let response = wanted.with_tag(response, question, &found.result);
    let response = wanted.with_fields(app, response, found.from);
    if question.store(app).is_some() { found.times.on(response) } else { found.times.on_work(response) }
}
