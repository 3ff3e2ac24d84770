//! The whole picture: an SVG that needs nothing beside it.

use maud::{Markup, PreEscaped, html};

use super::graph::{Graph, GraphPosition, ROW};
use super::kind::FunctionKind;
use super::stacks::{FunctionShare, Sampled, Stacks};
use super::table::{changes, listed};
use super::{embedded, symbol};

const STYLE: &str = include_str!("flame.css");
const SCRIPT: &str = include_str!("flame.js");

/// Width of a picture of one recording.
const ONE: f64 = 1200.0;
/// Width of a picture of two.
const TWO: f64 = 1600.0;
const MARGIN: f64 = 20.0;
/// Where the graphs begin.
const TOP: f64 = 118.0;
/// Height of a line of the list below.
const LINE: f64 = 20.0;
/// Letters of a name in that list.
const LISTED_LETTERS: usize = 100;

/// The picture of one recording.
pub fn draw(stacks: &Stacks) -> String {
    let graph = Graph::of(stacks, None);
    let bottom = TOP + ROW * graph.rows() as f64;
    let shares = stacks.shares();
    let rows = listed(&shares);
    let words = |share: &&FunctionShare| format!("{} {:.1} %", share.name, share.own_percent);
    let description = format!(
        "A flame graph of {}: each box is a function on the one that called it, as wide as its share. Itself took most: {}.",
        stacks.total_words(),
        rows.iter().take(5).map(words).collect::<Vec<_>>().join(", ")
    );
    let body = html! {
        (legend(&FunctionKind::ALL.map(|kind| (kind.class(), kind.words()))))
        (graph.draw(GraphPosition { left: MARGIN, bottom, width: ONE - 2.0 * MARGIN }, &stacks.title))
        (list(bottom + 34.0, ["itself", "with callees", ""], &rows.iter().map(|share| Listed {
            figures: [format!("{:.1} %", share.own_percent), format!("{:.1} %", share.total_percent), String::new()],
            name: &share.name,
        }).collect::<Vec<_>>()))
        (embedded::write(stacks))
    };
    let height = bottom + 34.0 + LINE * (rows.len() as f64 + 2.0);
    let heading = match stacks.sampled {
        Sampled::Cpu(_) => "Where the CPU time goes",
        Sampled::OffCpu => "What the threads wait in",
    };
    page(ONE, height, heading, &format!("{} · {}", stacks.title, stacks.total_words()), &description, &body)
}

/// The picture of two recordings, side by side.
pub fn compare(before: &Stacks, after: &Stacks) -> String {
    let (left, right) = (Graph::of(before, Some(after)), Graph::of(after, Some(before)));
    let width = (TWO - 3.0 * MARGIN) / 2.0;
    let bottom = TOP + 24.0 + ROW * left.rows().max(right.rows()) as f64;
    let changed = changes(before, after);
    let name = |word: &str, stacks: &Stacks| format!("{word}: {} · {}", stacks.title, stacks.total_words());
    let (first, second) = (name("before", before), name("after", after));
    let words: Vec<String> =
        changed.iter().take(5).map(|change| format!("{} {:+.1} points", change.name, change.points())).collect();
    let description =
        format!("Two flame graphs side by side. {first}. {second}. What changed most: {}.", words.join(", "));
    let body = html! {
        (legend(&[("more-strong", "share is larger here"), ("less-strong", "share is smaller here"), ("same", "the same within 1 point")]))
        text.half x=(MARGIN) y=(TOP + 12.0) { (first) }
        text.half x=(MARGIN * 2.0 + width) y=(TOP + 12.0) { (second) }
        (left.draw(GraphPosition { left: MARGIN, bottom, width }, &first))
        (right.draw(GraphPosition { left: MARGIN * 2.0 + width, bottom, width }, &second))
        (list(bottom + 34.0, ["before", "after", "points"], &changed.iter().map(|change| Listed {
            figures: [
                format!("{:.1} %", change.before_percent),
                format!("{:.1} %", change.after_percent),
                format!("{:+.1}", change.points()),
            ],
            name: &change.name,
        }).collect::<Vec<_>>()))
    };
    let height = bottom + 34.0 + LINE * (changed.len() as f64 + 2.0);
    page(TWO, height, "Before and after", "a function's own share of each recording stands below", &description, &body)
}

fn page(width: f64, height: f64, heading: &str, below: &str, description: &str, body: &Markup) -> String {
    // As wide as the window and as high as that asks for: without the style, a browser makes it as small as its window is low.
    let document = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}")) preserveAspectRatio="xMidYMin" lang="en"
            style=(format!("width:100%;height:auto;aspect-ratio:{width}/{height}"))
            role="graphics-document" aria-labelledby="flame-title flame-description" {
            title #flame-title { (heading) ": " (below) }
            desc #flame-description { (description) }
            style { (PreEscaped(STYLE)) }
            rect.ground width="100%" height="100%" {}
            text.heading x=(MARGIN) y="38" { (heading) }
            text.below x=(MARGIN) y="62" { (below) }
            foreignObject.search x=(width - MARGIN - 300.0) y="16" width="300" height="34" {
                input xmlns="http://www.w3.org/1999/xhtml" type="search" placeholder="search a function" aria-label="search a function";
            }
            text.found x=(width - MARGIN) y="68" role="status" {}
            (body)
            script { (PreEscaped(format!("//<![CDATA[\n{SCRIPT}//]]>"))) }
        }
    };
    // XML has no elements that need no end.
    document.into_string().replace("aria-label=\"search a function\">", "aria-label=\"search a function\"/>")
}

fn legend(entries: &[(&str, &str)]) -> Markup {
    let mut x = MARGIN;
    let mut places = Vec::new();
    for (class, words) in entries {
        places.push((x, class, words));
        x += 34.0 + 7.5 * words.chars().count() as f64;
    }
    html! {
        g.legend {
            @for (x, class, words) in places {
                rect class=(format!("swatch {class}")) x=(x) y="82" width="14" height="14" rx="3" {}
                text x=(x + 20.0) y="94" { (words) }
            }
        }
    }
}

/// A line of the list.
struct Listed<'a> {
    figures: [String; 3],
    name: &'a str,
}

/// The same in text: a heading, then a line a function.
fn list(top: f64, headings: [&str; 3], rows: &[Listed<'_>]) -> Markup {
    let column = |index: usize| MARGIN + 76.0 + 112.0 * index as f64;
    let columns = headings.iter().filter(|heading| !heading.is_empty()).count();
    html! {
        g.list {
            @for (index, heading) in headings.iter().enumerate() {
                text.head x=(column(index)) y=(top) text-anchor="end" { (heading) }
            }
            @for (line, row) in rows.iter().enumerate() {
                @let y = top + LINE * (line as f64 + 1.0);
                @for (index, figure) in row.figures.iter().enumerate() {
                    text x=(column(index)) y=(y) text-anchor="end" { (figure) }
                }
                text.name x=(column(columns - 1) + 24.0) y=(y) { (symbol::fitted(row.name, LISTED_LETTERS)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording() -> Stacks {
        let mut stacks = Stacks::parse("pool;work;<a as b>::fib;<a as b>::fib 3\npool;work;\"send\" & go 1\n").unwrap();
        stacks.title = "node1".into();
        stacks.sampled = Sampled::Cpu(Some(99));
        stacks
    }

    #[test]
    fn a_picture_can_be_read_again_and_asks_for_nothing() {
        let picture = draw(&recording());
        assert_eq!(super::embedded::read(&picture).unwrap(), recording());
        for word in ["https:", "url(", "@import", "<image", "src=", "innerHTML", "eval("] {
            assert!(!picture.contains(word), "{word}");
        }
        let addresses = picture.matches("http://").count();
        assert_eq!(addresses, picture.matches("http://www.w3.org/").count(), "names of namespaces only");
        assert!(
            picture.contains("Itself took most: &lt;a as b&gt;::fib 75.0 %, &quot;send&quot; &amp; go 25.0 %."),
            "{picture}"
        );
    }

    #[test]
    fn a_comparison_names_both() {
        let after = Stacks::parse("pool;work;fast 1\n").unwrap();
        let picture = compare(&recording(), &after);
        for words in ["before: node1", "+100.0", "-75.0", "less-strong", "more-strong"] {
            assert!(picture.contains(words), "{words}");
        }
        assert!(super::embedded::read(&picture).is_err());
    }

    /// Each element that is begun is ended, as XML asks; within the script nothing is.
    #[test]
    fn a_picture_is_well_formed() {
        for picture in [draw(&recording()), compare(&recording(), &recording())] {
            let (before, rest) = picture.split_once("<![CDATA[").unwrap();
            let (_, after) = rest.split_once("]]>").unwrap();
            let mut open: Vec<&str> = Vec::new();
            for tag in before.split('<').skip(1).chain(after.split('<').skip(1)) {
                let (tag, _) = tag.split_once('>').unwrap();
                if let Some(name) = tag.strip_prefix('/') {
                    assert_eq!(open.pop(), Some(name));
                } else if !tag.ends_with('/') {
                    open.push(tag.split_whitespace().next().unwrap());
                }
            }
            assert!(open.is_empty(), "{open:?}");
        }
    }
}
