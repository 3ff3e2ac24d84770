//! Why a connection gave or took nothing.

use rustix::io::Errno;

use super::failure::{FailedRequest, lost};
use crate::http::answer_framing::MalformedAnswer;
use crate::results::load::ErrorKind;

/// What takes the bytes of answers: gives whether one is complete.
pub(super) type Take<'a> = dyn FnMut(&[u8]) -> Result<bool, Trouble> + 'a;

/// Why nothing was sent or received.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The socket cannot now; wait for it.
    WouldBlock,
    /// The connection was closed without the end that TLS has: what came may be cut off.
    Truncated,
    /// The connection is of no more use.
    Failed(FailedRequest),
}

impl From<Errno> for Trouble {
    fn from(error: Errno) -> Self {
        match error {
            Errno::WOULDBLOCK => Self::WouldBlock,
            other => Self::Failed(lost(other.into())),
        }
    }
}

impl From<MalformedAnswer> for Trouble {
    fn from(malformed: MalformedAnswer) -> Self {
        Self::Failed(FailedRequest::new(ErrorKind::Malformed, malformed.0))
    }
}
