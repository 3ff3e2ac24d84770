//! The formats that answers come in, and which of them a client gets.

use crate::http::{Problem, Request};

/// What an answer is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Format {
    Json,
    /// The bare result.
    Text,
    /// The live page.
    Html,
    /// Prometheus' text.
    Metrics,
    /// Protocol Buffers; docs/rows.proto has the contract.
    Protobuf,
    /// Bytes without a meaning.
    Bytes,
}

impl Format {
    /// The value of `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Metrics => "text/plain; version=0.0.4; charset=utf-8",
            Self::Protobuf => "application/x-protobuf",
            Self::Bytes => "application/octet-stream",
        }
    }

    /// The one of `formats` that suits the client best.
    ///
    /// # Errors
    /// 406 when the client refuses all of them.
    pub fn choose(request: &Request<'_>, formats: &[Self]) -> Result<Self, Problem> {
        // Most clients say nothing about it.
        if let (Some(usual), None) = (formats.first(), request.header("accept")) {
            return Ok(*usual);
        }
        let offers: Vec<&str> = formats.iter().map(|format| format.media_type()).collect();
        request.preferred(&offers).map(|index| formats[index]).ok_or_else(|| {
            let short = |offer: &&str| offer.split(';').next().unwrap_or_default().to_owned();
            let known = offers.iter().map(short).collect::<Vec<_>>().join(" or ");
            let detail = format!("this address answers with {known}, which the field Accept refuses");
            Problem::new(406, detail).header("Vary", "Accept")
        })
    }
}
