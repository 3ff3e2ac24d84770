//! Lines over two axes as inline SVG: what every chart of the report is made of.
//!
//! The drawing knows a few colours by name; the page maps each to one of its own, so that a chart follows light and dark.

#[cfg(test)]
mod tests;

use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::element::{Circle, PathElement, Polygon, Text, TriangleMarker};
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, Color, DashedLineSeries, DrawingAreaErrorKind, IntoDrawingArea,
    IntoLogRange, LineSeries, RGBColor, SVGBackend, ShapeStyle,
};
use plotters::style::{IntoFont, TextStyle};

use crate::results::number;

/// Drawn at twice the size it is shown at: coordinates are whole numbers.
const SIZE: (u32, u32) = (1120, 680);
const FONT: (&str, i32) = ("sans-serif", 31);

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

const SERIES_COLOURS: [(u8, u8, u8); Ink::SERIES] = [
    (0x00, 0x72, 0xb2),
    (0xd5, 0x5e, 0x00),
    (0x00, 0x9e, 0x73),
    (0xaa, 0x4a, 0x99),
    (0xb8, 0x86, 0x0b),
    (0x3a, 0x8f, 0xd0),
    (0x7a, 0x4a, 0x21),
    (0x4b, 0x55, 0x63),
];

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

    /// As the SVG writes it.
    pub fn code(self) -> String {
        let RGBColor(red, green, blue) = self.rgb();
        format!("#{red:02X}{green:02X}{blue:02X}")
    }

    fn rgb(self) -> RGBColor {
        match self {
            Self::Text => RGBColor(0x22, 0x26, 0x2b),
            Self::Grid => RGBColor(0xdd, 0xe0, 0xe4),
            Self::Mark => RGBColor(0x7a, 0x80, 0x88),
            Self::Series(number) => {
                let (red, green, blue) = SERIES_COLOURS[number % Self::SERIES];
                RGBColor(red, green, blue)
            }
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
    pub name: String,
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
}

impl Series {
    /// A line without ranges and band.
    pub fn new(name: impl Into<String>, ink: Ink, stroke: Stroke, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), ink, stroke, points, ranges: Vec::new(), band: Vec::new() }
    }
}

/// A straight line across the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What it marks.
    pub name: String,
    /// True: at an x; false: at a y.
    pub upright: bool,
    /// Where.
    pub at: f64,
}

/// One chart with everything that its reader needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// Its finding, in one sentence.
    pub title: String,
    /// What it shows, for those who cannot see it.
    pub alternative: String,
    /// Quantity and unit of x.
    pub x: String,
    /// Quantity and unit of y.
    pub y: String,
    /// True: only whole numbers are written along x.
    pub whole: bool,
    /// True: x grows by factors.
    pub log_x: bool,
    /// True: y grows by factors.
    pub log: bool,
    /// The lines.
    pub series: Vec<Series>,
    /// Marks.
    pub rules: Vec<Rule>,
}

type Failure = DrawingAreaErrorKind<std::io::Error>;

impl Chart {
    /// The chart as an `<svg>` element, with `title` and the alternative text inside.
    pub fn svg(&self) -> String {
        let mut drawn = String::new();
        // Drawing into a string has no way to fail but a range without width, which `span` rules out.
        if let Err(error) = self.draw(&mut drawn) {
            log::error!("a chart could not be drawn: {error}");
        }
        // What a reader's program needs stands in place of the fixed size.
        let inner = drawn.split_once('>').map_or("", |(_, inner)| inner);
        format!(
            "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{inner}",
            SIZE.0,
            SIZE.1,
            maud::html! { (self.alternative) }.into_string()
        )
    }

    fn draw(&self, into: &mut String) -> Result<(), Failure> {
        let area = SVGBackend::with_string(into, SIZE).into_drawing_area();
        let (xs, ys) = (self.span_of_x(), self.span_of_y());
        let mut builder = ChartBuilder::on(&area);
        builder.margin(12).margin_right(28).x_label_area_size(84).y_label_area_size(120);
        match (self.log_x, self.log) {
            (false, false) => self.draw_on(&mut builder.build_cartesian_2d(xs.0..xs.1, ys.0..ys.1)?, xs, ys)?,
            (false, true) => {
                self.draw_on(&mut builder.build_cartesian_2d(xs.0..xs.1, (ys.0..ys.1).log_scale())?, xs, ys)?;
            }
            (true, false) => {
                self.draw_on(&mut builder.build_cartesian_2d((xs.0..xs.1).log_scale(), ys.0..ys.1)?, xs, ys)?;
            }
            (true, true) => {
                let (across, up) = ((xs.0..xs.1).log_scale(), (ys.0..ys.1).log_scale());
                self.draw_on(&mut builder.build_cartesian_2d(across, up)?, xs, ys)?;
            }
        }
        area.present()
    }

    fn draw_on<X, Y>(
        &self,
        chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, Y>>,
        xs: (f64, f64),
        ys: (f64, f64),
    ) -> Result<(), Failure>
    where
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let label = FONT.into_font().color(&Ink::Text.rgb());
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(plotters::style::TRANSPARENT)
            .bold_line_style(Ink::Grid.rgb())
            .axis_style(Ink::Mark.rgb())
            .label_style(label.clone())
            .axis_desc_style(label)
            .x_desc(&self.x)
            .y_desc(&self.y)
            .x_labels(9)
            .y_labels(6)
            .x_label_formatter(&|value| {
                if self.whole && (value - value.round()).abs() > 1e-6 { String::new() } else { tick(*value) }
            })
            .y_label_formatter(&|value| tick(*value))
            .draw()?;
        for rule in &self.rules {
            self.draw_rule(chart, rule, xs, ys)?;
        }
        for series in &self.series {
            draw_series(chart, series)?;
        }
        Ok(())
    }

    fn draw_rule<X, Y>(
        &self,
        chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, Y>>,
        rule: &Rule,
        xs: (f64, f64),
        ys: (f64, f64),
    ) -> Result<(), Failure>
    where
        X: Ranged<ValueType = f64>,
        Y: Ranged<ValueType = f64>,
    {
        let ends = if rule.upright { [(rule.at, ys.0), (rule.at, ys.1)] } else { [(xs.0, rule.at), (xs.1, rule.at)] };
        chart.draw_series(DashedLineSeries::new(ends, 14, 10, line(Ink::Mark, 3)))?;
        let style: TextStyle<'_> = FONT.into_font().color(&Ink::Text.rgb());
        let at = if rule.upright { (rule.at, ys.1) } else { (xs.0, rule.at) };
        let words = plotters::element::EmptyElement::at(at)
            + Text::new(rule.name.clone(), if rule.upright { (8, 4) } else { (8, -34) }, style);
        chart.draw_series(std::iter::once(words))?;
        Ok(())
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
        if self.log { ((low * 0.7).max(0.01), high * 1.4) } else { (0.0, high * 1.08) }
    }
}

fn draw_series<X, Y>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, Y>>,
    series: &Series,
) -> Result<(), Failure>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let colour = series.ink.rgb();
    if !series.band.is_empty() {
        let upper = series.band.iter().map(|&(x, _, high)| (x, high));
        let lower = series.band.iter().rev().map(|&(x, low, _)| (x, low));
        let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
        chart.draw_series(std::iter::once(Polygon::new(outline, colour.mix(0.14).filled())))?;
    }
    match series.stroke {
        Stroke::Dashed => {
            chart.draw_series(DashedLineSeries::new(series.points.iter().copied(), 12, 9, line(series.ink, 3)))?;
        }
        Stroke::Only(_) => {}
        Stroke::Marked(_) | Stroke::Solid => {
            chart.draw_series(LineSeries::new(series.points.iter().copied(), line(series.ink, 4)))?;
        }
    }
    chart.draw_series(
        series.ranges.iter().map(|&(x, low, high)| PathElement::new(vec![(x, low), (x, high)], line(series.ink, 3))),
    )?;
    match series.stroke {
        Stroke::Marked(marker) | Stroke::Only(marker) => draw_markers(chart, series, marker),
        Stroke::Solid | Stroke::Dashed => Ok(()),
    }
}

/// Half the size of a marker, in pixels of the drawing.
const MARKER: i32 = 9;

fn draw_markers<X, Y>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, Y>>,
    series: &Series,
    marker: Marker,
) -> Result<(), Failure>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let (fill, stroke) = (series.ink.rgb().filled(), line(series.ink, 4));
    let points = series.points.iter().copied();
    let (near, far) = (MARKER - 1, MARKER + 3);
    let outline = |corners: &'static [(i32, i32)]| {
        move |point| plotters::element::EmptyElement::at(point) + Polygon::new(corners.to_vec(), fill)
    };
    let strokes = |from: [(i32, i32); 2], to: [(i32, i32); 2]| {
        move |point| {
            plotters::element::EmptyElement::at(point)
                + PathElement::new(from.to_vec(), stroke)
                + PathElement::new(to.to_vec(), stroke)
        }
    };
    match marker {
        Marker::Dot => chart.draw_series(points.map(|point| Circle::new(point, MARKER, fill))).map(drop),
        Marker::Ring => chart.draw_series(points.map(|point| Circle::new(point, MARKER, stroke))).map(drop),
        Marker::Triangle => chart.draw_series(points.map(|point| TriangleMarker::new(point, 12, fill))).map(drop),
        Marker::Square => chart.draw_series(points.map(outline(&[(-8, -8), (8, -8), (8, 8), (-8, 8)]))).map(drop),
        Marker::Diamond => chart.draw_series(points.map(outline(&[(0, -12), (12, 0), (0, 12), (-12, 0)]))).map(drop),
        Marker::Bar => chart.draw_series(points.map(outline(&[(-4, -13), (4, -13), (4, 13), (-4, 13)]))).map(drop),
        Marker::Cross => {
            let drawn = strokes([(-near, -near), (near, near)], [(-near, near), (near, -near)]);
            chart.draw_series(points.map(drawn)).map(drop)
        }
        Marker::Plus => {
            let drawn = strokes([(-far, 0), (far, 0)], [(0, -far), (0, far)]);
            chart.draw_series(points.map(drawn)).map(drop)
        }
    }
}

fn line(ink: Ink, width: u32) -> ShapeStyle {
    ink.rgb().stroke_width(width)
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
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
