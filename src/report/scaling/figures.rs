//! The charts of a load that changes: the load with what the ready units hold, the units, and the response time.

use super::timeline::Second;
use super::{Followed, FollowedArm};
use crate::report::charts::{Chart, Ink, Rule, Series, Stroke};
use crate::results::number::{plain, short};
use crate::results::objective::Objective;

/// The charts of one arm, to be read from top to bottom on one clock.
pub fn charts(followed: &Followed, arm: &FollowedArm, objective: Objective) -> Vec<Chart> {
    let mut charts = vec![load(arm)];
    if !arm.fixed {
        charts.push(units(arm));
        charts.extend(machines(arm));
    }
    charts.push(response(followed, arm, objective));
    charts
}

const SECONDS: &str = "seconds";

fn points(arm: &FollowedArm, of: impl Fn(&Second) -> Option<f64>) -> Vec<(f64, f64)> {
    arm.timeline.iter().filter_map(|second| Some((second.at, of(second)?))).collect()
}

/// A curve that holds from each second to the next.
fn stairs(arm: &FollowedArm, of: impl Fn(&Second) -> f64) -> Vec<(f64, f64)> {
    let mut stairs: Vec<(f64, f64)> = Vec::new();
    for second in &arm.timeline {
        let value = of(second);
        match stairs.last() {
            Some(&(_, last)) if last == value => {}
            Some(&(_, last)) => stairs.extend([(second.at, last), (second.at, value)]),
            None => stairs.push((second.at, value)),
        }
    }
    if let (Some(&(_, last)), Some(second)) = (stairs.last(), arm.timeline.last()) {
        stairs.push((second.at + 1.0, last));
    }
    stairs
}

fn load(arm: &FollowedArm) -> Chart {
    let short = arm.timeline.iter().filter(|second| second.capacity < second.offered as f64).count();
    let highest = arm.timeline.iter().map(|second| second.offered).max().unwrap_or(0);
    Chart {
        title: format!(
            "{}: in {short} of {} s the load was above what the ready units hold",
            arm.label,
            arm.timeline.len()
        ),
        alternative: format!(
            "Requests a second over time, {}: the load rises to {highest} a second; the ready units hold less in {short} seconds.",
            arm.label
        ),
        x: SECONDS.into(),
        y: "requests a second".into(),
        whole: true,
        log_x: false,
        log: false,
        series: vec![
            Series::new("load", Ink::Series(0), Stroke::Solid, points(arm, |second| Some(second.offered as f64))),
            Series::new(
                "what the ready units hold within the objective",
                Ink::Series(1),
                Stroke::Dashed,
                stairs(arm, |second| second.capacity),
            ),
        ],
        rules: Vec::new(),
        ..Chart::default()
    }
}

fn units(arm: &FollowedArm) -> Chart {
    let paid = stairs(arm, |second| f64::from(second.supply.paid()));
    let mut ready =
        Series::new("ready", Ink::Series(2), Stroke::Solid, stairs(arm, |second| f64::from(second.supply.ready)));
    ready.band =
        stairs(arm, |second| f64::from(second.supply.ready)).iter().map(|&(at, units)| (at, 0.0, units)).collect();
    Chart {
        title: format!(
            "{}: {} changes of size, {} unit-seconds paid",
            arm.label,
            short(arm.changes),
            plain(arm.unit_seconds)
        ),
        alternative: format!(
            "Units over time, {}: needed, wanted, ready, and paid with those that start or drain.",
            arm.label
        ),
        x: SECONDS.into(),
        y: "units".into(),
        whole: true,
        log_x: false,
        log: false,
        series: vec![
            ready,
            Series::new("needed", Ink::Mark, Stroke::Dashed, stairs(arm, |second| f64::from(second.needed))),
            Series::new("wanted", Ink::Series(0), Stroke::Dashed, stairs(arm, |second| f64::from(second.wanted))),
            Series::new("paid: ready, starting and draining", Ink::Series(1), Stroke::Solid, paid),
        ],
        rules: Vec::new(),
        ..Chart::default()
    }
}

/// The machines under the nodes. `None` where none are counted.
fn machines(arm: &FollowedArm) -> Option<Chart> {
    arm.timeline.iter().find(|second| second.supply.machines.is_some())?;
    let of = |second: &Second| second.supply.machines.map_or((0, 0), |machines| (machines.ready, machines.booting));
    let ordered = stairs(arm, |second| f64::from(of(second).0 + of(second).1));
    let most = ordered.iter().map(|point| point.1).fold(0.0, f64::max);
    Some(Chart {
        title: format!("{}: up to {} machines", arm.label, short(most)),
        alternative: format!(
            "Machines over time, {}: those ordered, those that have booted, and nodes for which none has room.",
            arm.label
        ),
        x: SECONDS.into(),
        y: "machines, and nodes without room".into(),
        whole: true,
        log_x: false,
        log: false,
        series: vec![
            Series::new("ready", Ink::Series(2), Stroke::Solid, stairs(arm, |second| f64::from(of(second).0))),
            Series::new("ready and booting", Ink::Series(1), Stroke::Dashed, ordered),
            Series::new(
                "nodes without room on a machine",
                Ink::Series(3),
                Stroke::Solid,
                stairs(arm, |second| f64::from(second.supply.waiting)),
            ),
        ],
        rules: Vec::new(),
        ..Chart::default()
    })
}

fn response(followed: &Followed, arm: &FollowedArm, objective: Objective) -> Chart {
    let outside: Vec<&Second> = arm.timeline.iter().filter(|second| second.is_outside()).collect();
    // All arms on one scale, so that they can be compared at a glance.
    let all = followed.arms.iter().flat_map(|arm| &arm.timeline).filter_map(|second| second.milliseconds);
    let highest = all.fold(objective.milliseconds, f64::max);
    let missed = outside.iter().map(|second| (second.at, second.milliseconds.unwrap_or(highest))).collect();
    let figure = points(arm, |second| second.milliseconds);
    Chart {
        title: format!(
            "{}: {} of {} s outside the objective {objective}",
            arm.label,
            outside.len(),
            arm.timeline.len()
        ),
        alternative: format!(
            "Response time over time, log scale, {}: {} seconds outside the objective.",
            arm.label,
            outside.len()
        ),
        x: SECONDS.into(),
        y: format!("{} of each second, ms", objective.figure.name()),
        whole: true,
        log_x: false,
        log: true,
        series: vec![
            Series::new(objective.figure.name(), Ink::Series(0), Stroke::Solid, figure),
            Series::new(
                "outside the objective",
                Ink::Series(1),
                Stroke::Only(crate::report::charts::Marker::Cross),
                missed,
            ),
        ],
        rules: vec![Rule { name: objective.to_string(), upright: false, at: objective.milliseconds }],
        ..Chart::default()
    }
}
