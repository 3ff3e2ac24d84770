//! The rows of a fresh store: every kind has the same, so that what is measured is the store.

use std::ops::RangeInclusive;

use super::client::Item;

/// Rows with the same tag: tag T is on the rows 10 T to 10 T + 9.
pub const ROWS_A_TAG: u64 = 10;
/// Longest value of a row, bytes.
pub const LONGEST_VALUE: usize = 1024;
/// Largest id: what every store and JSON's numbers can hold.
pub const LARGEST_ID: u64 = (1 << 53) - 1;
/// Length of a fresh value, bytes.
const FRESH_VALUE: usize = 100;

/// The tag of a row.
pub fn tag(id: u64) -> u64 {
    id / ROWS_A_TAG
}

/// The ids of a tag.
pub fn ids(tag: u64) -> RangeInclusive<u64> {
    let first = tag.saturating_mul(ROWS_A_TAG);
    first..=first.saturating_add(ROWS_A_TAG - 1)
}

/// A row as it is made.
pub fn fresh(id: u64) -> Item {
    Item { id, tag: tag(id), value: fresh_value(id), version: 1 }
}

/// 100 bytes that name their row and say no more.
fn fresh_value(id: u64) -> String {
    const DOTS: &str = match std::str::from_utf8(&[b'.'; FRESH_VALUE]) {
        Ok(dots) => dots,
        Err(_) => panic!("dots are ASCII"),
    };
    let mut value = String::with_capacity(FRESH_VALUE);
    value.push_str("row ");
    value.push_str(itoa::Buffer::new().format(id));
    value.push_str(&DOTS[value.len()..]);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_a_hundred_bytes_and_ten_share_a_tag() {
        for id in [0, 9, 10, 99_999, LARGEST_ID] {
            let row = fresh(id);
            assert_eq!((row.value.len(), row.version), (100, 1));
            assert!(row.value.starts_with(&format!("row {id}.")), "{}", row.value);
            assert!(ids(row.tag).contains(&id), "{id}");
        }
        assert_eq!(ids(7), 70..=79);
        assert_eq!(ids(7).count() as u64, ROWS_A_TAG);
    }
}
