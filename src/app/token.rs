//! Signed tokens: a session that its user carries along, so that any node that knows the key can go on with it.
//!
//! What is in it is not secret (the user may read it), but nobody without the key can make or change one. What no signature
//! prevents: an older token of the same user is as good as the newest until it expires, so that its counter can go back, and
//! logging out on the server ends nothing. That is the price of keeping no state.

use super::secrets::{self, SIGNATURE, Signer};
use crate::store::Session;

/// First byte of every token: a later form would have another.
const FORM: u8 = 1;
/// Form, counter, end, and a random number.
const HEAD: usize = 1 + 8 + 8 + 16;
/// Longest token that is looked at, digits: head, the longest name and signature.
const LONGEST: usize = 2 * (HEAD + 64 + SIGNATURE);

/// Writes a token as hexadecimal digits: form, counter, end (seconds since 1970), random number, user, signature.
pub(super) fn issue(signer: &Signer, session: &Session, ends: u64, random: [u8; 16]) -> String {
    let mut bytes = Vec::with_capacity(HEAD + 64 + SIGNATURE);
    bytes.push(FORM);
    bytes.extend_from_slice(&session.counter.to_be_bytes());
    bytes.extend_from_slice(&ends.to_be_bytes());
    bytes.extend_from_slice(&random);
    bytes.extend_from_slice(session.user.as_deref().unwrap_or_default().as_bytes());
    let signature = signer.sign(&bytes);
    bytes.extend_from_slice(&signature);
    secrets::hex(&bytes)
}

/// The session in a token and when it ends; `None` when it is not one of ours, or over at `now` (seconds since 1970).
pub(super) fn open(signer: &Signer, token: &str, now: u64) -> Option<(Session, u64)> {
    if token.len() > LONGEST {
        return None;
    }
    let bytes = secrets::unhex(token)?;
    let (content, signature) = bytes.split_at_checked(bytes.len().checked_sub(SIGNATURE)?)?;
    // Nothing of the content is believed before its signature is.
    if !signer.verify(content, signature) {
        return None;
    }
    let (form, rest) = content.split_first()?;
    let (counter, rest) = rest.split_first_chunk::<8>()?;
    let (ends, rest) = rest.split_first_chunk::<8>()?;
    let (_random, user) = rest.split_first_chunk::<16>()?;
    let ends = u64::from_be_bytes(*ends);
    if *form != FORM || ends <= now {
        return None;
    }
    let user = std::str::from_utf8(user).ok()?;
    let user = (!user.is_empty()).then(|| user.to_owned());
    Some((Session { counter: u64::from_be_bytes(*counter), user }, ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(user: Option<&str>) -> Session {
        Session { counter: 7, user: user.map(str::to_owned) }
    }

    #[test]
    fn what_was_put_in_comes_out_until_it_is_over() {
        let signer = Signer::new(b"key");
        let longest = "x".repeat(64);
        for user in [None, Some("josé"), Some(&*longest)] {
            let token = issue(&signer, &session(user), 1_000, [5; 16]);
            assert_eq!(open(&signer, &token, 999), Some((session(user), 1_000)));
            assert_eq!(open(&signer, &token, 1_000), None);
            assert_eq!(open(&Signer::new(b"another"), &token, 0), None);
        }
    }

    #[test]
    fn a_token_that_was_changed_anywhere_is_refused() {
        let signer = Signer::new(b"key");
        let token = issue(&signer, &session(Some("ana")), 1_000, [5; 16]);
        for at in 0..token.len() {
            for digit in ['0', '7', 'f', 'g'] {
                let mut changed = token.clone();
                changed.replace_range(at..=at, &digit.to_string());
                if changed != token {
                    assert_eq!(open(&signer, &changed, 0), None, "{at} {digit}");
                }
            }
            assert_eq!(open(&signer, &token[..at], 0), None, "{at}");
            assert_eq!(open(&signer, &token[at + 1..], 0), None, "{at}");
        }
        assert_eq!(open(&signer, &(token.clone() + "00"), 0), None);
        assert_eq!(open(&signer, &token.to_uppercase(), 0), None);
        // A signature over something else, as by the same key for another purpose.
        let signed = |content: &[u8]| secrets::hex(&[content, &signer.sign(content)].concat());
        for content in [&b""[..], b"\x01", b"\x02234567890123456789012345678901234567890"] {
            assert_eq!(open(&signer, &signed(content), 0), None);
        }
    }
}
