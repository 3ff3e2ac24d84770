//! The lists of attacks and of honest texts, and the bytes that each of their lines becomes.

use anyhow::{Context, bail, ensure};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttackRequest {
    /// The first word of its line.
    pub kind: String,
    /// The line behind that word, for people.
    pub line: String,
    /// Requests that it is sent as: one, or for a text each place in which a text may stand.
    pub requests: Vec<Vec<u8>>,
}

/// Reads a list. `host` is what the requests say in `Host`.
///
/// # Errors
/// When a line has not the form that the lists themselves explain.
pub fn parse(text: &str, host: &str) -> anyhow::Result<Vec<AttackRequest>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|(at, line)| probe(line, host).with_context(|| format!("line {}: {line}", at + 1))).collect()
}

fn probe(line: &str, host: &str) -> anyhow::Result<AttackRequest> {
    let (kind, line) = line.split_once(char::is_whitespace).context("a kind and a request must stand here")?;
    let line = line.trim();
    let requests = match kind {
        "text" => places(line).iter().map(|request| bytes(request, host)).collect::<Result<_, _>>()?,
        _ => vec![bytes(line, host)?],
    };
    Ok(AttackRequest { kind: kind.to_owned(), line: line.to_owned(), requests })
}

/// Where a text may stand: in an address, in a form, in JSON.
fn places(text: &str) -> [String; 3] {
    let encoded = percent_encoded(text);
    let json = serde_json::json!({ "name": text, "password": "x" }).to_string().replace('\\', r"\\");
    [
        format!("GET /whoami?text={encoded}"),
        format!("POST /login | Content-Type: application/x-www-form-urlencoded || name={encoded}&password=x"),
        format!("POST /login | Content-Type: application/json || {json}"),
    ]
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// `METHOD TARGET [| Header: value]… [|| BODY]` as it goes on the wire; what every client sends is added where it is not said.
fn bytes(line: &str, host: &str) -> anyhow::Result<Vec<u8>> {
    let (head, body) = line.split_once(" || ").unwrap_or((line, ""));
    let mut parts = head.split(" | ");
    let start = parts.next().unwrap_or_default().trim_end();
    ensure!(start.contains(' '), "must begin with a method and a target");
    let body = unescaped(body)?;
    let mut fields = parts.map(unescaped).collect::<Result<Vec<_>, _>>()?;
    let says = |name: &str, fields: &[Vec<u8>]| {
        let is_it = |field: &Vec<u8>| {
            field.get(..=name.len()).is_some_and(|it| it.eq_ignore_ascii_case(format!("{name}:").as_bytes()))
        };
        fields.iter().any(is_it)
    };
    for (name, value) in [("Host", host), ("User-Agent", "webapp-attack"), ("Accept", "*/*"), ("Connection", "close")] {
        if !says(name, &fields) {
            fields.push(format!("{name}: {value}").into_bytes());
        }
    }
    if !body.is_empty() && !says("Content-Length", &fields) && !says("Transfer-Encoding", &fields) {
        fields.push(format!("Content-Length: {}", body.len()).into_bytes());
    }
    let mut bytes = unescaped(start)?;
    bytes.extend_from_slice(b" HTTP/1.1\r\n");
    for field in fields {
        bytes.extend_from_slice(&field);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

fn unescaped(text: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits = [rest.next(), rest.next()].map(|digit| char::from(digit.unwrap_or_default()).to_digit(16));
                let [Some(high), Some(low)] = digits else { bail!(r"\x must be followed by two digits, as in \x41") };
                (high * 16 + low) as u8
            }
            _ => bail!(r"a backslash begins \r, \n, \t, \0, \xHH or \\"),
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(line: &str) -> String {
        let probes = parse(line, "h:1").unwrap();
        String::from_utf8(probes[0].requests[0].clone()).unwrap()
    }

    #[test]
    fn a_line_becomes_a_request() {
        assert_eq!(
            wire("sqli  GET /item?id=1'%20OR%201"),
            "GET /item?id=1'%20OR%201 HTTP/1.1\r\nHost: h:1\r\nUser-Agent: webapp-attack\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        let text = wire(r"body PUT /item | user-agent: \x41\\ | Content-Type: text/plain || a\0b");
        assert!(
            text.starts_with("PUT /item HTTP/1.1\r\nuser-agent: A\\\r\nContent-Type: text/plain\r\nHost: h:1\r\n"),
            "{text}"
        );
        assert!(text.ends_with("Content-Length: 3\r\n\r\na\0b") && !text.contains("webapp-attack"), "{text}");
        assert!(!wire("x POST / | Transfer-Encoding: chunked || 0").contains("Content-Length"));
    }

    #[test]
    fn a_text_stands_in_three_places() {
        let probes = parse("# why\n\ntext 5 < \"ñ\"\n", "h").unwrap();
        let texts: Vec<_> = probes[0].requests.iter().map(|bytes| String::from_utf8(bytes.clone()).unwrap()).collect();
        assert_eq!((probes.len(), texts.len()), (1, 3));
        assert!(texts[0].starts_with("GET /whoami?text=5%20%3C%20%22%C3%B1%22 HTTP/1.1\r\n"), "{}", texts[0]);
        assert!(texts[1].ends_with("\r\n\r\nname=5%20%3C%20%22%C3%B1%22&password=x"), "{}", texts[1]);
        assert!(texts[2].ends_with(r#"{"name":"5 < \"ñ\"","password":"x"}"#), "{}", texts[2]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        for line in ["alone", "sqli GET", r"x GET /\q", r"x GET /\x4"] {
            let error = format!("{:#}", parse(&format!("\n{line}"), "h").unwrap_err());
            assert!(error.contains("line 2"), "{error}");
        }
    }

    #[test]
    fn our_own_lists_have_the_right_form_and_length() {
        for (text, lines) in [(super::super::ATTACKS, 35), (super::super::EVASIONS, 20), (super::super::HONEST, 20)] {
            assert_eq!(parse(text, "h").unwrap().len(), lines);
        }
    }
}
