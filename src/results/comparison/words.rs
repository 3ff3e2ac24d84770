//! A comparison as people read it, in both languages.

use super::{Comparison, ENOUGH_BLOCKS, MOST_FURTHER_BLOCKS, Verdict};
use crate::design::{Text, both};
use crate::results::number::{plain, signed_percent};

/// From so many times on, a difference is said as a factor: percents would be long, or all of them near -100.
const FACTOR: f64 = 10.0;
/// From so many times on, the number says nothing more.
const MOST_TIMES: f64 = 1e6;

impl Comparison {
    /// The verdict with its difference, its interval and its blocks, without a full stop.
    pub fn words(&self) -> Text {
        let Some(ratio) = self.ratio else {
            let nothing = Text::new("undecided: no block measured both", "sin decidir: ningún bloque midió las dos");
            return Text::join([nothing, self.left_out_words()], "");
        };
        let (difference, blocks) = (difference(ratio), self.blocks_words());
        let words = match (self.verdict, self.interval_95, self.interval_90) {
            (Verdict::Different, Some(interval), _) => both!(
                "different: {difference} ({level}: {range}; {blocks})",
                "diferente: {difference} ({level}: {range}; {blocks})",
                difference,
                level = self.level_words(),
                range = range(interval),
                blocks
            ),
            (Verdict::Equivalent, Some(interval), Some(narrow)) => both!(
                "equivalent within {effect} %: {difference} (90 %: {range}; {blocks}){real}",
                "equivalente dentro del {effect} %: {difference} (90 %: {range}; {blocks}){real}",
                effect = self.smallest_effect_percent.to_string(),
                difference,
                range = range(narrow),
                blocks,
                real = if leaves_out_1(interval) { real_and_small() } else { Text::default() }
            ),
            (Verdict::Undecided { further_blocks }, Some(interval), _) => both!(
                "undecided: {difference} ({level}: {range}; {blocks}), {doubt}; {further}",
                "sin decidir: {difference} ({level}: {range}; {blocks}), {doubt}; {further}",
                difference,
                level = self.level_words(),
                range = range(interval),
                blocks,
                doubt = self.doubt(interval),
                further = further(further_blocks)
            ),
            (Verdict::Undecided { .. } | Verdict::Different | Verdict::Equivalent, _, _) => both!(
                "undecided: {difference} in {blocks}, and an interval needs two",
                "sin decidir: {difference} en {blocks}, y un intervalo necesita dos",
                difference,
                blocks
            ),
        };
        Text::join([words, self.left_out_words()], "")
    }

    /// Why an interval decides nothing.
    fn doubt(&self, interval: [f64; 2]) -> Text {
        if !leaves_out_1(interval) {
            return Text::new("which may be chance", "que puede ser casualidad");
        }
        both!(
            "which is real, and may be more or less than the {effect} % that matters",
            "que es real, y puede ser más o menos que el {effect} % que importa",
            effect = self.smallest_effect_percent.to_string()
        )
    }

    /// The level of `interval_95`: `95 %`, and the higher one that an arm among several has.
    pub fn level_words(&self) -> Text {
        if self.confidence_percent <= 95.05 {
            return Text::name("95 %");
        }
        let level = format!("{:.1}", self.confidence_percent);
        both!("{level} %, as one of {arms} arms", "{level} %, como una de {arms} variantes", level, arms = self.arms)
    }

    /// How many blocks there are, and that they are few.
    pub fn blocks_words(&self) -> Text {
        let blocks = counted_blocks(self.blocks);
        if self.blocks < ENOUGH_BLOCKS { both!("only {blocks}", "solo {blocks}", blocks) } else { blocks }
    }

    /// How many blocks were left out, and why; empty where none was.
    fn left_out_words(&self) -> Text {
        let not_valid = Text::new("not both have a valid run", "no las dos tienen una corrida válida");
        let silent = Text::new("one of the two answered nothing", "una de las dos no respondió nada");
        let reasons = [(self.left_out - self.without_answers, not_valid), (self.without_answers, silent)];
        let parts = reasons.into_iter().filter(|(count, _)| *count > 0).map(|(count, reason)| {
            let blocks = counted_blocks(count);
            match count {
                1 => both!(
                    "; {blocks} is left out, where {reason}",
                    "; {blocks} queda fuera, donde {reason}",
                    blocks,
                    reason
                ),
                _ => both!(
                    "; {blocks} are left out, where {reason}",
                    "; {blocks} quedan fuera, donde {reason}",
                    blocks,
                    reason
                ),
            }
        });
        Text::join(parts, "")
    }
}

fn real_and_small() -> Text {
    Text::new(
        ", a difference that is real and too small to matter",
        ", una diferencia que es real y demasiado pequeña para importar",
    )
}

/// A number of blocks with its word.
pub fn counted_blocks(count: usize) -> Text {
    match count {
        1 => Text::new("1 block", "1 bloque"),
        _ => both!("{count} blocks", "{count} bloques", count),
    }
}

fn leaves_out_1([low, high]: [f64; 2]) -> bool {
    low > 1.0 || high < 1.0
}

/// What would decide.
pub fn further(further_blocks: Option<usize>) -> Text {
    match further_blocks {
        Some(1) => Text::new("about 1 further block should decide", "cerca de 1 bloque más debería decidir"),
        Some(count) => {
            both!("about {count} further blocks should decide", "unos {count} bloques más deberían decidir", count)
        }
        None => both!(
            "more than {most} further blocks would be needed: a quieter machine, or longer windows, decide sooner",
            "harían falta más de {most} bloques más: una máquina más tranquila, o ventanas más largas, deciden antes",
            most = MOST_FURTHER_BLOCKS
        ),
    }
}

/// How many times the smaller of two the larger one is, with two digits: `14`, `520`. `None` below ten times, where percents say it
/// well, and beyond a million.
pub fn times(ratio: f64) -> Option<String> {
    let times = ratio.max(1.0 / ratio);
    (FACTOR..MOST_TIMES).contains(&times).then(|| two_digits(times))
}

fn two_digits(times: f64) -> String {
    if times < 99.5 {
        return format!("{times:.0}");
    }
    let step = 10f64.powf(times.log10().floor() - 1.0);
    plain((times / step).round() * step)
}

/// A ratio as a difference in percent, or as a factor where percents say little: `-13.5 %`, `520-fold`, `1/520`.
pub fn difference(ratio: f64) -> Text {
    match times(ratio) {
        Some(times) if ratio > 1.0 => both!("{times}-fold", "{times} veces", times),
        Some(times) => both!("1/{times}", "1/{times}", times),
        None if ratio >= MOST_TIMES => Text::new("more than a million-fold", "más de un millón de veces"),
        None => Text::figure(signed_percent(100.0 * (ratio - 1.0))),
    }
}

/// The ends of an interval of ratios, each as a [`difference`]; only where all of it is a tenth or less is the lower end a fraction.
pub fn ends([low, high]: [f64; 2]) -> [Text; 2] {
    let as_percent = low < 1.0 / FACTOR && high > 1.0 / FACTOR;
    let low = if as_percent { Text::figure(signed_percent(100.0 * (low - 1.0))) } else { difference(low) };
    [low, difference(high)]
}

/// An interval of ratios: `-13.5 % to -1.4 %`, `1/640 to 1/420`.
pub fn range(interval: [f64; 2]) -> Text {
    let [low, high] = ends(interval);
    both!("{low} to {high}", "{low} a {high}", low, high)
}

#[cfg(test)]
mod tests {
    use super::super::{Blocks, compare};
    use super::{difference, range, times};

    fn blocks(percents: &[f64]) -> Blocks {
        percents.iter().enumerate().map(|(index, percent)| (index as u32 + 1, 1.0 + percent / 100.0)).collect()
    }

    fn words(percents: &[f64]) -> String {
        compare(&blocks(&vec![0.0; percents.len()]), &[&blocks(percents)], 5.0)[0].words().en().to_owned()
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
            compare(&blocks(&[0.0; 7]), &[&arm], 5.0)[0].words().en(),
            "different: -8.0 % (95 %: -8.1 % to -7.8 %; only 5 blocks); 1 block is left out, where not both have a valid run; 1 block is left out, where one of the two answered nothing"
        );
    }

    #[test]
    fn one_of_several_arms_has_a_higher_level() {
        let (far, near) = (blocks(&[-8.0, -8.2, -7.9, -8.1, -8.0, -7.8]), blocks(&[-2.0, 4.0, 3.0, -3.0, 1.0, -1.0]));
        let compared = compare(&blocks(&[0.0; 6]), &[&far, &near], 5.0);
        assert!(
            compared[0].words().en().starts_with("different: -8.0 % (97.5 %, as one of 2 arms: "),
            "{:?}",
            compared[0].words()
        );
        assert_eq!(compared[1].level_words().en(), "95 %");
    }

    #[test]
    fn wide_intervals_stay_short() {
        assert_eq!(range([0.0001, 3.335]).en(), "-100.0 % to +233.5 %");
        assert_eq!(range([0.5, 61_674.4]).en(), "-50.0 % to 62,000-fold");
        assert_eq!(range([0.5, f64::INFINITY]).es(), "-50,0 % a más de un millón de veces");
        assert_eq!(range([0.001_565, 0.002_36]).en(), "1/640 to 1/420");
        assert_eq!(range([10.4, 1234.0]).es(), "10 veces a 1200 veces");
    }

    #[test]
    fn what_is_ten_times_as_much_is_a_factor() {
        for (ratio, words) in [
            (0.001_922, "1/520"),
            (0.1, "1/10"),
            (0.101, "-89.9 %"),
            (0.9, "-10.0 %"),
            (9.99, "+899.0 %"),
            (10.0, "10-fold"),
            (99.6, "100-fold"),
            (414.1, "410-fold"),
            (1e-9, "-100.0 %"),
            (0.0, "-100.0 %"),
        ] {
            assert_eq!(difference(ratio).en(), words, "{ratio}");
        }
        assert_eq!(difference(1.0 / 61_674.4).es(), "1/62.000");
        assert_eq!((times(414.1), times(1.0 / 414.1)), (Some("410".to_owned()), Some("410".to_owned())));
        assert_eq!([times(0.5), times(2e6), times(f64::NAN), times(0.0)], [None, None, None, None]);
    }
}
