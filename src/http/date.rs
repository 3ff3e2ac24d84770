//! The `Date` field (RFC 9110, section 6.6.1), formatted once a second and a thread.

use std::cell::RefCell;
use std::time::{Duration, UNIX_EPOCH};

use crate::kernel::clock;

/// Length of an IMF-fixdate, bytes.
const LENGTH: usize = 29;

thread_local! {
    static CACHE: RefCell<(u64, [u8; LENGTH])> = const { RefCell::new((u64::MAX, [0; LENGTH])) };
}

/// Appends the current date. Never inlined: a coroutine may change threads between two calls, and an
/// inlined thread-local address would not follow it.
#[inline(never)]
pub(super) fn append(out: &mut Vec<u8>) {
    CACHE.with_borrow_mut(|(second, text)| {
        let now = clock::unix_seconds_coarse();
        if now != *second {
            let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now));
            if let Ok(bytes) = date.as_bytes().try_into() {
                (*second, *text) = (now, bytes);
            }
        }
        out.extend_from_slice(text);
    });
}
