//! A comparison as people read it.

use super::{Comparison, ENOUGH_BLOCKS, MOST_FURTHER_BLOCKS, Verdict};
use crate::results::number::{counted, plain, signed_percent};

impl Comparison {
    /// The verdict with its difference, its interval and its blocks, without a full stop.
    pub fn words(&self) -> String {
        let Some(difference) = self.difference_percent() else {
            return format!("undecided: no block measured both{}", self.left_out_words());
        };
        let (difference, blocks) = (signed_percent(difference), self.blocks_words());
        let words = match (self.verdict, self.interval_95, self.interval_90) {
            (Verdict::Different, Some(interval), _) => {
                format!("different: {difference} ({}: {}; {blocks})", self.level_words(), range(interval))
            }
            (Verdict::Equivalent, Some(interval), Some(narrow)) => format!(
                "equivalent within {} %: {difference} (90 %: {}; {blocks}){}",
                self.smallest_effect_percent,
                range(narrow),
                if leaves_out_1(interval) { ", a difference that is real and too small to matter" } else { "" }
            ),
            (Verdict::Undecided { further_blocks }, Some(interval), _) => format!(
                "undecided: {difference} ({}: {}; {blocks}), {}; {}",
                self.level_words(),
                range(interval),
                self.doubt(interval),
                further(further_blocks)
            ),
            (Verdict::Undecided { .. } | Verdict::Different | Verdict::Equivalent, _, _) => {
                format!("undecided: {difference} in {blocks}, and an interval needs two")
            }
        };
        words + &self.left_out_words()
    }

    /// Why an interval decides nothing.
    fn doubt(&self, interval: [f64; 2]) -> String {
        let effect = self.smallest_effect_percent;
        if leaves_out_1(interval) {
            format!("which is real, and may be more or less than the {effect} % that matters")
        } else {
            "which may be chance".to_owned()
        }
    }

    /// The level of `interval_95`: `95 %`, and the higher one that an arm among several has.
    pub fn level_words(&self) -> String {
        if self.confidence_percent > 95.05 {
            format!("{:.1} %, as one of {} arms", self.confidence_percent, self.arms)
        } else {
            "95 %".to_owned()
        }
    }

    /// How many blocks there are, and that they are few.
    pub fn blocks_words(&self) -> String {
        let words = counted(u32::try_from(self.blocks).unwrap_or(u32::MAX), "block");
        if self.blocks < ENOUGH_BLOCKS { format!("only {words}") } else { words }
    }

    /// How many blocks were left out, and why; empty where none was.
    fn left_out_words(&self) -> String {
        let is_are = |count: usize| if count == 1 { "is" } else { "are" };
        let blocks = |count: usize| counted(u32::try_from(count).unwrap_or(u32::MAX), "block");
        let not_valid = self.left_out - self.without_answers;
        let mut words = String::new();
        for (count, reason) in
            [(not_valid, "not both have a valid run"), (self.without_answers, "one of the two answered nothing")]
        {
            if count > 0 {
                words += &format!("; {} {} left out, where {reason}", blocks(count), is_are(count));
            }
        }
        words
    }
}

fn leaves_out_1([low, high]: [f64; 2]) -> bool {
    low > 1.0 || high < 1.0
}

/// What would decide.
pub fn further(further_blocks: Option<usize>) -> String {
    match further_blocks {
        Some(1) => "about 1 further block should decide".to_owned(),
        Some(count) => format!("about {count} further blocks should decide"),
        None => format!(
            "more than {MOST_FURTHER_BLOCKS} further blocks would be needed: a quieter machine, or longer windows, decide sooner"
        ),
    }
}

/// An interval of ratios as differences in percent, or as factors where percents would be long: `-13.5 % to -1.4 %`.
pub fn range([low, high]: [f64; 2]) -> String {
    let words = |ratio: f64| match ratio {
        ratio if ratio < 10.0 => signed_percent(100.0 * (ratio - 1.0)),
        ratio if ratio < 1e6 => format!("{}-fold", plain(ratio)),
        _ => "more than a million-fold".to_owned(),
    };
    format!("{} to {}", words(low), words(high))
}

#[cfg(test)]
mod tests {
    use super::super::{Blocks, compare};
    use super::range;

    fn blocks(percents: &[f64]) -> Blocks {
        percents.iter().enumerate().map(|(index, percent)| (index as u32 + 1, 1.0 + percent / 100.0)).collect()
    }

    fn words(percents: &[f64]) -> String {
        compare(&blocks(&vec![0.0; percents.len()]), &[&blocks(percents)], 5.0)[0].words()
    }

    #[test]
    fn every_verdict_in_words() {
        for (percents, expected) in [
            (&[][..], "undecided: no block measured both"),
            (&[-8.0], "undecided: -8.0 % in only 1 block, and an interval needs two"),
            (&[-8.0, -8.2, -7.9, -8.1, -8.0, -7.8], "different: -8.0 % (95 %: -8.1 % to -7.9 %; 6 blocks)"),
            (&[18.0, 12.0, 15.0], "different: +15.0 % (95 %: +7.8 % to +22.7 %; only 3 blocks)"),
            (&[0.5, -0.5, 0.3, -0.2, 0.1, -0.4], "equivalent within 5 %: +0.0 % (90 %: -0.4 % to +0.3 %; 6 blocks)"),
            (
                &[1.0, 1.1, 0.9, 1.0, 1.05, 0.95],
                "equivalent within 5 %: +1.0 % (90 %: +0.9 % to +1.1 %; 6 blocks), a difference that is real and too small to matter",
            ),
            (
                &[3.0, 4.5, 6.0, 3.5, 5.5, 4.8],
                "undecided: +4.5 % (95 %: +3.3 % to +5.8 %; 6 blocks), which is real, and may be more or less than the 5 % that matters; about 14 further blocks should decide",
            ),
            (
                &[-8.0, 1.0, -4.0, 6.0, -2.0],
                "undecided: -1.5 % (95 %: -7.8 % to +5.2 %; only 5 blocks), which may be chance; about 4 further blocks should decide",
            ),
            (
                &[5.1, 4.9, 5.0, 5.2, 5.0, 4.8],
                "undecided: +5.0 % (95 %: +4.9 % to +5.1 %; 6 blocks), which is real, and may be more or less than the 5 % that matters; more than 200 further blocks would be needed: a quieter machine, or longer windows, decide sooner",
            ),
        ] {
            assert_eq!(words(percents), expected, "{percents:?}");
        }
    }

    #[test]
    fn what_was_left_out_is_said_with_its_reason() {
        let mut arm = blocks(&[-8.0, -8.2, -7.9, -8.1, -8.0, -7.8, -8.0]);
        arm.insert(2, 0.0);
        arm.remove(&5);
        assert_eq!(
            compare(&blocks(&[0.0; 7]), &[&arm], 5.0)[0].words(),
            "different: -8.0 % (95 %: -8.1 % to -7.8 %; only 5 blocks); 1 block is left out, where not both have a valid run; 1 block is left out, where one of the two answered nothing"
        );
    }

    #[test]
    fn one_of_several_arms_has_a_higher_level() {
        let (far, near) = (blocks(&[-8.0, -8.2, -7.9, -8.1, -8.0, -7.8]), blocks(&[-2.0, 4.0, 3.0, -3.0, 1.0, -1.0]));
        let compared = compare(&blocks(&[0.0; 6]), &[&far, &near], 5.0);
        assert!(
            compared[0].words().starts_with("different: -8.0 % (97.5 %, as one of 2 arms: "),
            "{}",
            compared[0].words()
        );
        assert_eq!(compared[1].level_words(), "95 %");
    }

    #[test]
    fn wide_intervals_stay_short() {
        assert_eq!(range([0.0001, 3.335]), "-100.0 % to +233.5 %");
        assert_eq!(range([0.5, 61_674.4]), "-50.0 % to 61,674-fold");
        assert_eq!(range([0.5, f64::INFINITY]), "-50.0 % to more than a million-fold");
    }
}
