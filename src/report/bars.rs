//! Throughput over the scale as bars of text, for a terminal. Each arm has a sign of its own, so that no colour is needed.
//!
//! Own code: the crates for charts in a terminal draw lines of dots, in which arms are told apart by colour alone.

use super::{Report, columns};

/// Signs of the longest bar.
const WIDTH: f64 = 40.0;
/// The signs of arms; after the last they begin again, and the name tells them apart.
const SIGNS: [char; 4] = ['█', '░', '▓', '='];

/// A bar for each point, scale by scale. Empty where nothing was answered.
pub fn bars(report: &Report) -> String {
    let most = report.points.iter().map(|point| point.ceiling_per_second.median).fold(0.0, f64::max);
    if most <= 0.0 || report.points.len() < 2 {
        return String::new();
    }
    let width = |of: fn(&super::analysis::Point) -> usize| report.points.iter().map(of).max().unwrap_or(0);
    let scales = width(|point| point.key.scale.as_str().chars().count());
    let names = width(|point| point.key.arm.chars().count());
    let mut out = format!("requests/s over {}:\n", report.manifest.plan.scale_name);
    let mut last = None;
    for point in &report.points {
        let scale = if last == Some(&point.key.scale) { "" } else { point.key.scale.as_str() };
        last = Some(&point.key.scale);
        let arm = report.manifest.plan.arms.iter().position(|arm| arm.name == point.key.arm).unwrap_or(0);
        let length = (WIDTH * point.ceiling_per_second.median / most).round() as usize;
        let bar = String::from(SIGNS[arm % SIGNS.len()]).repeat(length);
        out += &format!("  {scale:>scales$}  {:names$}  {bar} {}\n", point.key.arm, columns::ceiling(point));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn each_point_has_a_bar_as_long_as_its_figure() {
        let report = Report::of(&sample::results(), None).unwrap();
        let text = bars(&report);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 7, "{text}");
        let length = |line: &str| line.chars().filter(|sign| SIGNS.contains(sign)).count();
        assert_eq!(lines[1..].iter().map(|line| length(line)).collect::<Vec<_>>()[4..], [40, 35], "{text}");
        assert!(
            lines[5].starts_with("  4  vertical    ████") && lines[6].starts_with("     horizontal  ░░░░"),
            "{text}"
        );
        assert!(lines[6].ends_with("░ 313"), "{text}");
    }

    #[test]
    fn nothing_answered_draws_nothing() {
        let mut results = sample::results();
        results.runs.iter_mut().for_each(|run| run.load.throughput_per_second = 0.0);
        assert_eq!(bars(&Report::of(&results, None).unwrap()), "");
    }
}
