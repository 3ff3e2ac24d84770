//! What a chart draws of made-up figures.

use super::*;

fn chart(points: Vec<(f64, f64)>, log: bool) -> Chart {
    let mut series = Series::new("a", Ink::Series(0), Stroke::Marked(Marker::Dot), points);
    series.ranges = series.points.iter().map(|&(x, y)| (x, y * 0.9, y * 1.1)).collect();
    series.band = series.ranges.clone();
    Chart {
        title: "t".into(),
        alternative: "a \"b\" < c".into(),
        x: "units".into(),
        y: "requests a second".into(),
        whole: true,
        log_x: false,
        log,
        series: vec![series],
        rules: vec![Rule { name: "here".into(), upright: true, at: 2.0 }],
    }
}

#[test]
fn draws_what_it_was_given() {
    let svg = chart(vec![(1.0, 10.0), (2.0, 20.0), (4.0, 35.0)], false).svg();
    assert_eq!(svg.matches("<circle").count(), 3);
    assert!(svg.starts_with("<svg viewBox") && svg.trim_end().ends_with("</svg>"));
    assert!(svg.contains("aria-label=\"a &quot;b&quot; &lt; c\"") && svg.contains("requests a second"));
    assert!(svg.contains(&Ink::Series(0).code()) && svg.contains("\nhere\n"), "{svg}");
}

#[test]
fn every_arm_has_a_colour_and_a_marker_of_its_own() {
    let mut codes: Vec<String> = Ink::all().map(Ink::code).collect();
    let all = codes.len();
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), all, "the style sheet tells inks by their colour");
    for number in 0..Ink::SERIES {
        let mut chart = chart(vec![(1.0, 10.0), (2.0, 20.0)], false);
        chart.series[0].ink = Ink::Series(number);
        chart.series[0].stroke = Stroke::Only(Marker::of(number));
        let svg = chart.svg();
        let marks = svg.matches(&Ink::Series(number).code()).count();
        // The band, two ranges, and a mark or two at each of two points.
        assert!(marks >= 5, "{number}: {marks} marks in {svg}");
    }
}

#[test]
fn odd_data_is_drawn_too() {
    for points in [
        vec![],
        vec![(1.0, 5.0)],
        vec![(1.0, 5.0), (2.0, 5.0)],
        vec![(1.0, 0.0), (2.0, 0.0)],
        vec![(1.0, 1.0), (2.0, f64::NAN)],
    ] {
        for log in [false, true] {
            assert!(chart(points.clone(), log).svg().contains("</svg>"), "{points:?}");
        }
    }
}

#[test]
fn ticks_are_short() {
    assert_eq!(["0", "0.5", "12", "1500"], [0.0, 0.5, 12.0, 1500.0].map(tick).each_ref().map(String::as_str));
}
