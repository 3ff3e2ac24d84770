//! What a chart draws of made-up figures.

use super::*;

fn chart(points: Vec<(f64, f64)>, log: bool) -> Chart {
    let mut series = Series::new(Text::name("a"), Ink::Series(0), Stroke::Marked(Marker::Dot), points);
    series.ranges = series.points.iter().map(|&(x, y)| (x, y * 0.9, y * 1.1)).collect();
    series.band = series.ranges.clone();
    Chart {
        title: Text::name("t"),
        alternative: Text::name("a \"b\" < c"),
        x: Text::new("units", "unidades"),
        y: Text::new("requests a second", "peticiones por segundo"),
        whole: true,
        log,
        series: vec![series],
        rules: vec![ReferenceLine { name: Text::name("here <"), upright: true, at: 2.0 }],
        ..Chart::default()
    }
}

#[test]
fn draws_what_it_was_given() {
    let svg = chart(vec![(1.0, 10.0), (2.0, 20.0), (4.0, 35.0)], false).svg("name");
    assert_eq!(svg.matches("<circle").count(), 3);
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>") && svg.contains("aria-labelledby=\"name\""));
    assert!(svg.contains("requests a second") && svg.contains("peticiones por segundo"), "{svg}");
    assert!(svg.contains("here &lt;") && svg.contains("class=\"i-series-1\""), "{svg}");
    assert!(!svg.contains("<a "), "no links without runs");
}

#[test]
fn a_point_leads_to_its_runs_and_tells_its_value() {
    let mut chart = chart(vec![(1.0, 10.0), (2.0, 20.0)], false);
    let note = |point| PointNote { value: Text::figure("1.5/s"), detail: Text::name("6 blocks"), point };
    chart.series[0].notes = vec![note(Some(7)), note(None)];
    let svg = chart.svg("name");
    assert!(svg.contains("href=\"#runs-7\"") && svg.matches("<a ").count() == 1, "{svg}");
    let readings = chart.readings();
    let points = readings[0][2].as_array().unwrap();
    assert_eq!(
        points[0].as_array().unwrap()[1..],
        [json!("1"), json!(["1.5/s", "1,5/s"]), json!("6 blocks"), json!(7)]
    );
    assert_eq!(points.len(), 2);
}

#[test]
fn series_of_one_arm_are_one_group() {
    let mut chart = chart(vec![(1.0, 10.0)], false);
    let series = |arm: &str, what: &str, ink| {
        Series::of(arm, &Text::name(what), Ink::Series(ink), Stroke::Solid, vec![(1.0, 1.0)])
    };
    let alone = Series::new(Text::name("z"), Ink::Series(1), Stroke::Solid, vec![(1.0, 1.0)]);
    chart.series = vec![series("x", "99 %", 0), series("y", "99 %", 1), series("x", "half", 0), alone];
    assert_eq!((0..4).map(|number| chart.group(number)).collect::<Vec<_>>(), [0, 1, 0, 3]);
}

#[test]
fn every_arm_has_a_colour_and_a_marker_of_its_own() {
    for number in 0..Ink::SERIES {
        let mut chart = chart(vec![(1.0, 10.0), (2.0, 20.0)], false);
        chart.series[0].ink = Ink::Series(number);
        chart.series[0].stroke = Stroke::Only(Marker::of(number));
        let svg = chart.svg("name");
        assert!(svg.contains(&format!("class=\"i-series-{}\"", number + 1)), "{svg}");
        assert_eq!(svg.matches("class=\"mark").count(), 2, "{number}: {svg}");
    }
}

#[test]
fn the_values_at_the_axis_have_room_left_of_it() {
    let left = |highest: f64| {
        let svg = chart(vec![(1.0, 0.0), (2.0, highest)], false).svg("name");
        let (_, after) = svg.split_once("class=\"axis\" d=\"M").unwrap();
        after.split_once(' ').unwrap().0.parse::<f64>().unwrap()
    };
    assert_eq!(left(90.0), left(900.0));
    assert!(left(900.0) < left(90_000.0) && left(90_000.0) < left(900_000.0));
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
            let svg = chart(points.clone(), log).svg("name");
            assert!(svg.ends_with("</svg>") && !svg.contains("NaN") && !svg.contains("inf"), "{points:?}: {svg}");
        }
    }
}

#[test]
fn ticks_are_short_and_percentiles_are_written_as_such() {
    assert_eq!(
        ["0", "0.5", "12", "1500", "5e-6", "1.5e-5"],
        [0.0, 0.5, 12.0, 1500.0, 5e-6, 1.5e-5].map(tick).each_ref().map(String::as_str)
    );
    assert_eq!([1.0, 10.0, 100.0, 1000.0].map(percentile), ["0 %", "90 %", "99 %", "99.9 %"]);
}
