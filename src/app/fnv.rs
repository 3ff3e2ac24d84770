//! Fowler, Noll and Vo's hash (FNV-1a, 64 bits, draft-eastlake-fnv): names what an answer is made of. No secret depends on it,
//! only caches.

/// The hash of these parts, one behind the other.
pub(super) fn hash<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u64 {
    parts.flatten().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (text, value) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(hash([text.as_bytes()].into_iter()), value, "{text}");
        }
    }
}
