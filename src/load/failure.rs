//! A request that failed, while a run lasts.

use std::borrow::Cow;
use std::io::{self, ErrorKind as Io};

use crate::results::load::ErrorKind;

/// A request that failed: the kind, and what happened in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRequest {
    /// What it is counted as.
    pub kind: ErrorKind,
    /// For people; the first of each kind is shown.
    pub text: Cow<'static, str>,
}

/// What is said of a request that is [`ErrorKind::NotSent`].
const NOT_SENT: &str = "the generator was late by more than half of the timeout";

impl FailedRequest {
    /// A request that the generator was too late to send.
    pub const fn not_sent() -> Self {
        Self { kind: ErrorKind::NotSent, text: Cow::Borrowed(NOT_SENT) }
    }

    /// A failure of this kind.
    pub fn new(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, text: text.into() }
    }
}

/// What a failed connect counts as.
pub(super) fn failed_to_connect(error: io::Error) -> FailedRequest {
    let kind = match (error.raw_os_error(), error.kind()) {
        (Some(libc::EMFILE | libc::ENFILE), _) => ErrorKind::OutOfFiles,
        (Some(libc::EADDRNOTAVAIL), _) => ErrorKind::OutOfPorts,
        (_, Io::ConnectionRefused) => ErrorKind::Refused,
        (_, Io::TimedOut) => ErrorKind::TimedOut,
        (_, Io::HostUnreachable | Io::NetworkUnreachable) => ErrorKind::Unreachable,
        (_, Io::ConnectionReset | Io::ConnectionAborted) => ErrorKind::Reset,
        _ => ErrorKind::Other,
    };
    FailedRequest::new(kind, format!("connect: {error}"))
}

/// What an error on an open connection counts as.
pub(super) fn lost(error: io::Error) -> FailedRequest {
    let kind = match error.kind() {
        Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe | Io::NotConnected => ErrorKind::Reset,
        Io::TimedOut => ErrorKind::TimedOut,
        Io::HostUnreachable | Io::NetworkUnreachable => ErrorKind::Unreachable,
        _ => ErrorKind::Other,
    };
    FailedRequest::new(kind, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_a_kind() {
        for (code, kind) in [
            (libc::ECONNREFUSED, ErrorKind::Refused),
            (libc::EMFILE, ErrorKind::OutOfFiles),
            (libc::EADDRNOTAVAIL, ErrorKind::OutOfPorts),
            (libc::ETIMEDOUT, ErrorKind::TimedOut),
            (libc::EHOSTUNREACH, ErrorKind::Unreachable),
            (libc::ECONNRESET, ErrorKind::Reset),
            (libc::EACCES, ErrorKind::Other),
        ] {
            assert_eq!(failed_to_connect(io::Error::from_raw_os_error(code)).kind, kind);
        }
        for (code, kind) in
            [(libc::EPIPE, ErrorKind::Reset), (libc::ECONNRESET, ErrorKind::Reset), (libc::EIO, ErrorKind::Other)]
        {
            assert_eq!(lost(io::Error::from_raw_os_error(code)).kind, kind);
        }
    }
}
