//! Request bodies: read to their end, so that the next request starts where it should and no byte of a body ever runs
//! as a request. Most bodies are dropped; a service that asks for one gets it without its framing.

use super::head::BodyLength;

/// Most bytes of chunk extensions in a body, and longest trailer section. Without a bound on all extensions together,
/// a body of a few bytes could take any number of them to read.
const MAX_EXTRA: usize = 4096;

/// Where a body stands; fed with what arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyReader {
    state: BodyState,
    /// Body bytes so far, framing not counted.
    received: u64,
    limit: u64,
    /// Bytes of chunk extensions so far.
    extensions: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum BodyState {
    /// So many bytes to come.
    Known(u64),
    /// In a chunk-size line: size so far, digits so far, whether the digits are over, whether its CR was seen.
    Size {
        size: u64,
        digits: u8,
        extension: bool,
        cr: bool,
    },
    /// So many bytes of the chunk to come.
    Chunk(u64),
    /// The line end after a chunk; whether its CR was seen.
    ChunkEnd {
        cr: bool,
    },
    /// In the trailer section: length so far, length of the line, whether a CR was seen.
    Trailer {
        length: usize,
        line: usize,
        cr: bool,
    },
    Done,
}

/// Why a body is refused; the connection closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// The chunked framing is broken: 400.
    Malformed,
    /// Over the limit: 413.
    TooLarge,
}

impl BodyReader {
    /// A body of that length, of at most `limit` bytes.
    pub fn new(length: BodyLength, limit: u64) -> Result<BodyReader, BodyError> {
        let state = match length {
            BodyLength::Known(0) => BodyState::Done,
            BodyLength::Known(length) if length > limit => return Err(BodyError::TooLarge),
            BodyLength::Known(length) => BodyState::Known(length),
            BodyLength::Chunked => SIZE,
        };
        Ok(BodyReader { state, received: 0, limit, extensions: 0 })
    }

    /// Whether the body has ended.
    pub fn is_done(&self) -> bool {
        self.state == BodyState::Done
    }

    /// Takes bytes of the body from the front of `bytes`; returns how many belong to it. What they hold, framing
    /// undone, is handed to `content` in pieces.
    pub fn take(&mut self, bytes: &[u8], mut content: impl FnMut(&[u8])) -> Result<usize, BodyError> {
        let mut used = 0;
        while used < bytes.len() && !self.is_done() {
            let is_content = matches!(self.state, BodyState::Known(_) | BodyState::Chunk(_));
            let step = self.step(&bytes[used..])?;
            if is_content {
                content(&bytes[used..used + step]);
            }
            used += step;
        }
        Ok(used)
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, BodyError> {
        let byte = bytes[0];
        let (state, used) = match self.state {
            BodyState::Known(left) => {
                let used = left.min(bytes.len() as u64);
                (if used == left { BodyState::Done } else { BodyState::Known(left - used) }, used as usize)
            }
            BodyState::Chunk(left) => {
                let used = left.min(bytes.len() as u64);
                (
                    if used == left { BodyState::ChunkEnd { cr: false } } else { BodyState::Chunk(left - used) },
                    used as usize,
                )
            }
            BodyState::Size { size, digits, extension, cr } => (self.size_line(byte, size, digits, extension, cr)?, 1),
            BodyState::ChunkEnd { cr } => match (cr, byte) {
                (false, b'\r') => (BodyState::ChunkEnd { cr: true }, 1),
                (true, b'\n') => (SIZE, 1),
                _ => return Err(BodyError::Malformed),
            },
            BodyState::Trailer { length, line, cr } => (trailer(byte, length, line, cr)?, 1),
            BodyState::Done => (BodyState::Done, 0),
        };
        self.state = state;
        Ok(used)
    }

    fn size_line(
        &mut self,
        byte: u8,
        size: u64,
        digits: u8,
        extension: bool,
        cr: bool,
    ) -> Result<BodyState, BodyError> {
        if cr {
            if byte != b'\n' {
                return Err(BodyError::Malformed);
            }
            self.received = self.received.saturating_add(size);
            if self.received > self.limit {
                return Err(BodyError::TooLarge);
            }
            return Ok(if size == 0 {
                BodyState::Trailer { length: 0, line: 0, cr: false }
            } else {
                BodyState::Chunk(size)
            });
        }
        match byte {
            b'\r' if digits > 0 => Ok(BodyState::Size { size, digits, extension, cr: true }),
            b';' | b' ' | b'\t' if digits > 0 && !extension => {
                Ok(BodyState::Size { size, digits, extension: true, cr })
            }
            _ if extension && (byte == b'\t' || (0x20..0x7f).contains(&byte)) && self.extensions < MAX_EXTRA => {
                self.extensions += 1;
                Ok(BodyState::Size { size, digits, extension, cr })
            }
            _ if !extension && byte.is_ascii_hexdigit() && digits < 15 => {
                let digit = (byte as char).to_digit(16).unwrap_or(0);
                Ok(BodyState::Size { size: size * 16 + u64::from(digit), digits: digits + 1, extension, cr })
            }
            _ => Err(BodyError::Malformed),
        }
    }
}

const SIZE: BodyState = BodyState::Size { size: 0, digits: 0, extension: false, cr: false };

/// Trailer fields are dropped; only their end matters.
fn trailer(byte: u8, length: usize, line: usize, cr: bool) -> Result<BodyState, BodyError> {
    if length >= MAX_EXTRA {
        return Err(BodyError::Malformed);
    }
    let length = length + 1;
    match (cr, byte) {
        (true, b'\n') if line == 0 => Ok(BodyState::Done),
        (true, b'\n') => Ok(BodyState::Trailer { length, line: 0, cr: false }),
        (true, _) | (false, b'\n' | 0) => Err(BodyError::Malformed),
        (false, b'\r') => Ok(BodyState::Trailer { length, line, cr: true }),
        (false, _) => Ok(BodyState::Trailer { length, line: line + 1, cr: false }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a chunked body in pieces of that size; gives its content, and what is left of the stream behind it.
    fn feed(bytes: &[u8], piece: usize) -> Result<Option<(String, String)>, BodyError> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut framing = BodyReader::new(BodyLength::Chunked, 100)?;
        let mut content = Vec::new();
        let mut used = 0;
        for part in bytes.chunks(piece) {
            let taken = framing.take(part, |bytes| content.extend_from_slice(bytes))?;
            used += taken;
            if framing.is_done() {
                return Ok(Some((text(&content), text(&bytes[used..]))));
            }
        }
        Ok(None)
    }

    #[test]
    fn chunked_bodies_end_where_they_should_however_they_arrive() {
        let ends = |content: &str, rest: &str| Ok(Some((content.to_owned(), rest.to_owned())));
        for (body, outcome) in [
            ("0\r\n\r\nGET", ends("", "GET")),
            ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", ends("hello world", "")),
            ("5;name=\"value\"\r\nhello\r\n00\r\nTrailer: x\r\n\r\nrest", ends("hello", "rest")),
            ("A\r\n0123456789\r\n0\r\n\r\n", ends("0123456789", "")),
            ("5\r\nhello", Ok(None)),
            ("65\r\n", Err(BodyError::TooLarge)),
            ("ffffffffffffffff\r\n", Err(BodyError::Malformed)),
            ("-1\r\n", Err(BodyError::Malformed)),
            ("0x5\r\n", Err(BodyError::Malformed)),
            ("\r\n", Err(BodyError::Malformed)),
            ("5\nhello", Err(BodyError::Malformed)),
            ("5\r\nhello!\r\n", Err(BodyError::Malformed)),
            ("5\r\nhello\n", Err(BodyError::Malformed)),
            ("0\r\nTrailer\n\r\n", Err(BodyError::Malformed)),
        ] {
            for piece in 1..=body.len() {
                assert_eq!(feed(body.as_bytes(), piece), outcome, "{body:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn known_lengths() {
        let mut framing = BodyReader::new(BodyLength::Known(5), 100).unwrap();
        let mut content = Vec::new();
        let mut take = |bytes: &[u8]| {
            let used = framing.take(bytes, |part| content.extend_from_slice(part));
            (used, framing.is_done())
        };
        assert_eq!(take(b"he"), (Ok(2), false));
        assert_eq!(take(b"lloGET"), (Ok(3), true));
        assert_eq!(content, b"hello");
        assert!(BodyReader::new(BodyLength::Known(0), 100).unwrap().is_done());
        assert_eq!(BodyReader::new(BodyLength::Known(101), 100), Err(BodyError::TooLarge));
    }
}
