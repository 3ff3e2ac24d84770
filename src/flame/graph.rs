//! One graph of a picture: its boxes as elements.

use std::collections::HashMap;

use maud::{Markup, html};

use super::boxes::FlameBox;
use super::kind::FunctionKind;
use super::stacks::{Sampled, Stacks};
use super::{boxes, symbol};

/// Height of a box, in units of the picture.
pub const ROW: f64 = 18.0;
/// Width of a letter of the boxes' font, in units of the picture (11 px, monospaced).
pub const LETTER: f64 = 6.7;
/// A change of less than so many points is drawn as none.
const SEEN_POINTS: f64 = 1.0;
/// One of at least so many points is drawn strong.
const STRONG_POINTS: f64 = 5.0;

/// Where a graph stands in its picture.
#[derive(Clone, Copy, Debug)]
pub struct GraphPosition {
    /// Its left edge.
    pub left: f64,
    /// The lower edge of its lowest row.
    pub bottom: f64,
    /// Its width.
    pub width: f64,
}

/// A graph, ready to be drawn.
pub struct Graph {
    boxes: Vec<FlameBox>,
    total_words: &'static str,
    /// The shares of the same calls in the other recording, by path. `None`: there is no other.
    other: Option<HashMap<String, f64>>,
}

impl Graph {
    /// Of one recording; with `other`, its colours show how the shares differ from those there.
    pub fn of(stacks: &Stacks, other: Option<&Stacks>) -> Self {
        let shares = |stacks: &Stacks| boxes::of(stacks).into_iter().map(|one| (one.path, one.width)).collect();
        let total_words = match stacks.sampled {
            Sampled::Cpu(_) => "of the samples",
            Sampled::OffCpu => "of the waiting",
        };
        Self { boxes: boxes::of(stacks), total_words, other: other.map(shares) }
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.boxes.iter().map(|one| one.depth + 1).max().unwrap_or(0)
    }

    /// Its elements. `name` is read out before its boxes.
    pub fn draw(&self, place: GraphPosition, name: &str) -> Markup {
        html! {
            g.graph role="group" aria-label=(name) data-left=(place.left) data-width=(place.width) {
                @for one in &self.boxes { (self.draw_box(one, place)) }
            }
        }
    }

    fn draw_box(&self, one: &FlameBox, place: GraphPosition) -> Markup {
        let (x, width) = (place.left + one.left * place.width, one.width * place.width);
        let y = place.bottom - ROW * (one.depth as f64 + 1.0);
        let (class, tabindex) = (self.class(one), if one.depth == 0 { "0" } else { "-1" });
        html! {
            g class=(format!("box {class}")) role="button" tabindex=(tabindex) data-x=(rounded(x)) data-w=(rounded(width)) data-d=(one.depth) data-n=(one.name) {
                title { (self.words(one)) }
                rect x=(rounded(x)) y=(rounded(y)) width=(rounded(width)) height=(ROW) rx="2" {}
                text x=(rounded(x + 4.0)) y=(rounded(y + 13.0)) { (symbol::fitted(&one.name, letters(width))) }
            }
        }
    }

    /// The change of its share against the other recording, in points.
    fn points(&self, one: &FlameBox) -> Option<f64> {
        self.other.as_ref().map(|other| 100.0 * (one.width - other.get(&one.path).copied().unwrap_or(0.0)))
    }

    fn class(&self, one: &FlameBox) -> &'static str {
        match self.points(one) {
            None => FunctionKind::of(&one.name, one.depth).class(),
            Some(points) if points.abs() < SEEN_POINTS => "same",
            Some(points) if points >= STRONG_POINTS => "more-strong",
            Some(points) if points > 0.0 => "more",
            Some(points) if points <= -STRONG_POINTS => "less-strong",
            Some(_) => "less",
        }
    }

    fn words(&self, one: &FlameBox) -> String {
        let share = 100.0 * one.width;
        let own = 100.0 * one.width * one.own as f64 / one.weight.max(1) as f64;
        let mut words = format!("{}: {share:.1} % {}, {own:.1} % itself", one.name, self.total_words);
        if let Some(points) = self.points(one) {
            words += &format!("; {:.1} % in the other ({points:+.1} points here)", share - points);
        }
        words
    }
}

/// How many letters a box has room for.
fn letters(width: f64) -> usize {
    ((width - 6.0) / LETTER).max(0.0) as usize
}

/// With two decimals: more would only make the file longer.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: GraphPosition = GraphPosition { left: 10.0, bottom: 100.0, width: 200.0 };

    #[test]
    fn a_box_says_its_share() {
        let graph = Graph::of(&Stacks::parse("pool;work;fib 3\npool;work 1\n").unwrap(), None);
        let drawn = graph.draw(PLACE, "node1").into_string();
        assert_eq!(graph.rows(), 4);
        assert!(drawn.contains("<title>fib: 75.0 % of the samples, 75.0 % itself</title>"), "{drawn}");
        assert!(drawn.contains("<title>work: 100.0 % of the samples, 25.0 % itself</title>"), "{drawn}");
        assert!(drawn.contains("<rect x=\"10\" y=\"28\" width=\"150\" height=\"18\""), "{drawn}");
    }

    #[test]
    fn what_changed_is_told_by_colour_and_in_words() {
        let before = Stacks::parse("pool;work;fib 9\npool;work;send 1\n").unwrap();
        let after = Stacks::parse("pool;work;fib 7\npool;work;send 1\npool;work;new 2\n").unwrap();
        let graph = Graph::of(&after, Some(&before));
        let class = |name: &str| graph.class(graph.boxes.iter().find(|one| one.name == name).unwrap());
        assert_eq!(
            (class("fib"), class("send"), class("new"), class("all")),
            ("less-strong", "same", "more-strong", "same")
        );
        let drawn = graph.draw(PLACE, "after").into_string();
        assert!(
            drawn.contains("fib: 70.0 % of the samples, 70.0 % itself; 90.0 % in the other (-20.0 points here)"),
            "{drawn}"
        );
    }
}
