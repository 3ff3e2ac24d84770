//! A fit in words and tables, for a terminal.

use super::table;
use super::usl::{Coefficient, Fit, Observation};
use crate::results::number::{or_dash, percent, plain, significant};
use serde_json::{Value, json};

/// The fit as text within 100 columns: parameters with their uncertainty, what follows from them, the points against
/// the curve, and the cautions.
pub fn describe_fit(fit: &Fit, points: &[Observation]) -> String {
    let mut out = String::from("X(n) = scale · n / (1 + contention · (n − 1) + coherency · n · (n − 1))\n\n");
    out += &parameters(fit);
    out += "\n\n";
    out += &consequences(fit);
    out += "\n\n";
    out += &against_points(fit, points);
    out.push('\n');
    for note in &fit.notes {
        out.push('\n');
        out += &table::wrap(&format!("! {note}"), 2);
    }
    if !fit.notes.is_empty() {
        out.push('\n');
    }
    out
}

fn parameters(fit: &Fit) -> String {
    let row = |name: &str, meaning: &str, estimate: &Coefficient, digits: usize| {
        let interval = estimate.interval_95.map_or_else(
            || "-".to_owned(),
            |[low, high]| format!("{} … {}", significant(low, 4), significant(high, 4)),
        );
        let held = if estimate.at_bound { " (held at its bound)" } else { "" };
        vec![
            name.to_owned(),
            significant(estimate.value, digits),
            or_dash(estimate.standard_error, |error| significant(error, 3)),
            interval,
            format!("{meaning}{held}"),
        ]
    };
    let rows = [
        row("contention", "share of the work that queues", &fit.contention, 4),
        row("coherency", "cost of agreement per pair", &fit.coherency, 4),
        row("scale", "throughput of one unit", &fit.scale, 5),
    ];
    table::render(&["parameter", "value", "± std. error", "95 % interval", "meaning"], &[0, 4], &rows)
}

fn consequences(fit: &Fit) -> String {
    let beyond = |n: f64| if n > fit.measured_to { " (beyond what was measured)" } else { "" };
    let mut rows = Vec::new();
    rows.push(match &fit.peak {
        Some(peak) => vec![
            "peak".to_owned(),
            format!(
                "{} at n = {}{}",
                figure(peak.throughput),
                significant(peak.n, 4),
                or_plus_minus(peak.n_standard_error)
            ),
            format!("more n than this lowers throughput{}", beyond(peak.n)),
        ],
        None => {
            vec!["peak".to_owned(), "none".to_owned(), "no coherency cost: the curve does not turn down".to_owned()]
        }
    });
    rows.push(match fit.asymptote {
        Some(asymptote) => {
            vec![
                "asymptote".to_owned(),
                figure(asymptote),
                "what contention alone would allow, however many n".to_owned(),
            ]
        }
        None => vec!["asymptote".to_owned(), "none".to_owned(), "no contention: nothing queues".to_owned()],
    });
    rows.push(match fit.optimum {
        Some(optimum) => vec![
            "optimum".to_owned(),
            format!("{} at n = {}", figure(fit.throughput(optimum)), significant(optimum, 4)),
            format!("where ideal growth meets the asymptote{}", beyond(optimum)),
        ],
        None => vec!["optimum".to_owned(), "none".to_owned(), "ideal growth meets no asymptote".to_owned()],
    });
    rows.push(vec![
        "residual error".to_owned(),
        or_dash(fit.residual_standard_error, |error| significant(error, 4)),
        format!(
            "on {} degrees of freedom, R² {}",
            fit.degrees_of_freedom,
            or_dash(fit.r_squared, |r| format!("{r:.4}"))
        ),
    ]);
    table::render(&["", "value", "meaning"], &[0, 2], &rows)
}

/// A throughput, whatever its unit: `1884`, `12 345`, `1.652e160`.
fn figure(value: f64) -> String {
    if value == 0.0 || (0.01..1e9).contains(&value.abs()) { plain(value) } else { significant(value, 4) }
}

/// n as it was written, where that is short.
fn count(n: f64) -> String {
    let text = n.to_string();
    if text.len() <= 10 { text } else { significant(n, 6) }
}

/// A signed percentage.
fn off(percent: f64) -> String {
    if percent.abs() < 1e5 { format!("{percent:+.1}") } else { format!("{percent:+.1e}") }
}

/// A share of the ideal in percent.
fn share(value: f64) -> String {
    if value < 1e5 { percent(value) } else { significant(value, 2) }
}

fn or_plus_minus(error: Option<f64>) -> String {
    error.map_or_else(String::new, |error| format!(" ± {}", significant(error, 3)))
}

fn against_points(fit: &Fit, points: &[Observation]) -> String {
    let rows: Vec<Vec<String>> = points
        .iter()
        .map(|point| {
            let fitted = fit.throughput(point.n);
            vec![
                count(point.n),
                figure(point.throughput),
                figure(fitted),
                fit.band(point.n)
                    .map_or_else(|| "-".to_owned(), |[low, high]| format!("{} … {}", figure(low), figure(high))),
                off(100.0 * ((point.throughput - fitted) / fitted)),
                share(100.0 * (point.throughput / fit.ideal(point.n))),
            ]
        })
        .collect();
    table::render(&["n", "throughput", "fitted", "95 % band", "off by %", "of ideal %"], &[], &rows)
}

/// The fit as JSON: `fit` as [`Fit`] is, `points` against the curve, `notes` in words.
pub fn fit_as_json(fit: &Fit, points: &[Observation]) -> Value {
    let against: Vec<Value> = points
        .iter()
        .map(|point| {
            json!({
                "n": point.n,
                "throughput": point.throughput,
                "fitted": fit.throughput(point.n),
                "band_95": fit.band(point.n),
                "ideal": fit.ideal(point.n),
            })
        })
        .collect();
    let notes: Vec<String> = fit.notes.iter().map(ToString::to_string).collect();
    json!({ "fit": fit, "points": against, "notes": notes })
}
