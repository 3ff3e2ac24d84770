//! Why a request brought no correct answer.

use serde::{Deserialize, Serialize};

/// Why a request brought no correct answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Nothing listens at the address.
    Refused,
    /// The connection was lost before the answer was complete.
    Reset,
    /// No complete answer within the timeout.
    TimedOut,
    /// The answer is not HTTP/1.x.
    Malformed,
    /// A whole answer with another status than expected; redirects are not followed.
    UnexpectedStatus,
    /// A whole answer whose body lacks the expected text.
    UnexpectedBody,
    /// A user's counter at `/session` went back: its session was lost.
    SessionLost,
    /// TLS: no authority that is trusted vouches for the certificate.
    TlsAuthority,
    /// TLS: the certificate is for other names.
    TlsName,
    /// TLS: the certificate has expired, or is not valid yet.
    TlsExpiry,
    /// TLS: anything else that is wrong with the certificate.
    TlsCertificate,
    /// TLS: both sides have no version in common, one refused what the other said, or the other one does not speak TLS.
    TlsProtocol,
    /// TLS: the connection was closed within the handshake.
    TlsCut,
    /// The host or its network cannot be reached.
    Unreachable,
    /// The generator ran out of open files.
    OutOfFiles,
    /// The generator ran out of ephemeral ports.
    OutOfPorts,
    /// Open loop: due, but the generator was late with it by more than half of the timeout, and did not send it. It says
    /// nothing about the node.
    NotSent,
    /// In flight when the run was interrupted.
    Unfinished,
    /// Any other error of the network; its text is among the examples.
    Other,
}

impl ErrorKind {
    /// All kinds, in the order of their discriminants.
    pub const ALL: [Self; 19] = [
        Self::Refused,
        Self::Reset,
        Self::TimedOut,
        Self::Malformed,
        Self::UnexpectedStatus,
        Self::UnexpectedBody,
        Self::SessionLost,
        Self::TlsAuthority,
        Self::TlsName,
        Self::TlsExpiry,
        Self::TlsCertificate,
        Self::TlsProtocol,
        Self::TlsCut,
        Self::Unreachable,
        Self::OutOfFiles,
        Self::OutOfPorts,
        Self::NotSent,
        Self::Unfinished,
        Self::Other,
    ];

    /// The kind in words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::TimedOut => "timed out",
            Self::Malformed => "malformed answer",
            Self::UnexpectedStatus => "unexpected status",
            Self::UnexpectedBody => "unexpected body",
            Self::SessionLost => "session lost",
            Self::TlsAuthority => "unknown authority",
            Self::TlsName => "wrong name",
            Self::TlsExpiry => "not valid now",
            Self::TlsCertificate => "bad certificate",
            Self::TlsProtocol => "TLS refused",
            Self::TlsCut => "handshake cut",
            Self::Unreachable => "unreachable",
            Self::OutOfFiles => "out of open files",
            Self::OutOfPorts => "out of ports",
            Self::NotSent => "never sent",
            Self::Unfinished => "unfinished",
            Self::Other => "other",
        }
    }
}
