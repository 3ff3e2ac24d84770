//! Lines over two axes as inline SVG: what every chart of the report is made of.
//!
//! The drawing knows a few colours by name; the page maps each to one of its own, so that a chart follows light and dark.

mod axis;
mod draw;
#[cfg(test)]
mod tests;

use draw::Frame;
use serde_json::{Value, json};

use crate::design::{Text, both};
use crate::results::number;

/// A colour by what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Axes and their words.
    Text,
    /// Lines of the grid.
    Grid,
    /// Ideal growth, an objective, a break-even.
    Mark,
    /// An arm, or a resource: by its number, from 0; after [`Ink::SERIES`] they begin again. The first five are of the palette
    /// of Okabe and Ito, which colour-blind people can tell apart; the marker tells all of them apart without colour.
    Series(usize),
}

impl Ink {
    /// Different colours of series.
    pub const SERIES: usize = 8;

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Text, Self::Grid, Self::Mark].into_iter().chain((0..Self::SERIES).map(Self::Series))
    }

    /// Its name in the page's style sheet.
    pub fn name(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Grid => "grid".to_owned(),
            Self::Mark => "mark".to_owned(),
            Self::Series(number) => format!("series-{}", number % Self::SERIES + 1),
        }
    }
}

/// The shape at the points of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Marker {
    Dot,
    Triangle,
    Square,
    Diamond,
    Ring,
    Cross,
    Plus,
    Bar,
}

impl Marker {
    const ALL: [Self; Ink::SERIES] =
        [Self::Dot, Self::Triangle, Self::Square, Self::Diamond, Self::Ring, Self::Cross, Self::Plus, Self::Bar];

    /// The marker of a series by its number, from 0.
    pub fn of(number: usize) -> Self {
        Self::ALL[number % Self::ALL.len()]
    }

    /// The same shape as a character, for legends.
    pub fn character(self) -> char {
        match self {
            Self::Dot => '●',
            Self::Triangle => '▲',
            Self::Square => '■',
            Self::Diamond => '◆',
            Self::Ring => '○',
            Self::Cross => '✕',
            Self::Plus => '+',
            Self::Bar => '❙',
        }
    }
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// A line with markers.
    Marked(Marker),
    /// A line.
    Solid,
    /// A dashed line.
    Dashed,
    /// Markers without a line.
    Only(Marker),
}

/// A named line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// For the legend.
    pub name: Text,
    /// Whose it is: series of one arm are switched off together. `None`: its own.
    pub arm: Option<String>,
    /// Its colour.
    pub ink: Ink,
    /// How it is drawn.
    pub stroke: Stroke,
    /// x and y, rising in x.
    pub points: Vec<(f64, f64)>,
    /// x, and the lowest and highest y of the repeats.
    pub ranges: Vec<(f64, f64, f64)>,
    /// x, and the lower and upper end of a band around the line.
    pub band: Vec<(f64, f64, f64)>,
    /// What is said of each point, in their order; empty: its value alone.
    pub notes: Vec<PointNote>,
}

/// What is said of one point.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PointNote {
    /// Its value, with unit.
    pub value: Text,
    /// How sure it is, of how many blocks, and what was the limit.
    pub detail: Text,
    /// The number of the point in the plan, whose runs it was made from.
    pub point: Option<usize>,
}

impl Series {
    /// A line without ranges and band.
    pub fn new(name: Text, ink: Ink, stroke: Stroke, points: Vec<(f64, f64)>) -> Self {
        Self { name, arm: None, ink, stroke, points, ranges: Vec::new(), band: Vec::new(), notes: Vec::new() }
    }

    /// One of several lines of an arm: what it shows of it.
    pub fn of(arm: &str, what: &Text, ink: Ink, stroke: Stroke, points: Vec<(f64, f64)>) -> Self {
        let name = both!("{arm}, {what}", "{arm}, {what}", arm = Text::name(arm), what);
        Self { arm: Some(arm.to_owned()), ..Self::new(name, ink, stroke, points) }
    }
}

/// A straight line across the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceLine {
    /// What it marks.
    pub name: Text,
    /// True: at an x; false: at a y.
    pub upright: bool,
    /// Where.
    pub at: f64,
}

/// One chart with everything that its reader needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// Its finding, in one sentence.
    pub title: Text,
    /// What it shows, for those who cannot see it.
    pub alternative: Text,
    /// Quantity and unit of x.
    pub x: Text,
    /// Quantity and unit of y.
    pub y: Text,
    /// True: only whole numbers are written along x.
    pub whole: bool,
    /// True: x grows by factors.
    pub log_x: bool,
    /// True: y grows by factors.
    pub log: bool,
    /// The lines.
    pub series: Vec<Series>,
    /// Marks.
    pub rules: Vec<ReferenceLine>,
    /// True: x is one answer in so many, and is written as a percentile.
    pub percentiles: bool,
    /// True: y may be below 0.
    pub signed: bool,
}

impl Chart {
    /// The chart as an `<svg>` element that is called by the element with this id.
    pub fn svg(&self, labelled_by: &str) -> String {
        draw::svg(self, &format!("aria-labelledby=\"{labelled_by}\""))
    }

    /// The group of a series, which is switched off as one: the number of the first series of the same arm.
    pub fn group(&self, number: usize) -> usize {
        let key = |series: &Series| (series.ink, series.arm.clone().unwrap_or_else(|| series.name.en().to_owned()));
        let own = self.series.get(number).map(key);
        self.series.iter().position(|series| Some(key(series)) == own).unwrap_or(number)
    }

    /// What a page's script needs to tell the values at a place: of each series its group, its name, and its points: place from
    /// the left edge of the drawing, x in words, value, and where there is a note, what else is said and whose runs it was made
    /// from. A text is one string, or English and Spanish.
    pub fn readings(&self) -> Value {
        let frame = Frame::of(self);
        let only_noted = self.series.iter().any(|series| !series.notes.is_empty());
        let read = |(number, series): (usize, &Series)| {
            let finite = series.points.iter().enumerate().filter(|(_, (x, y))| x.is_finite() && y.is_finite());
            let points = finite.map(|(at, &(x, y))| {
                let (place, label) = (frame.across(x).round(), words(&Text::figure(self.x_label(x))));
                match series.notes.get(at) {
                    Some(note) => json!([place, label, words(&note.value), words(&note.detail), note.point]),
                    None => json!([place, label, words(&Text::figure(tick(y)))]),
                }
            });
            json!([self.group(number), words(&series.name), points.collect::<Vec<Value>>()])
        };
        let told = self.series.iter().enumerate().filter(|(_, series)| !only_noted || !series.notes.is_empty());
        told.map(read).collect()
    }

    /// A value of x as it is written.
    fn x_label(&self, value: f64) -> String {
        if self.percentiles { percentile(value) } else { tick(value) }
    }

    fn span_of_x(&self) -> (f64, f64) {
        let all = self.series.iter().flat_map(|series| series.points.iter().map(|point| point.0));
        let (low, high) = span(all.chain(self.rules.iter().filter(|rule| rule.upright).map(|rule| rule.at)));
        if self.log_x {
            let low = low.max(f64::MIN_POSITIVE);
            let margin = (high / low).powf(0.04);
            return (low / margin, high * margin);
        }
        let margin = 0.04 * (high - low);
        ((low - margin).max(0.0), high + margin)
    }

    fn span_of_y(&self) -> (f64, f64) {
        let lines = self.series.iter().flat_map(|series| {
            let ranges = series.ranges.iter().flat_map(|&(_, low, high)| [low, high]);
            series.points.iter().map(|point| point.1).chain(ranges)
        });
        let (low, high) = span(lines.chain(self.rules.iter().filter(|rule| !rule.upright).map(|rule| rule.at)));
        match (self.log, self.signed) {
            (true, _) => ((low * 0.7).max(0.01), high * 1.4),
            (false, true) => (low.min(0.0) - 0.08 * (high - low), high.max(0.0) + 0.08 * (high - low)),
            (false, false) => (0.0, high * 1.08),
        }
    }
}

/// A text as the page's script reads it.
fn words(text: &Text) -> Value {
    if text.en() == text.es() { json!(text.en()) } else { json!([text.en(), text.es()]) }
}

/// One answer in `one_in` is slower: as a percentile, `99.9 %`.
fn percentile(one_in: f64) -> String {
    let digits = (one_in.log10().ceil() - 2.0).max(0.0) as usize;
    format!("{:.digits$} %", 100.0 * (1.0 - 1.0 / one_in))
}

/// Lowest and highest of some values, never the same.
fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    match (low.is_finite(), high > low) {
        (true, true) => (low, high),
        (true, false) => (low, low + low.abs().max(1.0)),
        (false, _) => (0.0, 1.0),
    }
}

/// A number at an axis: as short as it can be.
fn tick(value: f64) -> String {
    let text = if value.abs() >= 1000.0 { number::plain(value) } else { number::significant(value, 3) };
    let (digits, power) = text.split_at(text.find('e').unwrap_or(text.len()));
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{digits}{power}")
}
