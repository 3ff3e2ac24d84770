//! How the end of an answer's body is found, and whether its connection lives on (RFC 9112 sections 6.3 and 9.3).

use std::borrow::Cow;

use httparse::Header;

/// What is wrong with an answer, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedAnswer(pub Cow<'static, str>);

pub(super) fn malformed<T>(text: &'static str) -> Result<T, MalformedAnswer> {
    Err(MalformedAnswer(Cow::Borrowed(text)))
}

/// Takes those fields of an answer that do not frame it.
pub trait AnswerFields {
    /// A new answer begins.
    fn clear(&mut self);

    /// One field; called for each, in their order.
    fn read(&mut self, name: &str, value: &[u8]);
}

/// No field is wanted.
impl AnswerFields for () {
    fn clear(&mut self) {}

    fn read(&mut self, _: &str, _: &[u8]) {}
}

/// Where a body ends.
pub(super) enum BodyFraming {
    Length(u64),
    Chunked,
    UntilClose,
}

/// Reads the fields of an answer: those that frame it here, the others through `others`. `keep_alive` is what the version
/// says, and then what a `Connection` field says.
///
/// # Errors
/// When the fields leave open where the body ends.
pub(super) fn read(
    fields: &[Header<'_>],
    keep_alive: &mut bool,
    others: &mut impl AnswerFields,
) -> Result<BodyFraming, MalformedAnswer> {
    let (mut length, mut coding) = (None, None);
    others.clear();
    for field in fields {
        // The length of the name decides first: most fields are none of these.
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        match field.name.len() {
            10 if is("connection") => {
                if has_token(field.value, "close") {
                    *keep_alive = false;
                } else if has_token(field.value, "keep-alive") {
                    *keep_alive = true;
                }
            }
            14 if is("content-length") => match (parse_length(field.value), length) {
                (None, _) => return malformed("Content-Length is not a number"),
                (Some(this), Some(other)) if this != other => return malformed("two different Content-Length"),
                (this, _) => length = this,
            },
            17 if is("transfer-encoding") => coding = Some(field.value),
            _ => others.read(field.name, field.value),
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

fn has_token(value: &[u8], token: &str) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

fn parse_length(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii();
    // `u64::from_str` would accept a sign, HTTP does not.
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(value).ok()?.parse().ok()).flatten()
}
