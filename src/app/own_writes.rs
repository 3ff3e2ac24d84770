//! Reading what one has written: a replica may not have it yet, so that for a while after a write its user reads from the primary.
//! When that was is in a cookie of the user's own, so that every node knows it. A client without cookies has no such promise. What
//! somebody makes up in it decides only where that somebody reads.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::http::{Request, Response};
use crate::store::Reads;

use super::{Inner, cookie};

/// The cookie with the time of the user's last write, milliseconds since 1970.
const NAME: &str = "wrote";

/// Where this user may read now.
pub(super) fn reads(app: &Inner, request: &Request<'_>) -> Reads {
    let Some(memory) = app.state.read_your_writes else { return Reads::Any };
    let wrote = cookie::named(request, NAME).and_then(|text| text.parse().ok());
    if wrote.is_some_and(|wrote| is_recent(wrote, unix_milliseconds(), memory)) { Reads::Primary } else { Reads::Any }
}

/// Lets the user tell that it has just written.
pub(super) fn remember(app: &Inner, response: Response) -> Response {
    let Some(memory) = app.state.read_your_writes else { return response };
    let seconds = memory.as_millis().div_ceil(1000);
    let cookie = format!("{NAME}={}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax", unix_milliseconds());
    response.header("Set-Cookie", cookie)
}

/// Whether that is not longer ago; the clocks of nodes may differ, so that it may also lie a little ahead.
fn is_recent(wrote: u64, now: u64, memory: Duration) -> bool {
    u128::from(now.abs_diff(wrote)) < memory.as_millis()
}

fn unix_milliseconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_recent_for_as_long_as_was_said() {
        let second = Duration::from_secs(1);
        for (wrote, now, recent) in [
            (5_000, 5_000, true),
            (5_000, 5_999, true),
            (5_000, 6_000, false),
            (5_100, 5_000, true),
            (9_000, 5_000, false),
        ] {
            assert_eq!(is_recent(wrote, now, second), recent, "{wrote} {now}");
        }
        assert!(!is_recent(u64::MAX, 5_000, second) && !is_recent(5_000, 5_000, Duration::ZERO));
    }
}
