//! A chart as SVG. Each series is a group of its own, which the page can switch off; colours are classes, which know light and
//! dark; each point may lead to the runs that it was made from.

use std::fmt::Write as _;

use maud::Render as _;

use super::axis::Axis;
use super::{Chart, Marker, Series, Stroke, tick};
use crate::design::Text;

/// Size of the drawing, in its own units: at 1440 px one of them is about a pixel.
pub const SIZE: (f64, f64) = (720.0, 400.0);
/// Room around the plot for the words: left at least, right, above, below.
const ROOM: [f64; 4] = [66.0, 18.0, 36.0, 56.0];
/// About how many values are written along the y axis.
const TICKS: usize = 6;
/// Widths of a digit and of a point or dash in the letters of a phone, the largest that the page uses in a chart.
const SIGN_WIDTHS: [f64; 2] = [13.5, 7.0];
/// Between a value and the axis.
const GAP: f64 = 8.0;

/// Where values stand in the drawing.
pub struct Frame {
    left: f64,
    x: Axis,
    y: Axis,
}

impl Frame {
    /// The frame of a chart.
    pub fn of(chart: &Chart) -> Self {
        let ((x_low, x_high), (y_low, y_high)) = (chart.span_of_x(), chart.span_of_y());
        let y = Axis { low: y_low, high: y_high, log: chart.log };
        let widths = y.ticks(TICKS, false).into_iter().map(|value| width(&tick(value)));
        Self { left: widths.fold(ROOM[0], f64::max), x: Axis { low: x_low, high: x_high, log: chart.log_x }, y }
    }

    /// From the left edge of the drawing.
    pub fn across(&self, x: f64) -> f64 {
        self.left + (SIZE.0 - self.left - ROOM[1]) * self.x.place(x)
    }

    /// From its upper edge.
    pub fn down(&self, y: f64) -> f64 {
        SIZE.1 - ROOM[3] - (SIZE.1 - ROOM[2] - ROOM[3]) * self.y.place(y)
    }

    fn path(&self, points: impl Iterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        for (x, y) in points.filter(|(x, y)| x.is_finite() && y.is_finite()) {
            let letter = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{:.1} {:.1}", self.across(x), self.down(y));
        }
        path
    }
}

/// At most so much room needs a value left of the axis.
fn width(value: &str) -> f64 {
    let sign = |sign: char| SIGN_WIDTHS[usize::from(matches!(sign, '.' | ',' | '-'))];
    value.chars().map(sign).sum::<f64>() + GAP
}

/// The whole drawing, without a name: the page gives it one.
pub fn svg(chart: &Chart, name: &str) -> String {
    let frame = Frame::of(chart);
    // What holds links is no image to a screen reader.
    let has_links = chart.series.iter().flat_map(|series| &series.notes).any(|note| note.point.is_some());
    let role = if has_links { "group" } else { "img" };
    let mut out = format!("<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"{role}\" {name}>", SIZE.0, SIZE.1);
    axes(chart, &frame, &mut out);
    for rule in &chart.rules {
        let (x, y) = (frame.across(rule.at), frame.down(rule.at));
        let (left, right, top, bottom) = (frame.left, SIZE.0 - ROOM[1], ROOM[2], SIZE.1 - ROOM[3]);
        let (path, at) = if rule.upright {
            (format!("M{x:.1} {top}V{bottom}"), (x + 6.0, top + 14.0))
        } else {
            (format!("M{left} {y:.1}H{right}"), (left + 6.0, y - 7.0))
        };
        let _ = write!(out, "<path class=\"rule\" d=\"{path}\"/>{}", words(&rule.name, at, "start", "tick"));
    }
    for (number, series) in chart.series.iter().enumerate() {
        let _ = write!(out, "<g data-s=\"{}\" class=\"i-{}\">", chart.group(number), series.ink.name());
        draw(series, &frame, &mut out);
        out += "</g>";
    }
    out + "</svg>"
}

fn axes(chart: &Chart, frame: &Frame, out: &mut String) {
    let (left, right, bottom) = (frame.left, SIZE.0 - ROOM[1], SIZE.1 - ROOM[3]);
    for value in frame.y.ticks(TICKS, false) {
        let y = frame.down(value);
        let _ = write!(out, "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>");
        *out += &words(&Text::figure(tick(value)), (left - GAP, y + 4.5), "end", "tick");
    }
    for value in frame.x.ticks(8, chart.whole) {
        *out += &words(&Text::figure(chart.x_label(value)), (frame.across(value), bottom + 20.0), "middle", "tick");
    }
    let _ = write!(out, "<path class=\"axis\" d=\"M{left} {bottom}H{right}\"/>");
    *out += &words(&chart.y, (4.0, 18.0), "start", "tick");
    *out += &words(&chart.x, (right, SIZE.1 - 10.0), "end", "tick");
}

/// A text in both languages at one place.
fn words(text: &Text, (x, y): (f64, f64), anchor: &str, class: &str) -> String {
    let one = |language: &str, words: &str| {
        format!(
            "<text{language} class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            words.render().into_string()
        )
    };
    match (text.en(), text.es()) {
        (en, es) if en == es => one("", en),
        (en, es) => one(" lang=\"en\"", en) + &one(" lang=\"es\"", es),
    }
}

fn draw(series: &Series, frame: &Frame, out: &mut String) {
    if !series.band.is_empty() {
        let upper = series.band.iter().map(|&(x, _, high)| (x, high));
        let lower = series.band.iter().rev().map(|&(x, low, _)| (x, low));
        let _ = write!(out, "<path class=\"band\" d=\"{}Z\"/>", frame.path(upper.chain(lower)));
    }
    let line = match series.stroke {
        Stroke::Marked(_) | Stroke::Solid => Some("line"),
        Stroke::Dashed => Some("line dashed"),
        Stroke::Only(_) => None,
    };
    if let Some(class) = line {
        let _ = write!(out, "<path class=\"{class}\" d=\"{}\"/>", frame.path(series.points.iter().copied()));
    }
    for &(x, low, high) in series.ranges.iter().filter(|(_, low, high)| low.is_finite() && high.is_finite()) {
        let (x, low, high) = (frame.across(x), frame.down(low), frame.down(high));
        let _ = write!(
            out,
            "<path class=\"range\" d=\"M{0:.1} {low:.1}H{1:.1}M{x:.1} {low:.1}V{high:.1}M{0:.1} {high:.1}H{1:.1}\"/>",
            x - 4.0,
            x + 4.0
        );
    }
    match series.stroke {
        Stroke::Marked(marker) | Stroke::Only(marker) => markers(series, marker, frame, out),
        Stroke::Solid | Stroke::Dashed => {}
    }
}

fn markers(series: &Series, marker: Marker, frame: &Frame, out: &mut String) {
    for (number, &(x, y)) in series.points.iter().enumerate().filter(|(_, (x, y))| x.is_finite() && y.is_finite()) {
        let shape = shape(marker, frame.across(x), frame.down(y));
        match series.notes.get(number).and_then(|note| Some((note.value.en(), note.point?))) {
            Some((value, point)) => {
                let value = value.render().into_string();
                let _ = write!(out, "<a href=\"#runs-{point}\" tabindex=\"-1\" aria-label=\"{value}\">{shape}</a>");
            }
            None => *out += &shape,
        }
    }
}

fn shape(marker: Marker, x: f64, y: f64) -> String {
    let filled = |path: &str| format!("<path class=\"mark\" transform=\"translate({x:.1} {y:.1})\" d=\"{path}\"/>");
    let open = |path: &str| format!("<path class=\"mark open\" transform=\"translate({x:.1} {y:.1})\" d=\"{path}\"/>");
    match marker {
        Marker::Dot => format!("<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>"),
        Marker::Ring => format!("<circle class=\"mark open\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>"),
        Marker::Triangle => filled("M0 -6.5L6 5H-6Z"),
        Marker::Square => filled("M-5 -5H5V5H-5Z"),
        Marker::Diamond => filled("M0 -7L7 0L0 7L-7 0Z"),
        Marker::Bar => filled("M-2.5 -7H2.5V7H-2.5Z"),
        Marker::Cross => open("M-5 -5L5 5M-5 5L5 -5"),
        Marker::Plus => open("M-6 0H6M0 -6V6"),
    }
}
