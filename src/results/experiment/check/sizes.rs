//! Scales, and how large the two sizes are.

use std::ops::Range;

use toml::Spanned;

use super::super::file::{ScaleTable, SizesTable, Step};
use super::super::{Size, Sizes, sizes};
use super::{Checked, Checker};
use crate::results::arm::Scale;

const MOST_SCALES: usize = 32;
const MOST_BLOCKS: u32 = 100;
const MOST_CONNECTIONS: u32 = 100_000;
/// Shorter windows measure nothing, longer ones are a mistake.
const WINDOW: std::ops::RangeInclusive<f64> = 0.5..=3600.0;

/// A size cannot follow a day of less.
const PROFILE: std::ops::RangeInclusive<f64> = 5.0..=86_400.0;

/// `[scale]`, judged.
pub(super) struct CheckedScale {
    pub name: String,
    pub values: Vec<Scale>,
    pub law: bool,
    pub at: Range<usize>,
}

impl CheckedScale {
    pub fn is_numbers(&self) -> bool {
        self.values.iter().all(|scale| scale.number().is_some())
    }
}

impl Checker<'_> {
    /// Without `[scale]` there is one unit.
    pub(super) fn scale(&self, scale: Option<Spanned<ScaleTable>>) -> Checked<CheckedScale> {
        let at = scale.as_ref().map_or(0..0, Spanned::span);
        let scale = scale.map(Spanned::into_inner).unwrap_or_default();
        let name = scale.name.map(|name| self.name(name, "the name of the scale")).transpose()?;
        let values = scale.values.map(|values| self.steps(values, "values")).transpose()?;
        Ok(CheckedScale {
            name: name.unwrap_or_else(|| "units".to_owned()),
            values: values.unwrap_or_else(|| vec![Scale::from(1)]),
            law: scale.law.unwrap_or(true),
            at,
        })
    }

    fn steps(&self, steps: Spanned<Vec<Step>>, key: &str) -> Checked<Vec<Scale>> {
        let at = steps.span();
        let scales: Vec<Scale> = steps.into_inner().into_iter().map(scale_of).collect();
        self.ensure((1..=MOST_SCALES).contains(&scales.len()), &at, || {
            format!("{key} has {} steps, but must have 1 to {MOST_SCALES}", scales.len())
        })?;
        for (index, scale) in scales.iter().enumerate() {
            let text = scale.as_str();
            let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
            self.ensure(!text.is_empty() && text.len() <= 40 && text.chars().all(plain), &at, || {
                format!("the step '{text}' of {key} may have letters, digits, '-', '_' and '.'")
            })?;
            self.ensure(scale.number().is_none_or(|number| number > 0.0), &at, || {
                format!("the step {text} of {key} must be above 0")
            })?;
            self.ensure(!scales[..index].contains(scale), &at, || format!("the step {text} stands twice in {key}"))?;
        }
        Ok(scales)
    }

    /// `sizes`, with what `table` says instead.
    pub(super) fn sizes(&self, size: Size, mut sizes: Sizes, table: &SizesTable) -> Checked<Sizes> {
        if let Some(scales) = &table.scales {
            sizes.scales = self.steps(scales.clone(), "scales")?;
            sizes.open_scales = sizes::open_scales(size, &sizes.scales);
        }
        let window = |value: &Option<Spanned<f64>>, key| self.within(value.clone(), WINDOW, key);
        sizes.blocks = self.count(table.blocks.clone(), MOST_BLOCKS, "blocks")?.unwrap_or(sizes.blocks);
        let further = self.whole(table.further_blocks.clone(), 0..=MOST_BLOCKS, "further_blocks")?;
        sizes.further_blocks = further.unwrap_or(if table.blocks.is_some() { 0 } else { sizes.further_blocks });
        let warmup = self.within(table.warmup_seconds.clone(), 0.0..=3600.0, "warmup_seconds")?;
        sizes.warmup_seconds = warmup.unwrap_or(sizes.warmup_seconds);
        sizes.closed_seconds = window(&table.closed_seconds, "closed_seconds")?.unwrap_or(sizes.closed_seconds);
        sizes.open_seconds = window(&table.open_seconds, "open_seconds")?.unwrap_or(sizes.open_seconds);
        sizes.event_seconds = window(&table.event_seconds, "event_seconds")?.unwrap_or(sizes.event_seconds);
        self.connections(&mut sizes, table)?;
        if let Some(fractions) = &table.fractions {
            let (at, fractions) = (fractions.span(), fractions.get_ref());
            self.ensure(fractions.iter().all(|share| (0.01..=3.0).contains(share)), &at, || {
                "fractions are shares of the ceiling between 0.01 and 3, such as 0.8".to_owned()
            })?;
            self.ensure(rises(fractions), &at, || "fractions must rise".to_owned())?;
            sizes.fractions.clone_from(fractions);
        }
        if let Some(open_scales) = &table.open_scales {
            let at = open_scales.span();
            sizes.open_scales = self.steps(open_scales.clone(), "open_scales")?;
            let unknown = sizes.open_scales.iter().find(|scale| !sizes.scales.contains(scale));
            self.ensure(unknown.is_none(), &at, || {
                format!("open_scales may be of {}", super::super::list(&sizes.scales))
            })?;
        }
        sizes.open_blocks =
            self.count(table.open_blocks.clone(), MOST_BLOCKS, "open_blocks")?.unwrap_or(sizes.open_blocks);
        sizes.profile_seconds =
            self.within(table.profile_seconds.clone(), PROFILE, "profile_seconds")?.unwrap_or(sizes.profile_seconds);
        sizes.profile_blocks =
            self.count(table.profile_blocks.clone(), MOST_BLOCKS, "profile_blocks")?.unwrap_or(sizes.profile_blocks);
        Ok(sizes)
    }

    fn connections(&self, sizes: &mut Sizes, table: &SizesTable) -> Checked<()> {
        let (connections, key) = match (&table.connections, &table.connections_per_unit) {
            (None, None) => return Ok(()),
            (Some(connections), Some(_)) => {
                return Err(self.error(
                    &connections.span(),
                    "connections and connections_per_unit contradict each other; leave one out",
                ));
            }
            (Some(connections), None) => (connections, "connections"),
            (None, Some(connections)) => (connections, "connections_per_unit"),
        };
        let (at, levels) = (connections.span(), connections.get_ref());
        self.ensure(
            !levels.is_empty() && levels.iter().all(|level| (1..=MOST_CONNECTIONS).contains(level)),
            &at,
            || format!("{key} must be numbers between 1 and {MOST_CONNECTIONS}, at least one"),
        )?;
        self.ensure(rises(levels), &at, || format!("{key} must rise"))?;
        sizes.connections.clone_from(levels);
        sizes.connections_per_unit = key == "connections_per_unit";
        let word = sizes.scales.iter().find(|scale| sizes.connections_per_unit && scale.number().is_none());
        self.ensure(word.is_none(), &at, || {
            format!("connections_per_unit needs a scale of numbers, and '{}' is none; say connections", sizes.scales[0])
        })
    }
}

fn rises<T: PartialOrd>(values: &[T]) -> bool {
    values.windows(2).all(|pair| pair[0] < pair[1])
}

fn scale_of(step: Step) -> Scale {
    match step {
        Step::Whole(number) => Scale::from(number.to_string().as_str()),
        Step::Number(number) => Scale::from(number.to_string().as_str()),
        Step::Word(word) => Scale::from(word.as_str()),
    }
}
