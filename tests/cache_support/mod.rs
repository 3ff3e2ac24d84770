//! What the tests of caches share.

#![allow(clippy::unwrap_used)]

pub mod check;
