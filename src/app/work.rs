//! What the demo addresses share: running work in the pool, and the shape of their answers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::http::{Peer, Problem, Reply, Response};
use crate::pool::{Done, Refused};

use super::Inner;
use super::format::Format;

/// What was asked, and in which form the answer goes out.
pub(super) struct DemoRequest {
    parameters: Map<String, Value>,
    format: Format,
}

impl DemoRequest {
    pub fn new(format: Format, parameters: Value) -> DemoRequest {
        let parameters = match parameters {
            Value::Object(parameters) => parameters,
            _ => Map::new(),
        };
        DemoRequest { parameters, format }
    }

    /// The answer: what was asked, the result, the node and the times; or just the result as text.
    pub fn answer(self, app: &Inner, result: Value, queued: Duration, worked: Duration) -> Response {
        let response = if self.format == Format::Text {
            match &result {
                Value::String(text) => Response::text(text),
                other => Response::text(&other.to_string()),
            }
        } else {
            let mut body = self.parameters;
            body.insert("result".into(), result);
            body.insert("node".into(), json!(app.config.node));
            body.insert("milliseconds".into(), json!(milliseconds(worked)));
            Response::json(&Value::Object(body))
        };
        response.header("Server-Timing", server_timing(queued, worked))
    }
}

/// The value of `Server-Timing` (W3C).
pub(super) fn server_timing(queued: Duration, worked: Duration) -> String {
    format!("queue;dur={:.3}, work;dur={:.3}", milliseconds(queued), milliseconds(worked))
}

/// Milliseconds with three decimals.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}

/// Answers with the result of `job`, run on a thread of the pool.
pub(super) fn in_pool<F>(app: &Arc<Inner>, asked: DemoRequest, job: F) -> Reply
where
    F: FnOnce(&Peer) -> Result<Value, Problem> + Send + 'static,
{
    let app = app.clone();
    Reply::Later(Box::new(move |peer| match run(&app, peer, job) {
        Ok(Done { value: Ok(result), queued, worked }) => asked.answer(&app, result, queued, worked),
        Ok(Done { value: Err(problem), .. }) | Err(problem) => problem.into(),
    }))
}

/// Runs `job` on a thread of the pool, waiting in this coroutine; a refusal becomes a problem.
pub(super) fn run<T, F>(app: &Inner, peer: &Peer, job: F) -> Result<Done<T>, Problem>
where
    T: Send + 'static,
    F: FnOnce(&Peer) -> T + Send + 'static,
{
    let (of_job, of_pool) = (peer.clone(), peer.clone());
    app.pool.run(move || job(&of_job), move || of_pool.is_gone()).map_err(refusal)
}

/// A refusal of the pool as an answer.
pub(super) fn refusal(refused: Refused) -> Problem {
    let detail = match refused {
        Refused::Full => "every thread of the pool is busy and its queue is full",
        Refused::Expired => "the request waited too long for a thread of the pool",
        Refused::TimedOut => "the work was not done in time",
        Refused::Abandoned => "nobody waited for the answer any more",
        // Counted and answered where every panic of a handler is.
        Refused::Panicked => std::panic::resume_unwind(Box::new("a job of the pool panicked")),
    };
    Problem::new(503, detail).header("Retry-After", "1")
}
