//! The charts of a load that changes: the load with what the ready units hold, the units, and the response time.

use super::timeline::Second;
use super::{Followed, FollowedArm};
use crate::design::{Text, both};
use crate::report::charts::{Chart, Ink, Marker, ReferenceLine, Series, Stroke};
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

fn seconds() -> Text {
    Text::new("seconds", "segundos")
}

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
        title: both!(
            "{arm}: in {short} of {all} s the load was above what the ready units hold",
            "{arm}: en {short} de {all} s la carga superó lo que soportan las unidades listas",
            short,
            all = arm.timeline.len(),
            arm = arm.label
        ),
        alternative: both!(
            "Requests a second over time, {arm}: the load rises to {highest} a second; the ready units hold less in {short} seconds.",
            "Peticiones por segundo a lo largo del tiempo, {arm}: la carga sube hasta {highest} por segundo; las unidades listas soportan menos en {short} segundos.",
            highest,
            short,
            arm = arm.label
        ),
        x: seconds(),
        y: Text::new("requests a second", "peticiones por segundo"),
        whole: true,
        series: vec![
            Series::new(
                Text::new("load", "carga"),
                Ink::Series(0),
                Stroke::Solid,
                points(arm, |second| Some(second.offered as f64)),
            ),
            Series::new(
                Text::new(
                    "what the ready units hold within the objective",
                    "lo que soportan las unidades listas dentro del objetivo",
                ),
                Ink::Series(1),
                Stroke::Dashed,
                stairs(arm, |second| second.capacity),
            ),
        ],
        ..Chart::default()
    }
}

fn units(arm: &FollowedArm) -> Chart {
    let count = |name: Text, ink, stroke, of: fn(&Second) -> u32| {
        Series::new(name, ink, stroke, stairs(arm, |second| f64::from(of(second))))
    };
    let mut ready = count(Text::new("ready", "listas"), Ink::Series(2), Stroke::Solid, |second| second.supply.ready);
    ready.band = ready.points.iter().map(|&(at, units)| (at, 0.0, units)).collect();
    let paid = Text::new("paid: ready, starting and draining", "pagadas: listas, arrancando y drenando");
    Chart {
        title: both!(
            "{arm}: {changes} changes of size, {paid} unit-seconds paid",
            "{arm}: {changes} cambios de tamaño, {paid} unidades·segundo pagadas",
            changes = short(arm.changes),
            paid = plain(arm.unit_seconds),
            arm = arm.label
        ),
        alternative: both!(
            "Units over time, {arm}: needed, wanted, ready, and paid with those that start or drain.",
            "Unidades a lo largo del tiempo, {arm}: necesarias, pedidas, listas, y pagadas junto con las que arrancan o se drenan.",
            arm = arm.label
        ),
        x: seconds(),
        y: Text::new("units", "unidades"),
        whole: true,
        series: vec![
            ready,
            count(Text::new("needed", "necesarias"), Ink::Mark, Stroke::Dashed, |second| second.needed),
            count(Text::new("wanted", "pedidas"), Ink::Series(0), Stroke::Dashed, |second| second.wanted),
            count(paid, Ink::Series(1), Stroke::Solid, |second| second.supply.paid()),
        ],
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
        title: both!(
            "{arm}: up to {most} machines",
            "{arm}: hasta {most} máquinas",
            most = short(most),
            arm = arm.label
        ),
        alternative: both!(
            "Machines over time, {arm}: those ordered, those that have booted, and nodes for which none has room.",
            "Máquinas a lo largo del tiempo, {arm}: las pedidas, las que ya arrancaron, y los nodos que no tienen lugar en ninguna.",
            arm = arm.label
        ),
        x: seconds(),
        y: Text::new("machines, and nodes without room", "máquinas, y nodos sin lugar"),
        whole: true,
        series: vec![
            Series::new(
                Text::new("ready", "listas"),
                Ink::Series(2),
                Stroke::Solid,
                stairs(arm, |second| f64::from(of(second).0)),
            ),
            Series::new(Text::new("ready and booting", "listas y arrancando"), Ink::Series(1), Stroke::Dashed, ordered),
            Series::new(
                Text::new("nodes without room on a machine", "nodos sin lugar en una máquina"),
                Ink::Series(3),
                Stroke::Solid,
                stairs(arm, |second| f64::from(second.supply.waiting)),
            ),
        ],
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
    let name = Text::name(objective.figure.name());
    let missing = Text::new("outside the objective", "fuera del objetivo");
    Chart {
        title: both!(
            "{arm}: {outside} of {all} s outside the objective {objective}",
            "{arm}: {outside} de {all} s fuera del objetivo {objective}",
            outside = outside.len(),
            all = arm.timeline.len(),
            objective = objective.to_string(),
            arm = arm.label
        ),
        alternative: both!(
            "Response time over time, log scale, {arm}: {outside} seconds outside the objective.",
            "Tiempo de respuesta a lo largo del tiempo, escala logarítmica, {arm}: {outside} segundos fuera del objetivo.",
            outside = outside.len(),
            arm = arm.label
        ),
        x: seconds(),
        y: both!("{name} of each second, ms", "{name} de cada segundo, ms", name),
        whole: true,
        log: true,
        series: vec![
            Series::new(name, Ink::Series(0), Stroke::Solid, figure),
            Series::new(missing, Ink::Series(1), Stroke::Only(Marker::Cross), missed),
        ],
        rules: vec![ReferenceLine {
            name: Text::figure(objective.to_string()),
            upright: false,
            at: objective.milliseconds,
        }],
        ..Chart::default()
    }
}
