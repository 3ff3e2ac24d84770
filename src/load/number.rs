//! Numbers as the texts of the load generator show them.

/// A time in milliseconds: three or four digits, without a false precision.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => grouped(value.round() as u64),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A rate a second.
pub(super) fn rate(value: f64) -> String {
    if value >= 1000.0 { grouped(value.round() as u64) } else { format!("{value:.1}") }
}

/// A count, its thousands separated by commas.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (count, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), expected);
        }
        let cases = [(0.0123, "0.012"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (12_345.6, "12,346")];
        for (value, expected) in cases {
            assert_eq!(figure(value), expected);
        }
        assert_eq!([rate(0.0), rate(99.96), rate(12_345.6)], ["0.0", "100.0", "12,346"]);
    }
}
