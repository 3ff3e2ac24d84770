//! Those fields of an answer by which a node says who it is and what the request took.

use super::cookies::SetCookie;
use crate::http::answer_framing::AnswerFields;

/// Longest node name that is kept.
const MAX_NODE_BYTES: usize = 128;

/// What a node says in its answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct NodeFields {
    /// Value of `X-Node`, empty when absent.
    pub node: String,
    /// `Server-Timing`: `queue`, milliseconds.
    pub queue_milliseconds: Option<f64>,
    /// `Server-Timing`: `work`, milliseconds.
    pub work_milliseconds: Option<f64>,
    /// `X-Version`: the version of the row that was asked for.
    pub version: Option<RowVersion>,
    /// `Cache-Status`: whether the cache nearest to us had it.
    pub cache_hit: Option<bool>,
    /// `Set-Cookie`, in their order.
    pub cookies: Vec<SetCookie>,
}

/// A row and its version, as `X-Version` has them: `7:3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowVersion {
    pub row: u64,
    pub version: u64,
}

impl RowVersion {
    /// `None` for anything else.
    fn read(value: &[u8]) -> Option<Self> {
        let (row, version) = std::str::from_utf8(value).ok()?.trim().split_once(':')?;
        Some(Self { row: row.parse().ok()?, version: version.parse().ok()? })
    }
}

/// What is recorded of a whole answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerSummary<'a> {
    pub status: u16,
    pub fields: &'a NodeFields,
}

impl AnswerFields for NodeFields {
    fn clear(&mut self) {
        self.node.clear();
        self.queue_milliseconds = None;
        self.work_milliseconds = None;
        self.version = None;
        self.cache_hit = None;
        self.cookies.clear();
    }

    fn read(&mut self, name: &str, value: &[u8]) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        match name.len() {
            6 if is("x-node") => {
                let value = std::str::from_utf8(value).unwrap_or("(not text)").trim();
                let end = value.floor_char_boundary(MAX_NODE_BYTES);
                self.node.push_str(&value[..end]);
            }
            9 if is("x-version") => self.version = RowVersion::read(value),
            10 if is("set-cookie") => self.cookies.extend(SetCookie::read(value)),
            12 if is("cache-status") => self.cache_hit = read_cache_status(value).or(self.cache_hit),
            13 if is("server-timing") => read_server_timing(value, self),
            _ => {}
        }
    }
}

/// `webapp; fwd=miss, edge; hit`: the last cache is the nearest to whoever asks (RFC 9211, section 2). A field that comes again goes on
/// with the list. `None` for an empty one.
fn read_cache_status(value: &[u8]) -> Option<bool> {
    let last = std::str::from_utf8(value).ok()?.rsplit(',').next()?.trim();
    let mut parts = last.split(';').map(str::trim);
    parts.next().filter(|name| !name.is_empty())?;
    Some(parts.any(|part| part == "hit"))
}

/// `queue;dur=1.5, work;dur=20`: <https://www.w3.org/TR/server-timing/>. What does not parse is left out.
fn read_server_timing(value: &[u8], fields: &mut NodeFields) {
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
            "queue" => fields.queue_milliseconds = duration,
            "work" => fields.work_milliseconds = duration,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::answer::AnswerReader;

    fn read(text: &str) -> NodeFields {
        let mut reader = AnswerReader::<NodeFields>::default();
        assert_eq!(reader.feed(text.as_bytes(), &mut |_| {}), Ok(true));
        reader.fields().clone()
    }

    #[test]
    fn versions_of_rows() {
        let of =
            |value: &str| read(&format!("HTTP/1.1 200 OK\r\nX-Version: {value}\r\nContent-Length: 0\r\n\r\n")).version;
        assert_eq!(of("7:3"), Some(RowVersion { row: 7, version: 3 }));
        for odd in ["", "7", "7:", ":3", "a:3", "7:-1", "7:3:4"] {
            assert_eq!(of(odd), None, "{odd}");
        }
    }

    #[test]
    fn hits_of_the_nearest_cache() {
        for (fields, hit) in [
            ("", None),
            ("Cache-Status: edge; hit\r\n", Some(true)),
            ("Cache-Status: webapp; hit, edge; fwd=uri-miss\r\n", Some(false)),
            ("Cache-Status: webapp; fwd=miss\r\ncache-status: edge; hit; detail=stale\r\n", Some(true)),
            ("Cache-Status: webapp; hit\r\nCache-Status: edge; fwd=miss\r\n", Some(false)),
            ("Cache-Status: \r\n", None),
            ("Cache-Status: hit\r\n", Some(false)),
        ] {
            assert_eq!(
                read(&format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n")).cache_hit,
                hit,
                "{fields}"
            );
        }
    }

    #[test]
    fn node_and_server_timing() {
        let text = "HTTP/1.1 200 OK\r\nx-node: node2 \r\nServer-Timing: queue;dur=0.125, work; desc=\"a\";dur=20\r\nContent-Length: 0\r\n\r\n";
        let fields = read(text);
        assert_eq!((fields.node.as_str(), fields.version), ("node2", None));
        assert_eq!((fields.queue_milliseconds, fields.work_milliseconds), (Some(0.125), Some(20.0)));
        for odd in ["queue", "queue;dur=", "queue;dur=-1", "queue;dur=nan", ";dur=1", "QUEUE;dur=1", "a,,;=;b"] {
            let text = format!("HTTP/1.1 200 OK\r\nServer-Timing: {odd}\r\nContent-Length: 0\r\n\r\n");
            let fields = read(&text);
            assert_eq!((fields.queue_milliseconds, fields.work_milliseconds), (None, None), "{odd}");
        }
    }
}
