//! `POST /login`: a session for a user of `--users FILE`. `POST /logout`: its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::http::{Peer, Problem, Reply, Request, Response};

use super::format::Format;
use super::json::json;
use super::state::{AnswerTimes, total_milliseconds};
use super::work::run;
use super::{Inner, cookie, session, whoami};

/// Longest body: a name, a password and their frame.
const LONGEST_BODY: u64 = 4_096;

/// What a login sends, as a form or as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    name: String,
    password: String,
}

#[derive(Serialize)]
struct LoginAnswer<'a> {
    result: &'static str,
    user: Option<&'a str>,
    sessions: &'static str,
    node: &'a str,
    milliseconds: f64,
}

/// What is known of a request before its body.
struct LoginRequest {
    given: Option<String>,
    source: IpAddr,
    https: bool,
    is_json: bool,
    plain: bool,
}

impl LoginRequest {
    fn new(app: &Inner, request: &Request<'_>, format: Format) -> Self {
        let media = request.header("content-type").and_then(|text| text.split(';').next()).unwrap_or_default();
        Self {
            given: cookie::value(request).map(str::to_owned),
            source: whoami::client(app, request),
            https: whoami::came_by_https(app, request),
            is_json: media.trim().eq_ignore_ascii_case("application/json"),
            plain: format == Format::Text,
        }
    }
}

/// `POST /login`
pub(super) fn login(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    if app.state.users.is_none() {
        return Err(Problem::new(404, "nobody can log in here; 'webapp serve --users FILE' names who may"));
    }
    let asked = LoginRequest::new(app, request, format);
    let app = app.clone();
    let work = move |body: Vec<u8>, peer: &Peer| check(&app, peer, &asked, &body).unwrap_or_else(Response::from);
    Ok(Reply::WithBody { limit: LONGEST_BODY, work: Box::new(work) })
}

fn check(app: &Arc<Inner>, peer: &Peer, asked: &LoginRequest, body: &[u8]) -> Result<Response, Problem> {
    let Login { name, password } = read(body, asked.is_json)?;
    app.tries.begin(&name, asked.source, Instant::now()).map_err(|seconds| {
        Problem::new(429, format!("too many wrong passwords for this name from your address; wait {seconds} s"))
            .header("Retry-After", seconds.to_string())
    })?;
    let (inside, user) = (app.clone(), name.clone());
    let hashed =
        run(app, peer, move |_| inside.state.users.as_ref().is_some_and(|users| users.check(&user, &password)))?;
    if !hashed.value {
        log::warn!("a login from {} was refused", asked.source);
        // The same whether the name or the password is wrong.
        return Err(Problem::new(401, "there is no user of that name with that password")
            .header("WWW-Authenticate", "Session realm=\"webapp\""));
    }
    app.tries.succeeded(&name, asked.source);
    let mut begun = session::begin(app, peer, asked.given.as_deref(), name.clone())?;
    begun.times.queued += hashed.queued;
    begun.times.worked += hashed.worked;
    let set = cookie::set(&begun.cookie, app.state.session_lifetime, asked.https);
    Ok(answer(app, asked.plain, "logged in", Some(&name), begun.times).header("Set-Cookie", set))
}

/// `POST /logout`
pub(super) fn logout(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let asked = LoginRequest::new(app, request, format);
    let app = app.clone();
    Ok(Reply::Later(Box::new(move |peer| match session::end(&app, peer, asked.given.as_deref()) {
        Ok(times) => {
            answer(&app, asked.plain, "logged out", None, times).header("Set-Cookie", cookie::clear(asked.https))
        }
        Err(problem) => problem.into(),
    })))
}

fn answer(app: &Inner, plain: bool, result: &'static str, user: Option<&str>, times: AnswerTimes) -> Response {
    if plain {
        return times.on(Response::text(result).header("Cache-Control", "no-store"));
    }
    let sessions = app.state.sessions.name();
    let milliseconds = total_milliseconds(times);
    times.on(json(&LoginAnswer { result, user, sessions, node: &app.config.node, milliseconds }))
}

/// Name and password of a body. A refusal never repeats any of it.
fn read(body: &[u8], is_json: bool) -> Result<Login, Problem> {
    let wrong = || {
        let form = "name=NAME&password=PASSWORD, or as JSON with 'Content-Type: application/json'";
        Problem::new(400, format!("the body of a login is {form}, each once"))
    };
    if is_json {
        return serde_json::from_slice(body).map_err(|_| wrong());
    }
    let (mut name, mut password) = (None, None);
    for (key, value) in url::form_urlencoded::parse(body) {
        let field = match &*key {
            "name" => &mut name,
            "password" => &mut password,
            _ => return Err(wrong()),
        };
        if field.replace(value.into_owned()).is_some() {
            return Err(wrong());
        }
    }
    name.zip(password).map(|(name, password)| Login { name, password }).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_a_form_or_json() {
        for (body, is_json) in [
            (&b"name=jos%C3%A9&password=a+b%26"[..], false),
            (b"password=a%20b%26&name=jos\xc3\xa9", false),
            (r#"{"name":"josé","password":"a b&"}"#.as_bytes(), true),
        ] {
            let login = read(body, is_json).unwrap();
            assert_eq!((&*login.name, &*login.password), ("josé", "a b&"));
        }
    }

    #[test]
    fn what_is_neither_is_refused_and_not_repeated() {
        for (body, is_json) in [
            ("", false),
            ("hunter2", false),
            ("name=ana", false),
            ("password=hunter2", false),
            ("name=ana&password=hunter2&password=hunter2", false),
            ("name=ana&password=hunter2&more=hunter2", false),
            ("name=ana&password=hunter2", true),
            (r#"{"name":"ana","password":"hunter2"}"#, false),
            (r#"{"name":"ana","password":["hunter2"]}"#, true),
            (r#"{"name":"ana","password":"hunter2","more":1}"#, true),
            (r#"{"name":"ana"}"#, true),
        ] {
            let problem = read(body.as_bytes(), is_json).err().unwrap();
            assert!(problem.status == 400 && !problem.detail.contains("hunter2"), "{body}");
        }
    }
}
