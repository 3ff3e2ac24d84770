//! The head of an answer, as far as the generator needs it.

use std::borrow::Cow;

/// Longest node name that is kept.
const MAX_NODE_BYTES: usize = 128;

/// What the head of an answer says, as far as the generator needs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerHead {
    /// Status code, 0 before the head is read.
    pub status: u16,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
    /// Value of `X-Node`, empty when absent.
    pub node: String,
    /// `Server-Timing`: `queue`, milliseconds.
    pub queue_milliseconds: Option<f64>,
    /// `Server-Timing`: `work`, milliseconds.
    pub work_milliseconds: Option<f64>,
}

/// What is wrong with an answer, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub Cow<'static, str>);

pub(super) fn malformed<T>(text: &'static str) -> Result<T, Malformed> {
    Err(Malformed(Cow::Borrowed(text)))
}

/// How the end of a body is found (RFC 9112 section 6.3).
pub(super) enum BodyFraming {
    Length(u64),
    Chunked,
    UntilClose,
}

impl AnswerHead {
    /// Reads the header fields, but for what the status line says.
    ///
    /// # Errors
    /// When they leave open where the body ends.
    pub(super) fn read(&mut self, headers: &[httparse::Header<'_>]) -> Result<BodyFraming, Malformed> {
        let (mut length, mut coding) = (None, None);
        self.node.clear();
        self.queue_milliseconds = None;
        self.work_milliseconds = None;
        for header in headers {
            // The length of the name decides first: most headers are none of these.
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            match header.name.len() {
                6 if is("x-node") => {
                    let value = std::str::from_utf8(header.value).unwrap_or("(not text)").trim();
                    let end = value.floor_char_boundary(MAX_NODE_BYTES);
                    self.node.push_str(&value[..end]);
                }
                10 if is("connection") => {
                    if has_token(header.value, "close") {
                        self.keep_alive = false;
                    } else if has_token(header.value, "keep-alive") {
                        self.keep_alive = true;
                    }
                }
                13 if is("server-timing") => read_server_timing(header.value, self),
                14 if is("content-length") => match (parse_length(header.value), length) {
                    (None, _) => return malformed("Content-Length is not a number"),
                    (Some(this), Some(other)) if this != other => return malformed("two different Content-Length"),
                    (this, _) => length = this,
                },
                17 if is("transfer-encoding") => coding = Some(header.value),
                _ => {}
            }
        }
        match (coding, length) {
            (Some(_), Some(_)) => malformed("Content-Length beside Transfer-Encoding"),
            (Some(coding), None) => {
                let last = coding.rsplit(|byte| *byte == b',').next().unwrap_or(coding);
                let chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
                Ok(if chunked { BodyFraming::Chunked } else { BodyFraming::UntilClose })
            }
            (None, Some(length)) => Ok(BodyFraming::Length(length)),
            (None, None) => Ok(BodyFraming::UntilClose),
        }
    }
}

fn has_token(value: &[u8], token: &str) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

fn parse_length(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii();
    // `u64::from_str` would accept a sign, HTTP does not.
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(value).ok()?.parse().ok()).flatten()
}

/// `queue;dur=1.5, work;dur=20`: <https://www.w3.org/TR/server-timing/>. What does not parse is left out.
fn read_server_timing(value: &[u8], head: &mut AnswerHead) {
    let Ok(value) = std::str::from_utf8(value) else { return };
    for metric in value.split(',') {
        let mut parts = metric.split(';').map(str::trim);
        let name = parts.next().unwrap_or("");
        let duration = parts
            .filter_map(|part| part.split_once('='))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case("dur"))
            .and_then(|(_, text)| text.trim().trim_matches('"').parse::<f64>().ok())
            .filter(|duration| duration.is_finite() && *duration >= 0.0);
        match name {
            "queue" => head.queue_milliseconds = duration,
            "work" => head.work_milliseconds = duration,
            _ => {}
        }
    }
}
