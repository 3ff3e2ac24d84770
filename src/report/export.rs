//! The points of a report as a table for other programs and for other texts: CSV for a spreadsheet, Markdown for an issue or a lab
//! sheet.

use super::Report;
use super::columns::{self, Column};
use super::words;

/// The table of points as CSV (RFC 4180), every column, the heads in the first line. Figures are written without commas between
/// thousands; marks (≥, ✗) stand in columns of their own.
pub fn csv(report: &Report) -> String {
    let heads = columns::POINTS.iter().map(|column| column.head);
    let mut lines = vec![heads.chain(["lower bound", "valid", "stopped by", "evidence"]).map(str::to_owned).collect()];
    for point in &report.points {
        let mut cells: Vec<String> = columns::POINTS.iter().map(|column| cell(column, point)).collect();
        let yes_no = |yes: bool| if yes { "yes" } else { "no" };
        let rest = [
            yes_no(!point.is_limit),
            yes_no(point.valid),
            point.binding.resource.name(),
            point.binding.evidence.as_str(),
        ];
        cells.extend(rest.map(str::to_owned));
        lines.push(cells);
    }
    written(&lines)
}

fn cell<T>(column: &Column<T>, row: &T) -> String {
    let text = (column.cell)(row);
    if column.words {
        return text.trim().to_owned();
    }
    let bare = text.trim().trim_start_matches('≥').trim_end_matches('✗').trim().replace(',', "");
    // What was not measured is an empty field.
    if bare == "-" { String::new() } else { bare }
}

fn written(lines: &[Vec<String>]) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Writing to a Vec cannot fail, and every line has as many fields as the heads.
    lines.iter().for_each(|line| _ = writer.write_record(line));
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// Question, answer, the table of points and each comparison as Markdown.
pub fn markdown(report: &Report) -> String {
    let shown: Vec<&Column<_>> = columns::POINTS.iter().filter(|column| column.short.is_some()).collect();
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = format!("**{}**\n\n{}\n\n", escaped(&report.question), escaped(report.headline.en()));
    out += &line(shown.iter().map(|column| escaped(column.head)).chain(["stopped by".to_owned()]).collect());
    out += &line(
        shown
            .iter()
            .map(|column| if column.words { ":---" } else { "---:" }.to_owned())
            .chain([":---".to_owned()])
            .collect(),
    );
    for point in &report.points {
        let cells = shown.iter().map(|column| escaped((column.cell)(point).trim()));
        out += &line(cells.chain([escaped(point.binding.resource.name())]).collect());
    }
    out.push('\n');
    for comparison in &report.comparisons {
        out += &format!("- {}\n", escaped(words::sentence(comparison, &report.manifest.plan).en()));
    }
    for doubt in report.doubts() {
        out += &format!("- **!** {}\n", escaped(doubt.words().en()));
    }
    out
}

/// Text in which no sign means anything to Markdown.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '|' | '*' | '_' | '`' | '<' | '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(if letter == '\n' { ' ' } else { letter });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_point_is_a_line_that_a_spreadsheet_reads() {
        let csv = csv(&Report::of(&sample::results(), None).unwrap());
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 7, "{csv}");
        assert!(lines[0].starts_with("arm,scale,requests/s,lowest block"), "{}", lines[0]);
        assert!(lines[1].starts_with("vertical,1,90.0,") && lines[6].contains(",no,yes,cpu-quota,"), "{csv}");
        assert!(csv.ends_with("\r\n"));
        assert_eq!(written(&[vec!["a \"b\", c".to_owned()]]), "\"a \"\"b\"\", c\"\r\n");
    }

    #[test]
    fn a_table_for_an_issue() {
        let mut results = sample::results();
        results.manifest.plan.arms[0].label = Some("one | two".into());
        let text = markdown(&Report::of(&results, None).unwrap());
        assert!(text.starts_with("**With the same CPU") && text.contains("one \\| two"), "{text}");
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(rows.len(), 8, "{text}");
        let bars = rows[0].matches(" | ").count();
        assert!(rows.iter().all(|row| row.matches(" | ").count() == bars), "{text}");
        assert!(text.contains("- 4 units: horizontal 313/s"), "{text}");
    }
}
