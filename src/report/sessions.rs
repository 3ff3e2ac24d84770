//! What the death of a node did to the users' sessions, in words.

use super::Report;
use super::analysis::DeathResult;
use super::spanish::label;
use crate::design::{Text, both};
use crate::results::arm::Scale;
use crate::results::load::SessionsOutcome;
use crate::results::number::percent;

/// For the headline: which share of the users lost their session with each arm, and what arithmetic says. `None` where no users
/// had sessions when a node died.
pub fn sentence(report: &Report, scale: &Scale) -> Option<Text> {
    let points = report.points.iter().filter(|point| point.key.scale == *scale);
    let died: Vec<(Text, &DeathResult, SessionsOutcome)> = points
        .filter_map(|point| {
            let death = point.death.as_ref().filter(|death| death.valid)?;
            Some((label(&report.manifest.plan, &point.key.arm), death, death.sessions?))
        })
        .collect();
    let (_, first, _) = died.first()?;
    let part = |(arm, _, sessions): &(Text, &DeathResult, SessionsOutcome)| {
        both!("{share} with {arm}", "{share} con {arm}", share = share(*sessions), arm)
    };
    let sentence = both!(
        "When a node dies, so many users lose their session: {parts}.",
        "Cuando muere un nodo, pierden su sesión tantos usuarios: {parts}.",
        parts = Text::list(died.iter().map(part))
    );
    let same = first.nodes > 1 && died.iter().all(|(_, death, _)| death.nodes == first.nodes);
    let arithmetic = same.then(|| {
        both!(
            "One of {nodes} nodes has {share} % of the users.",
            "Uno de {nodes} nodos tiene el {share} % de los usuarios.",
            nodes = first.nodes,
            share = percent(100.0 / first.nodes as f64)
        )
    });
    Some(Text::join(std::iter::once(sentence).chain(arithmetic), " "))
}

fn share(sessions: SessionsOutcome) -> Text {
    match sessions.users_that_lost {
        0 => Text::new("none", "ninguno"),
        _ => Text::figure(format!("{} %", percent(sessions.lost_percent()))),
    }
}

/// A part of the sentence about one death, behind the requests that fail; empty where users had no sessions.
pub fn lost(death: &DeathResult) -> Text {
    let Some(SessionsOutcome { users, users_that_lost, lost_total }) = death.sessions else { return Text::default() };
    match users_that_lost {
        0 => both!(
            ", none of the {users} users loses a session",
            ", ninguno de los {users} usuarios pierde su sesión",
            users
        ),
        // More often than once each: a session is lost again at every request that another node answers.
        lost if lost_total > lost => both!(
            ", {lost} of {users} users lose their session, {lost_total} times in all",
            ", {lost} de {users} usuarios pierden su sesión, {lost_total} veces en total",
            lost,
            users,
            lost_total
        ),
        lost => both!(
            ", {lost} of {users} users lose their session",
            ", {lost} de {users} usuarios pierden su sesión",
            lost,
            users
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::report::sample;
    use crate::results::folder::Results;
    use crate::results::load::ErrorKind;

    /// The sample, with users: of 64 the big node loses all, the small ones a quarter.
    fn results() -> Results {
        let mut results = sample::results();
        for run in results.runs.iter_mut().filter(|run| run.killed.is_some()) {
            let lost = if run.point.arm == "vertical" { 64 } else { 16 };
            run.load.sessions = Some(SessionsOutcome { users: 64, users_that_lost: lost, lost_total: lost });
            run.load.requests_total = 1_000;
            run.load.requests_ok = 990 - lost;
            run.load.errors = BTreeMap::from([(ErrorKind::Reset, 10), (ErrorKind::SessionLost, lost)]);
        }
        results
    }

    #[test]
    fn lost_sessions_are_a_figure_beside_failed_requests() {
        let report = Report::of(&results(), None).unwrap();
        let deaths: Vec<&DeathResult> = report.points.iter().filter_map(|point| point.death.as_ref()).collect();
        assert_eq!(deaths.iter().map(|death| death.failed).collect::<Vec<_>>(), [10, 10]);
        let words = "When a node dies, so many users lose their session: 100 % with one big node and 25 % with many small nodes.";
        let sentence = sentence(&report, &4.into()).unwrap();
        assert_eq!(sentence.en(), words);
        assert!(
            sentence.es().ends_with("100 % con un nodo grande y 25 % con muchos nodos pequeños."),
            "{}",
            sentence.es()
        );
        assert!(
            report.headline.en().contains(words) && report.verdict.en().contains("16 of 64 users lose their session")
        );
        let text = crate::report::findings::text(&report);
        assert!(text.contains("lost users") && text.contains("16 of 64"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["points"][5]["death"]["sessions"]["users_that_lost"], 16);
    }

    #[test]
    fn nodes_of_the_same_number_have_a_share_by_arithmetic() {
        let mut results = results();
        results.runs.retain(|run| run.point.arm == "horizontal");
        let report = Report::of(&results, None).unwrap();
        let words = "25 % with many small nodes. One of 4 nodes has 25 % of the users.";
        assert!(sentence(&report, &4.into()).unwrap().en().ends_with(words));
    }

    #[test]
    fn without_users_nothing_is_said_of_sessions() {
        let report = Report::of(&sample::results(), None).unwrap();
        assert_eq!(sentence(&report, &4.into()), None);
        assert!(!report.headline.en().contains("session"), "{:?}", report.headline);
    }
}
