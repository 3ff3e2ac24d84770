//! Numbers as people read them.

/// A figure with about `digits` significant digits, without exponent in the range people read at a glance:
/// `1884`, `96.52`, `0.02773`, `1.044e-4`.
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-3.0..7.0).contains(&magnitude) {
        return format!("{value:.*e}", digits.saturating_sub(1));
    }
    let decimals = (digits as f64 - 1.0 - magnitude).max(0.0) as usize;
    format!("{value:.decimals$}")
}

/// A rate or count: no decimals from 100 on, one from 10 on, two below; from 10,000 on with commas between thousands.
pub fn plain(value: f64) -> String {
    let text = match value.abs() {
        absolute if absolute >= 99.95 => format!("{value:.0}"),
        absolute if absolute >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    from_five_digits(&text)
}

/// Milliseconds: `0.42`, `7.3`, `181`.
pub fn milliseconds(value: f64) -> String {
    match value.abs() {
        absolute if absolute >= 99.95 => from_five_digits(&format!("{value:.0}")),
        absolute if absolute >= 0.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A percentage without its sign: whole numbers, with one decimal between 0 and 10. What is less than all is never rounded to 100.
pub fn percent(value: f64) -> String {
    match value.abs() {
        nearly_all @ 99.5..100.0 => format!("{:.1}", nearly_all.min(99.9).copysign(value)),
        0.05..9.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A figure that is whole more often than not: `3`, `3.5`.
pub fn short(value: f64) -> String {
    if value.fract().abs() < 0.05 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// A difference in percent, with its sign: `+1.6 %`. What rounds to nothing has no minus.
pub fn signed_percent(value: f64) -> String {
    let value = if value.abs() < 0.05 { 0.0 } else { value };
    format!("{value:+.1} %")
}

/// A count with its word: `1 unit`, `4 units`.
pub fn counted(count: u32, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// An amount of money or of another price unit.
pub fn price(value: f64) -> String {
    match value.abs() {
        absolute if absolute >= 1000.0 => from_five_digits(&format!("{value:.0}")),
        absolute if absolute >= 1.0 => format!("{value:.2}"),
        absolute if absolute >= 0.01 => format!("{value:.4}"),
        _ => significant(value, 3),
    }
}

/// The same, or `-` where there is no figure.
pub fn or_dash<T>(value: Option<T>, format: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), format)
}

/// A count, with commas between thousands: `1,000`.
pub fn grouped(count: u64) -> String {
    with_commas(&count.to_string())
}

/// A rate a second in a text about load: `99.9`, `12,346`.
pub fn rate(value: f64) -> String {
    if value >= 1000.0 { grouped(value.round() as u64) } else { format!("{value:.1}") }
}

/// A response time in milliseconds, without a false precision: `0.446`, `1.61`, `12.3`, `1,234`.
pub fn figure(milliseconds: f64) -> String {
    match milliseconds.abs() {
        absolute if absolute >= 1000.0 => grouped(milliseconds.round() as u64),
        absolute if absolute >= 100.0 => format!("{milliseconds:.0}"),
        absolute if absolute >= 10.0 => format!("{milliseconds:.1}"),
        absolute if absolute >= 1.0 => format!("{milliseconds:.2}"),
        _ => format!("{milliseconds:.3}"),
    }
}

/// A number without decimals with commas between thousands, where it has five digits or more.
fn from_five_digits(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    if digits.contains('.') || digits.len() < 5 { text.to_owned() } else { format!("{sign}{}", with_commas(digits)) }
}

fn with_commas(digits: &str) -> String {
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
    fn significant_digits() {
        for (value, digits, text) in [
            (0.027_728, 4, "0.02773"),
            (1.0437e-4, 4, "1.044e-4"),
            (89.9952, 5, "89.995"),
            (3245.6, 4, "3246"),
            (96.5196, 4, "96.52"),
            (0.0, 4, "0"),
            (1.0, 2, "1.0"),
            (-0.5, 3, "-0.500"),
            (12_345_678.0, 3, "1.23e7"),
        ] {
            assert_eq!(significant(value, digits), text);
        }
    }

    #[test]
    fn figures_for_tables() {
        assert_eq!(plain(1234.6), "1235");
        assert_eq!(plain(123_456.0), "123,456");
        assert_eq!(plain(12.34), "12.3");
        assert_eq!(plain(1.234), "1.23");
        assert_eq!(milliseconds(0.424), "0.42");
        assert_eq!(milliseconds(7.26), "7.3");
        assert_eq!(milliseconds(181.4), "181");
        assert_eq!([99.7, 99.97, -99.8, 100.0, 100.2].map(percent), ["99.7", "99.9", "-99.8", "100", "100"]);
        assert_eq!(percent(4.26), "4.3");
        assert_eq!(percent(0.0), "0");
        assert_eq!(price(1.5), "1.50");
        assert_eq!(price(0.0416), "0.0416");
        assert_eq!((counted(1, "unit"), counted(4, "unit")), ("1 unit".to_owned(), "4 units".to_owned()));
        assert_eq!(or_dash(None, plain), "-");
    }

    #[test]
    fn figures_for_texts_about_load() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), expected);
        }
        let cases = [(0.0123, "0.012"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (12_345.6, "12,346")];
        for (value, expected) in cases {
            assert_eq!(figure(value), expected);
        }
        assert_eq!([rate(0.0), rate(99.96), rate(12_345.6)], ["0.0", "100.0", "12,346"]);
        assert_eq!([signed_percent(-0.04), signed_percent(-7.6)], ["+0.0 %", "-7.6 %"]);
    }
}
