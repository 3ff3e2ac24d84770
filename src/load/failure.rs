//! A request that failed, while a run lasts.

use std::borrow::Cow;

use crate::results::load::ErrorKind;

/// A request that failed: the kind, and what happened in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRequest {
    /// What it is counted as.
    pub kind: ErrorKind,
    /// For people; the first of each kind is shown.
    pub text: Cow<'static, str>,
}

impl FailedRequest {
    /// A failure of this kind.
    pub fn new(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, text: text.into() }
    }
}
