//! Figures that other programs measured in rounds, arm after arm in each round: the middle of each arm, and its ratio to the first arm
//! of its group, round by round, with a 95 % interval (Student's t on the logarithms).

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use super::export::escaped;
use super::table;
use crate::results::number;
use crate::results::statistics::{Ratio, Spread};

/// A line of the table that is read: `round,group,arm,figure,value`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[allow(missing_docs)]
pub struct RatioRow {
    pub round: String,
    pub group: String,
    pub arm: String,
    pub figure: String,
    pub value: f64,
}

/// A figure of an arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmFigure {
    /// What was measured, with its unit.
    pub figure: String,
    /// Over the rounds.
    pub spread: Spread,
    /// To the first arm of the group; `None` for that arm itself, and where no round has both.
    pub ratio: Option<Ratio>,
}

/// An arm and its figures. One that was not measured is not among them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct ArmRatios {
    pub arm: String,
    pub figures: Vec<ArmFigure>,
}

/// Arms that are compared with the first of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct ArmGroup {
    pub group: String,
    pub arms: Vec<ArmRatios>,
}

/// Reads the table. Its first line names the columns.
///
/// # Errors
/// When a column is missing, or a value is not a number; the error names the line.
pub fn read(text: &str) -> anyhow::Result<Vec<RatioRow>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let lines: Vec<RatioRow> =
        reader.deserialize().collect::<Result<_, _>>().context("the columns are round,group,arm,figure,value")?;
    ensure!(!lines.is_empty(), "there is no line below the names of the columns");
    Ok(lines)
}

/// The words of a column in the order in which they come first.
fn in_order<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    words.for_each(|word| {
        if !seen.contains(&word) {
            seen.push(word);
        }
    });
    seen
}

/// Compares the arms of each group with its first one.
pub fn groups(lines: &[RatioRow]) -> Vec<ArmGroup> {
    let names = in_order(lines.iter().map(|line| line.group.as_str()));
    names.into_iter().map(|name| group(name, lines.iter().filter(|line| line.group == name).collect())).collect()
}

fn group(name: &str, lines: Vec<&RatioRow>) -> ArmGroup {
    let arms = in_order(lines.iter().map(|line| line.arm.as_str()));
    let figures = in_order(lines.iter().map(|line| line.figure.as_str()));
    let value = |arm: &str, figure: &str, round: &str| {
        let is_it = |line: &&&RatioRow| line.arm == arm && line.figure == figure && line.round == round;
        lines.iter().find(is_it).map(|line| line.value)
    };
    let rounds = in_order(lines.iter().map(|line| line.round.as_str()));
    let figure = |arm: &str, figure: &str| {
        let spread = Spread::of(rounds.iter().filter_map(|round| value(arm, figure, round)))?;
        let pair = |round: &&str| Some((value(arm, figure, round)?, value(arms[0], figure, round)?));
        let ratio = if arm == arms[0] { None } else { Ratio::of_pairs(rounds.iter().filter_map(pair)) };
        Some(ArmFigure { figure: figure.to_owned(), spread, ratio })
    };
    let of_arm = |arm: &&str| ArmRatios {
        arm: (*arm).to_owned(),
        figures: figures.iter().filter_map(|name| figure(arm, name)).collect(),
    };
    ArmGroup { group: name.to_owned(), arms: arms.iter().map(of_arm).collect() }
}

impl ArmFigure {
    /// `2,345 ×1.12 (1.08–1.17)`.
    fn cell(&self) -> String {
        let value = number::figure(self.spread.median);
        match self.ratio {
            None => value,
            Some(Ratio { mean, interval_95: None, .. }) => format!("{value} ×{}", number::significant(mean, 3)),
            Some(Ratio { mean, interval_95: Some([low, high]), .. }) => {
                let [mean, low, high] = [mean, low, high].map(|it| number::significant(it, 3));
                format!("{value} ×{mean} ({low}–{high})")
            }
        }
    }
}

impl ArmGroup {
    fn heads(&self) -> Vec<&str> {
        in_order(self.arms.iter().flat_map(|arm| &arm.figures).map(|figure| figure.figure.as_str()))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let heads = self.heads();
        let cell = |arm: &ArmRatios, head: &str| {
            let figure = arm.figures.iter().find(|figure| figure.figure == head);
            number::or_dash(figure, ArmFigure::cell)
        };
        let row =
            |arm: &ArmRatios| [arm.arm.clone()].into_iter().chain(heads.iter().map(|head| cell(arm, head))).collect();
        self.arms.iter().map(row).collect()
    }

    fn caption(&self) -> String {
        let arms = self.arms.iter().flat_map(|arm| &arm.figures);
        let rounds = arms.map(|figure| figure.spread.count).max().unwrap_or_default();
        let first = self.arms.first().map_or("", |arm| arm.arm.as_str());
        let rounds = number::counted(rounds as u32, "round");
        format!(
            "{}: the median of {rounds}; × and its 95 % interval compare with \"{first}\" of the same round",
            self.group
        )
    }
}

/// A table for each group, for a terminal.
pub fn text(groups: &[ArmGroup]) -> String {
    let one = |group: &ArmGroup| {
        let heads: Vec<&str> = [""].into_iter().chain(group.heads()).collect();
        format!("{}\n\n{}\n", table::wrap(&group.caption(), 0), table::render(&heads, &[0], &group.rows()))
    };
    groups.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The same as Markdown.
pub fn markdown(groups: &[ArmGroup]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let one = |group: &ArmGroup| {
        let heads: Vec<String> = [String::new()].into_iter().chain(group.heads().into_iter().map(escaped)).collect();
        let under = (0..heads.len()).map(|at| if at == 0 { ":---" } else { "---:" }.to_owned()).collect();
        let rows = group.rows().into_iter().map(|row| line(row.iter().map(|cell| escaped(cell)).collect()));
        format!("{}\n\n{}{}{}", escaped(&group.caption()), line(heads), line(under), rows.collect::<String>())
    };
    groups.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "round,group,arm,figure,value
1,nginx,plain,requests/s,100
1,nginx,h2,requests/s,200
1,nginx,h2,bytes,50
2,nginx,h2,requests/s,220
2,nginx,plain,requests/s,110
1,slow,one,seconds,5
";

    #[test]
    fn arms_are_compared_with_the_first_of_their_group_round_by_round() {
        let groups = groups(&read(TABLE).unwrap());
        assert_eq!(groups.iter().map(|group| group.group.as_str()).collect::<Vec<_>>(), ["nginx", "slow"]);
        let [plain, h2] = &groups[0].arms[..] else { panic!("{groups:?}") };
        assert_eq!((plain.figures[0].spread.median, plain.figures[0].ratio), (105.0, None));
        let ratio = h2.figures[0].ratio.unwrap();
        assert!((ratio.mean - 2.0).abs() < 1e-12 && ratio.count == 2 && ratio.is_distinct());
        assert_eq!((h2.figures[1].figure.as_str(), h2.figures[1].ratio), ("bytes", None));
    }

    #[test]
    fn the_tables_show_what_is_there() {
        let groups = groups(&read(TABLE).unwrap());
        let text = text(&groups);
        assert!(text.contains("the median of 2 rounds") && text.contains("210 ×2.00 (2.00–2.00)"), "{text}");
        assert!(text.contains("plain") && text.contains(" -"), "{text}");
        let markdown = markdown(&groups);
        assert!(
            markdown.contains("|  | requests/s | bytes |\n| :--- | ---: | ---: |\n| plain | 105 | - |\n"),
            "{markdown}"
        );
    }

    #[test]
    fn a_wrong_table_is_named() {
        for (text, words) in [
            ("round,arm,figure,value\n1,a,b,3\n", "round,group,arm,figure,value"),
            ("round,group,arm,figure,value\n1,g,a,b,x\n", "line: 2"),
            ("round,group,arm,figure,value\n", "no line below"),
        ] {
            let error = format!("{:#}", read(text).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
    }
}
