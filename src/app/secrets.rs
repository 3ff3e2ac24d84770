//! Random bits, digests and signatures.

use std::io;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// Bytes from the kernel's generator (getrandom(2)).
///
/// # Errors
/// When the kernel has none, which it has from the first second on.
pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(bytes)
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The bytes of lower-case hexadecimal digits; `None` when it is anything else.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// The first 128 bits of SHA-256 (FIPS 180-4).
pub(super) fn digest(bytes: &[u8]) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&Sha256::digest(bytes)[..16]);
    first
}

/// HMAC-SHA256 (RFC 2104) under one key.
#[derive(Clone)]
pub(super) struct Signer(Hmac<Sha256>);

/// Bytes of a signature.
pub(super) const SIGNATURE: usize = 32;

impl Signer {
    pub fn new(key: &[u8]) -> Self {
        match Hmac::new_from_slice(key) {
            Ok(keyed) => Self(keyed),
            Err(error) => unreachable!("HMAC takes a key of any length: {error}"),
        }
    }

    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE] {
        self.0.clone().chain_update(message).finalize().into_bytes().into()
    }

    /// Whether that is the message's signature; takes the same time for each wrong one.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.clone().chain_update(message).verify_slice(signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_bytes() {
        assert_eq!(hex(&[0, 1, 0xab, 0xff]), "0001abff");
        assert_eq!(unhex("0001abff"), Some(vec![0, 1, 0xab, 0xff]));
        for text in ["0", "0g", "0A", " 00", "é"] {
            assert_eq!(unhex(text), None, "{text}");
        }
        assert_ne!(random::<16>().unwrap(), random::<16>().unwrap());
    }

    /// RFC 4231, test case 2; FIPS 180-4's "abc".
    #[test]
    fn known_answers() {
        let signer = Signer::new(b"Jefe");
        let message = b"what do ya want for nothing?";
        assert_eq!(hex(&signer.sign(message)), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(signer.verify(message, &signer.sign(message)));
        assert!(!signer.verify(b"another", &signer.sign(message)) && !signer.verify(message, &[0; 31]));
        assert_eq!(hex(&digest(b"abc")), "ba7816bf8f01cfea414140de5dae2223");
    }
}
