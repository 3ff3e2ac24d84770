//! Which share of the answers was older than one that had been seen before: the price of a cache, in words.

use super::Report;
use super::analysis::Point;
use super::spanish::label;
use crate::design::{Text, both};
use crate::results::arm::Scale;
use crate::results::load::VersionsOutcome;
use crate::results::number::percent;

/// Whether one of these points gave stale answers.
pub fn any<'a>(points: impl IntoIterator<Item = &'a Point>) -> bool {
    points.into_iter().any(|point| point.versions.is_some_and(|versions| versions.stale > 0))
}

/// For the headline. `None` where no answer was old, or none told its version.
pub fn sentence(report: &Report, scale: &Scale) -> Option<Text> {
    let points = report.points.iter().filter(|point| point.key.scale == *scale);
    if !any(points.clone()) {
        return None;
    }
    let told: Vec<(Text, VersionsOutcome)> =
        points.filter_map(|point| Some((label(&report.manifest.plan, &point.key.arm), point.versions?))).collect();
    let part = |(arm, versions): &(Text, VersionsOutcome)| {
        both!("{share} with {arm}", "{share} con {arm}", share = share(*versions), arm)
    };
    Some(both!(
        "So many answers were older than one seen before: {parts}.",
        "Tantas respuestas eran más viejas que una ya vista: {parts}.",
        parts = Text::list(told.iter().map(part))
    ))
}

fn share(versions: VersionsOutcome) -> Text {
    match versions.stale {
        0 => Text::new("none", "ninguna"),
        _ => Text::figure(format!("{} %", percent(versions.stale_percent()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn stale_answers_are_a_figure_of_the_headline() {
        let mut results = sample::results();
        assert_eq!(sentence(&Report::of(&results, None).unwrap(), &4.into()), None);
        for run in results.runs.iter_mut() {
            let stale = if run.point.arm == "vertical" { 0 } else { 27 };
            run.load.versions = Some(VersionsOutcome { answers: 100, stale });
        }
        let report = Report::of(&results, None).unwrap();
        let sentence = sentence(&report, &4.into()).unwrap();
        let words =
            "So many answers were older than one seen before: none with one big node and 27 % with many small nodes.";
        assert_eq!(sentence.en(), words);
        assert!(sentence.es().contains("ninguna con un nodo grande"), "{}", sentence.es());
        assert!(report.headline.en().contains(words), "{}", report.headline.en());
        let json = serde_json::to_value(&report).unwrap();
        assert!(json["points"].as_array().unwrap().iter().any(|point| point["versions"]["stale"].as_u64() > Some(0)));
    }
}
