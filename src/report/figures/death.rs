//! The death of a node second by second: what its CPU did, and that of the others.

use crate::design::{Text, both};
use crate::report::analysis::{DeathResult, Point};
use crate::report::charts::{Chart, Ink, ReferenceLine, Series, Stroke};
use crate::report::words;
use crate::results::number::percent;
use crate::results::run::Run;

/// Samples that lie closer to each other than this, in seconds, are taken together: a CPU clock is read at moments that differ.
const STEP_SECONDS: f64 = 0.45;

/// CPU of each node over the run in which one was killed, from the begin of the measured window. `None` where no node was killed,
/// or nothing was sampled meanwhile.
pub fn death(runs: &[Run], point: &Point) -> Option<Chart> {
    let death = point.death.as_ref()?;
    let run = runs.iter().rfind(|run| run.point == point.key && run.killed.is_some())?;
    let lines: Vec<(bool, Series)> = run
        .nodes
        .iter()
        .enumerate()
        .map(|(at, node)| {
            let dead = node.name == death.node;
            let name = Text::name(&node.name);
            let name = if dead { both!("{name}, which dies", "{name}, que muere", name) } else { name };
            let stroke = if dead { Stroke::Dashed } else { Stroke::Solid };
            (dead, Series::new(name, Ink::Series(at), stroke, cpu(run, at)))
        })
        .collect();
    if lines.iter().all(|(_, series)| series.points.len() < 2) {
        return None;
    }
    let others = others(&lines, death);
    let node = Text::name(&death.node);
    let place = words::place(&point.key);
    Some(Chart {
        title: both!(
            "{place}: {node} dies after {time} s, and {failed} of {requests} requests fail{others}",
            "{place}: {node} muere a los {time} s, y fallan {failed} de {requests} peticiones{others}",
            place,
            node,
            time = format!("{:.1}", death.at_seconds),
            failed = death.failed,
            requests = death.requests,
            others
        ),
        alternative: both!(
            "CPU of each node over time, {place}, in percent of its quota; {node} is killed after {time} s{others}.",
            "CPU de cada nodo a lo largo del tiempo, {place}, en porcentaje de su cuota; {node} muere a los {time} s{others}.",
            place,
            node,
            time = format!("{:.1}", death.at_seconds),
            others
        ),
        x: Text::new("seconds", "segundos"),
        y: Text::new("CPU, % of the node's quota", "CPU, % de la cuota del nodo"),
        whole: true,
        series: lines.into_iter().map(|(_, series)| series).collect(),
        rules: vec![ReferenceLine {
            name: both!("{node} dies", "muere {node}", node),
            upright: true,
            at: death.at_seconds,
        }],
        ..Chart::default()
    })
}

/// Percent of its quota (without one, of a core) that the node at this place used, in the middle of each step.
fn cpu(run: &Run, at: usize) -> Vec<(f64, f64)> {
    let quota = run.nodes[at].quota_cores.filter(|quota| *quota > 0.0).unwrap_or(1.0);
    let told = run.samples.iter().filter_map(|sample| Some((sample.t_seconds, sample.nodes.get(at)?.cpu_seconds?)));
    let begin = run.load.warmup_seconds;
    let mut points = Vec::new();
    let mut before: Option<(f64, f64)> = None;
    for (now, used) in told {
        let Some((then, less)) = before else {
            before = Some((now, used));
            continue;
        };
        if now - then >= STEP_SECONDS {
            points.push(((now + then) / 2.0 - begin, 100.0 * (used - less).max(0.0) / (now - then) / quota));
            before = Some((now, used));
        }
    }
    points.retain(|(at, _)| *at >= 0.0);
    points
}

/// What the death did to the nodes that are left, as a part of a sentence.
fn others(lines: &[(bool, Series)], death: &DeathResult) -> Text {
    let of_others = || lines.iter().filter(|(dead, _)| !dead).flat_map(|(_, series)| &series.points);
    let mean = |fits: &dyn Fn(f64) -> bool| {
        let values: Vec<f64> = of_others().filter(|(at, _)| fits(*at)).map(|(_, used)| *used).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let (before, after) = (mean(&|at| at < death.at_seconds), mean(&|at| at > death.at_seconds + 1.0));
    before.zip(after).map_or_else(Text::default, |(before, after)| {
        both!(
            "; the CPU of the others goes from {before} to {after} % of their quota",
            "; la CPU de los demás pasa del {before} al {after} % de su cuota",
            before = percent(before),
            after = percent(after)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Report, sample};
    use crate::results::run::{NodeSample, RunSample};

    #[test]
    fn the_others_take_over_what_the_dead_node_did() {
        let mut results = sample::results();
        for run in results.runs.iter_mut().filter(|run| run.killed.is_some()) {
            run.load.warmup_seconds = 1.0;
            let nodes = run.nodes.len();
            // A quota of a quarter core each: 40 %, and from the death on 60 % of the others.
            let used = |at: usize, t: f64| {
                let (until, beyond) = (t.min(2.5), (t - 2.5).max(0.0));
                0.25 * (0.4 * until + if at + 1 == nodes { 0.0 } else { 0.6 * beyond })
            };
            run.samples = (0..=14)
                .map(|step| f64::from(step) * 0.5)
                .map(|t| RunSample {
                    t_seconds: t,
                    nodes: (0..nodes).map(|at| NodeSample { cpu_seconds: Some(used(at, t)), stats: None }).collect(),
                    ..RunSample::default()
                })
                .collect();
        }
        let report = Report::of(&results, None).unwrap();
        let many = report.points.iter().rfind(|point| point.key.arm == "horizontal").unwrap();
        let chart = death(&results.runs, many).unwrap();
        assert_eq!((chart.series.len(), chart.rules[0].at), (4, 1.5));
        assert!(
            chart.title.en().ends_with("the CPU of the others goes from 40 to 60 % of their quota"),
            "{:?}",
            chart.title
        );
        assert!(chart.title.es().ends_with("la CPU de los demás pasa del 40 al 60 % de su cuota"));
        let dead = &chart.series[3];
        assert!(dead.name.en().contains("dies") && dead.points.last().unwrap().1.abs() < 1e-9, "{dead:?}");
        // Of the one big node nothing is left, and of no others is spoken.
        let one = report.points.iter().rfind(|point| point.key.arm == "vertical").unwrap();
        assert!(!death(&results.runs, one).unwrap().title.en().contains("others"));
        let mut silent = results.runs.clone();
        silent.iter_mut().for_each(|run| run.samples.clear());
        assert_eq!(death(&silent, many), None);
    }
}
