//! `GET /session`: this user's counter, one higher each time. Where it is kept is what the address is about: in the node, with
//! which it dies; in a store that all nodes share; or in a signed token that the user carries along.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::http::{Peer, Problem, Reply, Request, Response};
use crate::store::{Session, SessionKey, Store};

use super::format::Format;
use super::json::json;
use super::secrets::Signer;
use super::state::{AnswerTimes, Asking, Sessions, ask, total_milliseconds};
use super::{Inner, cookie, secrets, token, whoami};

/// Digits of a session's id: 128 random bits.
const ID_DIGITS: usize = 32;

/// A session that begins, and where it came from.
pub(super) struct Begun {
    /// Value of the cookie.
    pub cookie: String,
    pub times: AnswerTimes,
}

#[derive(Serialize)]
struct SessionAnswer<'a> {
    result: u64,
    user: Option<String>,
    sessions: &'static str,
    node: &'a str,
    milliseconds: f64,
}

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let given = cookie::value(request).map(str::to_owned);
    let https = whoami::came_by_https(app, request);
    let plain = format == Format::Text;
    let app = app.clone();
    Ok(Reply::Later(Box::new(move |peer| {
        next(&app, peer, given.as_deref(), https, plain).unwrap_or_else(Response::from)
    })))
}

fn next(app: &Inner, peer: &Peer, given: Option<&str>, https: bool, plain: bool) -> Result<Response, Problem> {
    let lifetime = app.state.session_lifetime;
    let ((session, fresh), times) = match &app.state.sessions {
        Sessions::Store(store) => next_in_store(app, store, peer, given)?,
        Sessions::Token(key) => {
            let (session, ends) = next_in_token(&key.0, given, lifetime);
            let left = Duration::from_secs(ends.saturating_sub(unix_seconds()));
            let cookie = token::issue(&key.0, &session, ends, random()?);
            ((session, Some((cookie, left))), AnswerTimes::default())
        }
    };
    let response = if plain {
        Response::text(&session.counter.to_string()).header("Cache-Control", "no-store")
    } else {
        json(&SessionAnswer {
            result: session.counter,
            user: session.user,
            sessions: app.state.sessions.name(),
            node: &app.config.node,
            milliseconds: total_milliseconds(times),
        })
    };
    let response = times.on(response);
    Ok(match fresh {
        Some((value, left)) => response.header("Set-Cookie", cookie::set(&value, left, https)),
        None => response,
    })
}

/// A session, and the cookie with its lifetime where the user needs a new one.
type NextSession = (Session, Option<(String, Duration)>);

/// Counts the session that the cookie names; where there is none, a new one begins, with an id that the user did not choose.
fn next_in_store(
    app: &Inner,
    store: &Arc<Store>,
    peer: &Peer,
    given: Option<&str>,
) -> Result<(NextSession, AnswerTimes), Problem> {
    let known = given.and_then(key);
    let lifetime = app.state.session_lifetime;
    ask(app, store, Some(peer), move |asking| {
        if let Some(key) = known {
            let next = asking.ask(|store, waiting| store.next_of_session(key, waiting.gone()))?;
            if let Some(session) = next {
                return Ok((session, None));
            }
        }
        let session = Session { counter: 1, user: None };
        let id = create(asking, session.clone(), lifetime)?;
        Ok((session, Some((id, lifetime))))
    })
}

fn create(asking: &mut Asking<'_>, session: Session, lifetime: Duration) -> Result<String, Problem> {
    let id = secrets::hex(&random()?);
    let key = SessionKey::new(secrets::digest(id.as_bytes()));
    asking.ask(|store, waiting| store.create_session(key, session, lifetime, waiting.gone()))?;
    Ok(id)
}

fn next_in_token(signer: &Signer, given: Option<&str>, lifetime: Duration) -> (Session, u64) {
    let now = unix_seconds();
    match given.and_then(|token| token::open(signer, token, now)) {
        Some((session, ends)) => (Session { counter: session.counter.saturating_add(1), ..session }, ends),
        None => (Session { counter: 1, user: None }, now.saturating_add(lifetime.as_secs())),
    }
}

/// A new session for a user who has just logged in; the one before is over, so that nobody who knew its id is logged in, too.
pub(super) fn begin(app: &Inner, peer: &Peer, given: Option<&str>, user: String) -> Result<Begun, Problem> {
    let session = Session { counter: 0, user: Some(user) };
    let lifetime = app.state.session_lifetime;
    match &app.state.sessions {
        Sessions::Store(store) => {
            let before = given.and_then(key);
            let (cookie, times) = ask(app, store, Some(peer), move |asking| {
                if let Some(key) = before {
                    asking.ask(|store, waiting| store.delete_session(key, waiting.gone()))?;
                }
                create(asking, session, lifetime)
            })?;
            Ok(Begun { cookie, times })
        }
        Sessions::Token(key) => {
            let ends = unix_seconds().saturating_add(lifetime.as_secs());
            Ok(Begun { cookie: token::issue(&key.0, &session, ends, random()?), times: AnswerTimes::default() })
        }
    }
}

/// Ends the session that the cookie names. A token cannot be ended: only the user can forget it.
pub(super) fn end(app: &Inner, peer: &Peer, given: Option<&str>) -> Result<AnswerTimes, Problem> {
    match (&app.state.sessions, given.and_then(key)) {
        (Sessions::Store(store), Some(key)) => {
            let delete =
                move |asking: &mut Asking<'_>| asking.ask(|store, waiting| store.delete_session(key, waiting.gone()));
            Ok(ask(app, store, Some(peer), delete)?.1)
        }
        (Sessions::Store(_), None) | (Sessions::Token(_), _) => Ok(AnswerTimes::default()),
    }
}

/// The key of the session that a cookie names; `None` when it is no id. Only its digest is ever looked up, so that the time of a
/// look-up says nothing about ids.
fn key(cookie: &str) -> Option<SessionKey> {
    let is_id = cookie.len() == ID_DIGITS && secrets::unhex(cookie).is_some();
    is_id.then(|| SessionKey::new(secrets::digest(cookie.as_bytes())))
}

fn random() -> Result<[u8; 16], Problem> {
    secrets::random::<16>().map_err(|error| {
        log::error!("no random bytes: {error}");
        Problem::new(503, "the machine has no random bytes now").header("Retry-After", "1")
    })
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Sessions {
    /// The word for it in answers: where sessions are.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Store(store) if store.is_here() => "node",
            Self::Store(store) => store.kind().name(),
            Self::Token(_) => "token",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_is_looked_up() {
        let id = secrets::hex(&[7; 16]);
        assert_eq!(key(&id), Some(SessionKey::new(secrets::digest(id.as_bytes()))));
        for cookie in ["", "1", &id[1..], &(id.clone() + "0"), &id.to_uppercase().replace('0', "A"), &"g".repeat(32)] {
            assert_eq!(key(cookie), None, "{cookie}");
        }
    }

    #[test]
    fn a_token_counts_on_and_ends_when_it_was_to_end() {
        let signer = Signer::new(b"key");
        let hour = Duration::from_secs(3_600);
        let (session, ends) = next_in_token(&signer, None, hour);
        assert_eq!((session.counter, session.user.is_none()), (1, true));
        let cookie = token::issue(&signer, &session, ends, [1; 16]);
        let (next, later) = next_in_token(&signer, Some(&cookie), hour * 9);
        assert_eq!((next.counter, later), (2, ends));
        assert_eq!(next_in_token(&signer, Some("forged"), hour).0.counter, 1);
    }
}
