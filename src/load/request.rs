//! The bytes of a request: the same each time, or with keys drawn for each.

use std::io::Write;

use fastrand::Rng;

use super::cookies::CookieJar;
use super::draw::KeySampler;
use super::plan::LoadPlan;
use super::target::Target;
use crate::results::keys::{Piece, Template};

/// A target, made ready: the bytes to send and where to.
pub(super) struct PreparedRequest {
    /// Index into the resolved origins.
    pub origin: usize,
    /// An answer to it has no body.
    pub is_head: bool,
    /// It changes something.
    pub is_write: bool,
    /// It asks for the user's counter.
    pub is_session: bool,
    text: Text,
}

enum Text {
    Fixed(Vec<u8>),
    Drawn {
        /// Up to the last field but `Content-Length`.
        head: Vec<TemplatePart>,
        body: Option<Vec<TemplatePart>>,
    },
}

enum TemplatePart {
    Bytes(Vec<u8>),
    Key(KeySampler),
}

/// Where the bytes of requests with keys are put together.
#[derive(Default)]
pub(super) struct RequestBuffer {
    bytes: Vec<u8>,
    body: Vec<u8>,
    /// With cookies.
    whole: Vec<u8>,
}

impl PreparedRequest {
    /// A request of the plan to the origin with that index.
    pub fn new(plan: &LoadPlan, target: &Target, origin: usize) -> Self {
        let mut head = vec![TemplatePart::Bytes(format!("{} ", target.method).into_bytes())];
        head.extend(parts(&target.path));
        head.push(TemplatePart::Bytes(fields(plan, target).into_bytes()));
        let mut text = Text::Drawn { head, body: target.body.as_ref().map(parts) };
        if target.path.is_constant() && target.body.as_ref().is_none_or(Template::is_constant) {
            let mut buffer = RequestBuffer::default();
            text = Text::Fixed(text.write(&mut Rng::with_seed(0), &mut buffer).to_vec());
        }
        let is_session = target.url.path.split('?').next() == Some("/session");
        Self {
            origin,
            is_head: target.method == "HEAD",
            is_write: !matches!(&*target.method, "GET" | "HEAD"),
            is_session,
            text,
        }
    }

    /// The whole request, with keys drawn from `random`.
    pub fn write<'a>(&'a self, random: &mut Rng, buffer: &'a mut RequestBuffer) -> &'a [u8] {
        self.text.write(random, buffer)
    }

    /// The same, with the cookies of its user.
    pub fn write_with<'a>(&'a self, random: &mut Rng, jar: &CookieJar, buffer: &'a mut RequestBuffer) -> &'a [u8] {
        if jar.is_empty() {
            return self.write(random, buffer);
        }
        let mut whole = std::mem::take(&mut buffer.whole);
        whole.clear();
        let bytes = self.text.write(random, buffer);
        // The cookies go behind the request line.
        let line = bytes.windows(2).position(|pair| pair == b"\r\n").map_or(0, |at| at + 2);
        let path = bytes[..line].split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        whole.extend_from_slice(&bytes[..line]);
        jar.write(path, &mut whole);
        whole.extend_from_slice(&bytes[line..]);
        buffer.whole = whole;
        &buffer.whole
    }
}

impl Text {
    fn write<'a>(&'a self, random: &mut Rng, buffer: &'a mut RequestBuffer) -> &'a [u8] {
        let (head, body) = match self {
            Self::Fixed(bytes) => return bytes,
            Self::Drawn { head, body } => (head, body),
        };
        buffer.bytes.clear();
        write_parts(head, random, &mut buffer.bytes);
        if let Some(body) = body {
            buffer.body.clear();
            write_parts(body, random, &mut buffer.body);
            number(&mut buffer.bytes, "Content-Length: ", buffer.body.len() as u64);
            buffer.bytes.extend_from_slice(b"\r\n\r\n");
            buffer.bytes.extend_from_slice(&buffer.body);
        } else {
            buffer.bytes.extend_from_slice(b"\r\n");
        }
        &buffer.bytes
    }
}

fn parts(template: &Template) -> Vec<TemplatePart> {
    let part = |piece: &Piece| match piece {
        Piece::Text(text) => TemplatePart::Bytes(text.clone().into_bytes()),
        Piece::Key(key) => TemplatePart::Key(KeySampler::new(*key)),
    };
    template.pieces.iter().map(part).collect()
}

fn write_parts(parts: &[TemplatePart], random: &mut Rng, out: &mut Vec<u8>) {
    for part in parts {
        match part {
            TemplatePart::Bytes(bytes) => out.extend_from_slice(bytes),
            TemplatePart::Key(key) => number(out, "", key.draw(random)),
        }
    }
}

fn number(out: &mut Vec<u8>, label: &str, number: u64) {
    // Writing to memory cannot fail.
    let _ = write!(out, "{label}{number}");
}

/// From behind the path to the last field but the length of a body.
fn fields(plan: &LoadPlan, target: &Target) -> String {
    let has = |name: &str| {
        plan.headers.iter().any(|header| header.split(':').next().is_some_and(|got| got.eq_ignore_ascii_case(name)))
    };
    let mut text = " HTTP/1.1\r\n".to_owned();
    if !has("Host") {
        text.push_str(&format!("Host: {}\r\n", target.url.origin.host_field()));
    }
    if !has("User-Agent") {
        text.push_str(concat!("User-Agent: webapp/", env!("CARGO_PKG_VERSION"), "\r\n"));
    }
    for header in &plan.headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    if !plan.keepalive {
        text.push_str("Connection: close\r\n");
    }
    // A method that usually has a body says that there is none (RFC 9110 section 8.6).
    if target.body.is_none() && matches!(&*target.method, "POST" | "PUT" | "PATCH") {
        text.push_str("Content-Length: 0\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::draw::stream;
    use super::super::target::parse_mix;
    use super::*;

    const AGENT: &str = concat!("User-Agent: webapp/", env!("CARGO_PKG_VERSION"), "\r\n");

    fn plan(url: &str) -> LoadPlan {
        LoadPlan::closed(parse_mix(&[url]).unwrap(), 1)
    }

    fn text(plan: &LoadPlan, random: &mut Rng) -> String {
        let request = PreparedRequest::new(plan, &plan.targets[0], 0);
        String::from_utf8(request.write(random, &mut RequestBuffer::default()).to_vec()).unwrap()
    }

    #[test]
    fn fixed_requests() {
        let random = &mut stream(1, 1);
        let mut plan = plan("http://a:81/x?y=z");
        assert_eq!(text(&plan, random), format!("GET /x?y=z HTTP/1.1\r\nHost: a:81\r\n{AGENT}\r\n"));
        plan.headers = vec!["host: b".into(), "user-agent: c".into()];
        plan.keepalive = false;
        let got = text(&plan, random);
        assert_eq!(got, "GET /x?y=z HTTP/1.1\r\nhost: b\r\nuser-agent: c\r\nConnection: close\r\n\r\n");
        plan.targets[0].method = "POST".into();
        assert!(text(&plan, random).ends_with("Connection: close\r\nContent-Length: 0\r\n\r\n"));
        plan.targets[0].body = Some(Template::parse("añb").unwrap());
        assert!(text(&plan, random).ends_with("Connection: close\r\nContent-Length: 4\r\n\r\nañb"));
    }

    #[test]
    fn cookies_stand_behind_the_request_line() {
        let plan = plan("http://a/x");
        let request = PreparedRequest::new(&plan, &plan.targets[0], 0);
        let (mut jar, mut buffer) = (CookieJar::default(), RequestBuffer::default());
        let random = &mut stream(1, 1);
        let bare = request.write_with(random, &jar, &mut buffer).to_vec();
        assert_eq!(bare, request.write(random, &mut buffer));
        jar.set(&super::super::cookies::SetCookie::read(b"s=1; Path=/x").unwrap());
        for _ in 0..2 {
            let text = String::from_utf8(request.write_with(random, &jar, &mut buffer).to_vec()).unwrap();
            assert_eq!(text, format!("GET /x HTTP/1.1\r\nCookie: s=1\r\nHost: a\r\n{AGENT}\r\n"));
        }
    }

    #[test]
    fn keys_are_drawn_for_each_request_in_path_and_body() {
        let mut plan = plan("http://a/item?id={uniform 1..100000}");
        plan.targets[0].method = "PUT".into();
        plan.targets[0].body = Some(Template::parse("v{zipf 5..5 1} {uniform 10..99}").unwrap());
        let mut random = stream(1, 1);
        let (first, second) = (text(&plan, &mut random), text(&plan, &mut random));
        assert_ne!(first, second);
        for text in [&first, &second] {
            let id = text.strip_prefix("PUT /item?id=").and_then(|rest| rest.split(' ').next()).unwrap();
            assert!((1..=100_000).contains(&id.parse::<u32>().unwrap()), "{text}");
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with("Content-Length: 5") && body.starts_with("v5 ") && body.len() == 5, "{text}");
        }
        let mut again = stream(1, 1);
        assert_eq!([first, second], [(); 2].map(|()| text(&plan, &mut again)));
    }
}
