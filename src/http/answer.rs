//! Reads an HTTP/1.1 answer from bytes as they come (RFC 9112 section 6.3), for all clients. No I/O here.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use super::answer_framing::{self, AnswerFields, BodyFraming, MalformedAnswer, malformed};

/// Largest head of an answer; a larger one is malformed.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Most header fields of an answer.
const MAX_HEADERS: usize = 100;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ParserState {
    #[default]
    Head,
    Fixed(u64),
    ChunkSize {
        size: u64,
        digits: u8,
        extension: bool,
    },
    ChunkData(u64),
    ChunkEnd,
    Trailer {
        line_bytes: u32,
    },
    UntilClose,
    Done,
}

/// The reader of one answer after the other on a connection. Its memory is bounded: only an incomplete head is kept.
#[derive(Debug, Default)]
pub struct AnswerReader<F> {
    state: ParserState,
    bodyless: bool,
    /// An incomplete head.
    head: Vec<u8>,
    status: u16,
    keep_alive: bool,
    fields: F,
}

impl<F: AnswerFields> AnswerReader<F> {
    /// Makes ready for the next answer. `head_request`: it answers a HEAD, so no body follows.
    pub fn start(&mut self, head_request: bool) {
        self.state = ParserState::Head;
        self.bodyless = head_request;
        self.head.clear();
        self.status = 0;
    }

    /// Status code, 0 before the head is read.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the connection may carry another request, after this answer.
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// What the other fields say; complete once the head is read.
    pub fn fields(&self) -> &F {
        &self.fields
    }

    /// Whether the answer is complete.
    pub fn is_done(&self) -> bool {
        self.state == ParserState::Done
    }

    /// How much of the body is still to come, where the head has said it; 0 where it has not.
    pub fn remaining(&self) -> u64 {
        match self.state {
            ParserState::Fixed(left) => left,
            _ => 0,
        }
    }

    /// Whether any byte of the answer has come.
    pub fn begun(&self) -> bool {
        self.state != ParserState::Head || !self.head.is_empty() || self.status != 0
    }

    /// Takes the bytes that came; the parts of the body go to `body`. Returns whether the answer is complete.
    ///
    /// # Errors
    /// When the bytes are not an HTTP/1.x answer, or more follow than the answer has.
    pub fn feed(&mut self, bytes: &[u8], body: &mut dyn FnMut(&[u8])) -> Result<bool, MalformedAnswer> {
        if self.take(bytes, body)? < bytes.len() {
            return malformed("bytes follow the end of the answer");
        }
        Ok(self.is_done())
    }

    /// Takes those of the bytes that belong to the answer; the parts of the body go to `body`. Returns how many they are.
    ///
    /// # Errors
    /// When the bytes are not an HTTP/1.x answer.
    pub fn take(&mut self, bytes: &[u8], body: &mut dyn FnMut(&[u8])) -> Result<usize, MalformedAnswer> {
        let mut rest = bytes;
        if self.state == ParserState::Head {
            rest = self.feed_head(rest)?;
        }
        Ok(bytes.len() - self.feed_body(rest, body)?.len())
    }

    /// The connection was closed by the node. Returns whether that ends the answer as it should.
    pub fn end_of_stream(&mut self) -> bool {
        if self.state == ParserState::UntilClose {
            self.state = ParserState::Done;
        }
        self.state == ParserState::Done
    }

    fn feed_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], MalformedAnswer> {
        if self.head.is_empty() {
            return match self.parse_head(bytes)? {
                Some(used) => Ok(&bytes[used..]),
                None => {
                    self.head.extend_from_slice(bytes);
                    Ok(&[])
                }
            };
        }
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let head = std::mem::take(&mut self.head);
        let parsed = self.parse_head(&head);
        self.head = head;
        match parsed? {
            Some(used) => {
                self.head.clear();
                // The head was incomplete without these bytes, so it ends within them.
                Ok(&bytes[used.saturating_sub(before)..])
            }
            None if self.head.len() > MAX_HEAD_BYTES => malformed("the head is larger than 64 KiB"),
            None => Ok(&[]),
        }
    }

    /// Parses the final head, behind any interim ones (100, 103), which have no body. Returns how many bytes they took,
    /// `None` while the final head is incomplete.
    fn parse_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, MalformedAnswer> {
        let mut used = 0;
        loop {
            let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
            let mut head = httparse::Response::new(&mut []);
            let parser = httparse::ParserConfig::default();
            used += match parser.parse_response_with_uninit_headers(&mut head, &bytes[used..], &mut headers) {
                Ok(httparse::Status::Complete(used)) => used,
                Ok(httparse::Status::Partial) => return Ok(None),
                Err(httparse::Error::TooManyHeaders) => return malformed("the head has more than 100 fields"),
                Err(error) => return Err(MalformedAnswer(Cow::Owned(error.to_string()))),
            };
            match head.code.unwrap_or(0) {
                0..100 => return malformed("the status code is below 100"),
                101 => return malformed("the node switched protocols unasked"),
                102..200 | 100 => {}
                status => {
                    self.status = status;
                    self.keep_alive = head.version == Some(1);
                    let framing = answer_framing::read(head.headers, &mut self.keep_alive, &mut self.fields)?;
                    self.state = self.body_state(status, framing);
                    return Ok(Some(used));
                }
            }
        }
    }

    fn body_state(&mut self, status: u16, framing: BodyFraming) -> ParserState {
        if self.bodyless || status == 204 || status == 304 {
            return ParserState::Done;
        }
        match framing {
            BodyFraming::Chunked => ParserState::ChunkSize { size: 0, digits: 0, extension: false },
            BodyFraming::Length(0) => ParserState::Done,
            BodyFraming::Length(length) => ParserState::Fixed(length),
            BodyFraming::UntilClose => {
                self.keep_alive = false;
                ParserState::UntilClose
            }
        }
    }

    fn feed_body<'a>(&mut self, bytes: &'a [u8], body: &mut dyn FnMut(&[u8])) -> Result<&'a [u8], MalformedAnswer> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.state {
                ParserState::Head | ParserState::Done => break,
                ParserState::Fixed(left) => {
                    let taken = take(&mut rest, left, body);
                    self.state = if taken == left { ParserState::Done } else { ParserState::Fixed(left - taken) };
                }
                ParserState::ChunkData(left) => {
                    let taken = take(&mut rest, left, body);
                    self.state =
                        if taken == left { ParserState::ChunkEnd } else { ParserState::ChunkData(left - taken) };
                }
                ParserState::UntilClose => {
                    body(rest);
                    rest = &[];
                }
                ParserState::ChunkSize { .. } | ParserState::ChunkEnd | ParserState::Trailer { .. } => {
                    self.state = chunk_framing(self.state, rest[0])?;
                    rest = &rest[1..];
                }
            }
        }
        Ok(rest)
    }
}

fn take(rest: &mut &[u8], left: u64, body: &mut dyn FnMut(&[u8])) -> u64 {
    let count = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
    let (part, after) = rest.split_at(count);
    body(part);
    *rest = after;
    count as u64
}

/// One byte of what stands between the data of chunks (RFC 9112 section 7.1).
fn chunk_framing(state: ParserState, byte: u8) -> Result<ParserState, MalformedAnswer> {
    match (state, byte) {
        (ParserState::ChunkSize { size, digits, .. }, b'\n') => match (digits, size) {
            (0, _) => malformed("a chunk has no size"),
            (_, 0) => Ok(ParserState::Trailer { line_bytes: 0 }),
            (_, size) => Ok(ParserState::ChunkData(size)),
        },
        (ParserState::ChunkSize { size, digits, .. }, b';' | b'\r' | b' ' | b'\t') if digits > 0 => {
            Ok(ParserState::ChunkSize { size, digits, extension: true })
        }
        (ParserState::ChunkSize { extension: true, .. }, _) => Ok(state),
        (ParserState::ChunkSize { size, digits, .. }, _) => match (byte as char).to_digit(16) {
            Some(digit) if digits < 15 => {
                Ok(ParserState::ChunkSize { size: size * 16 + u64::from(digit), digits: digits + 1, extension: false })
            }
            _ => malformed("the size of a chunk is malformed"),
        },
        (ParserState::ChunkEnd, b'\r') => Ok(ParserState::ChunkEnd),
        (ParserState::ChunkEnd, b'\n') => Ok(ParserState::ChunkSize { size: 0, digits: 0, extension: false }),
        (ParserState::ChunkEnd, _) => malformed("a chunk is longer than its size says"),
        (ParserState::Trailer { line_bytes: 0 }, b'\n') => Ok(ParserState::Done),
        (ParserState::Trailer { .. }, b'\n') => Ok(ParserState::Trailer { line_bytes: 0 }),
        (ParserState::Trailer { .. }, b'\r') => Ok(state),
        (ParserState::Trailer { line_bytes }, _) if line_bytes as usize > MAX_HEAD_BYTES => {
            malformed("a trailer is too long")
        }
        (ParserState::Trailer { line_bytes }, _) => Ok(ParserState::Trailer { line_bytes: line_bytes + 1 }),
        (state, _) => Ok(state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `text` in pieces of `piece` bytes; gives whether it was complete, the body, and whether the connection lives.
    fn read(text: &str, piece: usize, head_request: bool) -> Result<(bool, String, bool), MalformedAnswer> {
        let mut reader = AnswerReader::<()>::default();
        reader.start(head_request);
        let (mut done, mut body) = (false, Vec::new());
        for part in text.as_bytes().chunks(piece) {
            if done {
                return malformed("bytes follow the end of the answer");
            }
            done = reader.feed(part, &mut |bytes| body.extend_from_slice(bytes))?;
        }
        let done = done || reader.end_of_stream();
        Ok((done, String::from_utf8(body).unwrap(), reader.keep_alive()))
    }

    #[test]
    fn answers_in_pieces_of_every_size() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, true, "hello", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, true, "", true),
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nContent-Length: 5\r\n\r\nhello", false, true, "hello", true),
            ("HTTP/1.1 204 No Content\r\n\r\n", false, true, "", true),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", false, true, "", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", true, true, "", true),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", false, true, "until the end", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, true, "ok", false),
            ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", false, true, "ok", true),
            ("HTTP/1.1 200 OK\r\nConnection: foo , Close\r\nContent-Length: 2\r\n\r\nok", false, true, "ok", false),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                false,
                true,
                "hello",
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n00A;x=\"y\"\r\n0123456789\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n",
                false,
                true,
                "0123456789!",
                true,
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nraw", false, true, "raw", false),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
                false,
                true,
                "x",
                true,
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", false, false, "hel", true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false, false, "hello", true),
            ("HTTP/1.1 200 OK\r\nContent-", false, false, "", false),
        ];
        for (text, head_request, complete, body, keep_alive) in cases {
            for piece in [1, 2, 3, 7, 16, text.len()] {
                let (done, got, lives) = read(text, piece, head_request).unwrap();
                assert_eq!((done, &*got, lives), (complete, body, keep_alive), "{piece}: {text}");
            }
        }
    }

    #[test]
    fn malformed_answers() {
        for text in [
            "hello\r\n\r\n",
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 099 Odd\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\nbody",
        ] {
            for piece in [1, 5, text.len()] {
                assert!(read(text, piece, false).is_err(), "{piece}: {text}");
            }
        }
        // A HEAD answered with a body, as some servers do.
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", 99, true).is_err());
        let large = format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(2 * MAX_HEAD_BYTES));
        assert!(read(&large, 4096, false).is_err());
    }

    /// Keeps the last value of `X-Node`.
    #[derive(Default)]
    struct Node(String);

    impl AnswerFields for Node {
        fn clear(&mut self) {
            self.0.clear();
        }

        fn read(&mut self, name: &str, value: &[u8]) {
            if name.eq_ignore_ascii_case("x-node") {
                self.0 = String::from_utf8_lossy(value).into_owned();
            }
        }
    }

    #[test]
    fn one_reader_takes_one_answer_after_the_other() {
        let mut reader = AnswerReader::<Node>::default();
        for (text, node) in [("X-Node: a\r\nContent-Length: 1\r\n\r\nx", "a"), ("Content-Length: 0\r\n\r\n", "")] {
            reader.start(false);
            assert!(!reader.begun());
            let whole = format!("HTTP/1.1 200 OK\r\n{text}");
            assert_eq!(reader.feed(whole.as_bytes(), &mut |_| {}), Ok(true));
            assert!(reader.begun());
            assert_eq!(reader.fields().0, node);
        }
    }
}
