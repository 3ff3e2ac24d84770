//! The bytes of a request: the same each time, or with keys drawn for each.

use std::io::Write;

use csv::StringRecord;
use fastrand::Rng;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::cookies::CookieJar;
use super::draw::KeySampler;
use super::plan::LoadPlan;
use super::target::LoadTarget;
use crate::results::keys::{Form, Piece, Template};

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
    /// It has columns of the table.
    pub needs_row: bool,
    text: RequestText,
}

enum RequestText {
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
    Column { index: usize, form: Form },
}

/// RFC 3986, section 2.3: what is never encoded.
const NOT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// And what parts an address (section 2.2), with the `%` of what is encoded already. `#` would begin a fragment, which is not sent.
const NOT_RESERVED: &AsciiSet = &NOT_UNRESERVED
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'[')
    .remove(b']')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b'%');

/// What makes a request with keys and columns another one each time.
pub(super) struct Variables<'a> {
    /// Of the keys.
    pub random: &'a mut Rng,
    /// Of the columns; there is one where the request needs it.
    pub row: Option<&'a StringRecord>,
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
    pub fn new(plan: &LoadPlan, target: &LoadTarget, origin: usize) -> Self {
        let mut head = vec![TemplatePart::Bytes(format!("{} ", target.method).into_bytes())];
        head.extend(parts(&target.path));
        let fields = fields(plan, target);
        head.extend(parts(&fields));
        let templates = || [Some(&target.path), Some(&fields), target.body.as_ref()].into_iter().flatten();
        let needs_row = templates().any(|template| template.columns().next().is_some());
        let mut text = RequestText::Drawn { head, body: target.body.as_ref().map(parts) };
        if templates().all(Template::is_constant) {
            let mut buffer = RequestBuffer::default();
            let mut nothing = Variables { random: &mut Rng::with_seed(0), row: None };
            text = RequestText::Fixed(text.write(&mut nothing, &mut buffer).to_vec());
        }
        let is_session = target.url.path.split('?').next() == Some("/session");
        Self {
            origin,
            is_head: target.method == "HEAD",
            is_write: !matches!(&*target.method, "GET" | "HEAD"),
            is_session,
            needs_row,
            text,
        }
    }

    /// The whole request.
    pub fn write<'a>(&'a self, variables: &mut Variables<'_>, buffer: &'a mut RequestBuffer) -> &'a [u8] {
        self.text.write(variables, buffer)
    }

    /// The same, with the cookies of its user.
    pub fn write_with<'a>(
        &'a self,
        variables: &mut Variables<'_>,
        jar: &CookieJar,
        buffer: &'a mut RequestBuffer,
    ) -> &'a [u8] {
        if jar.is_empty() {
            return self.write(variables, buffer);
        }
        let mut whole = std::mem::take(&mut buffer.whole);
        whole.clear();
        let bytes = self.text.write(variables, buffer);
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

impl RequestText {
    fn write<'a>(&'a self, variables: &mut Variables<'_>, buffer: &'a mut RequestBuffer) -> &'a [u8] {
        let (head, body) = match self {
            Self::Fixed(bytes) => return bytes,
            Self::Drawn { head, body } => (head, body),
        };
        buffer.bytes.clear();
        write_parts(head, variables, &mut buffer.bytes);
        if let Some(body) = body {
            buffer.body.clear();
            write_parts(body, variables, &mut buffer.body);
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
        Piece::Bytes(bytes) => TemplatePart::Bytes(bytes.clone()),
        Piece::Key(key) => TemplatePart::Key(KeySampler::new(*key)),
        Piece::Column { index, form } => TemplatePart::Column { index: *index, form: *form },
    };
    template.pieces.iter().map(part).collect()
}

fn write_parts(parts: &[TemplatePart], variables: &mut Variables<'_>, out: &mut Vec<u8>) {
    for part in parts {
        match part {
            TemplatePart::Bytes(bytes) => out.extend_from_slice(bytes),
            TemplatePart::Key(key) => number(out, "", key.draw(variables.random)),
            TemplatePart::Column { index, form } => {
                let value = variables.row.and_then(|row| row.get(*index)).unwrap_or_default();
                write_value(value, *form, out);
            }
        }
    }
}

fn write_value(value: &str, form: Form, out: &mut Vec<u8>) {
    let encoded = |set| percent_encode(value.as_bytes(), set).map(str::as_bytes);
    match form {
        Form::Raw => out.extend_from_slice(value.as_bytes()),
        Form::Encoded => encoded(NOT_UNRESERVED).for_each(|part| out.extend_from_slice(part)),
        Form::Reserved => encoded(NOT_RESERVED).for_each(|part| out.extend_from_slice(part)),
    }
}

fn number(out: &mut Vec<u8>, label: &str, number: u64) {
    // Writing to memory cannot fail.
    let _ = write!(out, "{label}{number}");
}

/// From behind the path to the last field but the length of a body. In the fields of the plan, columns of its table may stand.
fn fields(plan: &LoadPlan, target: &LoadTarget) -> Template {
    let has = |name: &str| {
        plan.headers.iter().any(|header| header.split(':').next().is_some_and(|got| got.eq_ignore_ascii_case(name)))
    };
    let mut pieces = Vec::new();
    let mut text = " HTTP/1.1\r\n".to_owned();
    if !has("Host") {
        text.push_str(&format!("Host: {}\r\n", target.url.origin.host_field()));
    }
    if !has("User-Agent") {
        text.push_str(concat!("User-Agent: webapp/", env!("CARGO_PKG_VERSION"), "\r\n"));
    }
    for header in &plan.headers {
        for piece in Template::parse_field(header, plan.columns()).pieces {
            match piece {
                Piece::Text(part) => text.push_str(&part),
                other => pieces.extend([Piece::Text(std::mem::take(&mut text)), other]),
            }
        }
        text.push_str("\r\n");
    }
    if !plan.keepalive {
        text.push_str("Connection: close\r\n");
    }
    // A method that usually has a body says that there is none (RFC 9110 section 8.6).
    if target.body.is_none() && matches!(&*target.method, "POST" | "PUT" | "PATCH") {
        text.push_str("Content-Length: 0\r\n");
    }
    pieces.push(Piece::Text(text));
    Template { pieces }
}

#[cfg(test)]
mod tests {
    use super::super::draw::stream;
    use super::super::rows::{RowOrder, RowTable};
    use super::super::target::{parse_mix, parse_mix_with};
    use super::*;

    const AGENT: &str = concat!("User-Agent: webapp/", env!("CARGO_PKG_VERSION"), "\r\n");

    fn plan(url: &str) -> LoadPlan {
        LoadPlan::closed(parse_mix(&[url]).unwrap(), 1)
    }

    fn text(plan: &LoadPlan, random: &mut Rng) -> String {
        let request = PreparedRequest::new(plan, &plan.targets[0], 0);
        let mut variables = Variables { random, row: None };
        String::from_utf8(request.write(&mut variables, &mut RequestBuffer::default()).to_vec()).unwrap()
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
        let variables = &mut Variables { random: &mut stream(1, 1), row: None };
        let bare = request.write_with(variables, &jar, &mut buffer).to_vec();
        assert_eq!(bare, request.write(variables, &mut buffer));
        jar.set(&super::super::cookies::SetCookie::read(b"s=1; Path=/x").unwrap());
        for _ in 0..2 {
            let text = String::from_utf8(request.write_with(variables, &jar, &mut buffer).to_vec()).unwrap();
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

    #[test]
    fn a_row_goes_into_path_fields_and_body() {
        let columns = ["name".to_owned(), "place".to_owned()];
        let mut plan = plan("http://a/");
        plan.rows = Some(RowTable::parse("name,place\n,\n", RowOrder::Turn).unwrap());
        plan.targets = parse_mix_with(&["http://a/u/{name}?p={place}&{+place}"], &columns).unwrap();
        plan.targets[0].method = "POST".into();
        plan.targets[0].body = Some(Template::parse_body_with("{\"n\": \"{name}\"}", &columns).unwrap());
        plan.headers = vec!["X: {x} {place}".into()];
        let request = PreparedRequest::new(&plan, &plan.targets[0], 0);
        assert!(request.needs_row);
        let row = StringRecord::from(vec!["Ñu/1 %", "b=c#d&e?\"\u{7f}"]);
        let mut variables = Variables { random: &mut stream(1, 1), row: Some(&row) };
        let bytes = request.write(&mut variables, &mut RequestBuffer::default()).to_vec();
        let text = String::from_utf8(bytes).unwrap();
        let (line, rest) = text.split_once("\r\n").unwrap();
        assert_eq!(line, "POST /u/%C3%91u%2F1%20%25?p=b%3Dc%23d%26e%3F%22%7F&b=c%23d&e?%22%7F HTTP/1.1");
        assert!(rest.contains("X: {x} b=c#d&e?\"\u{7f}\r\n"), "{rest}");
        assert!(rest.ends_with("Content-Length: 16\r\n\r\n{\"n\": \"Ñu/1 %\"}"), "{rest}");
    }
}
