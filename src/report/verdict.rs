//! The findings in one paragraph of plain words, made from the figures alone.

use super::Report;
use super::analysis::Point;
use super::comparison::{OneDead, Pair, SameLoad};
use super::topology::Topology;
use crate::results::number::{counted, milliseconds, or_dash, percent, plain, significant};

/// A loss of goodput up to this share, in percent, is no reason to choose the other way.
const MATTERS_PERCENT: f64 = 5.0;

/// The verdict: who did how much, what stopped it, how fast it answered, what a death and a request cost.
pub fn paragraph(report: &Report) -> String {
    let mut sentences = Vec::new();
    if let Some(incomplete) = &report.incomplete {
        sentences.push(format!("This bench is {incomplete}."));
    }
    match report.pairs.last() {
        Some(pair) => {
            sentences.push(ceilings(report, pair));
            sentences.extend(stopped(report, pair.units));
            sentences.extend(growth(report));
            sentences.extend(pair.same_load.as_ref().map(latencies));
            sentences.extend(objectives(report, pair.units));
            sentences.push(one_dead(&pair.one_dead, pair.units));
        }
        None => sentences.extend(report.points.last().map(alone)),
    }
    if let Some(cost) = &report.cost {
        sentences.push(format!("At the prices given, {}", lower_first(&cost.break_even.sentence())));
    }
    if !report.valid {
        sentences.push("Not every point is valid: its figures are no ceilings.".to_owned());
    }
    sentences.join(" ")
}

fn ceilings(report: &Report, pair: &Pair) -> String {
    let quota =
        report.points.iter().rev().find(|point| point.units() == pair.units).and_then(|point| point.quota_cores);
    let units = counted(pair.units, "unit");
    let cores = quota.map_or_else(String::new, |cores| format!(" ({} cores)", significant(cores, 2)));
    let small = counted(pair.units, "small node");
    let (vertical, horizontal) = (plain(pair.vertical_per_second), plain(pair.horizontal_per_second));
    let balancer = &report.manifest.plan.balancer;
    let way = if pair.difference_percent > 0.0 { "more" } else { "less" };
    let difference = match (pair.distinct, measured_once(pair)) {
        (true, _) => format!("{:.0} % {way}", pair.difference_percent.abs()),
        (false, true) => format!("{:.0} % {way}, measured once", pair.difference_percent.abs()),
        (false, false) => "no difference beyond chance".to_owned(),
    };
    let mut words = format!(
        "With {units} of CPU{cores}, one big node answered {vertical} requests a second, and {small} behind {balancer} {horizontal}: {difference}"
    );
    if let Some(because) = &pair.because {
        words += &format!(" ({because})");
    }
    words + "."
}

fn measured_once(pair: &Pair) -> bool {
    pair.ratio.is_some_and(|ratio| ratio.interval_95.is_none())
}

fn stopped(report: &Report, units: u32) -> Option<String> {
    let of = |topology| report.of_topology(topology).find(|point| point.units() == units);
    let (vertical, horizontal) = (of(Topology::Vertical)?, of(Topology::Horizontal)?);
    Some(if vertical.binding.resource == horizontal.binding.resource {
        format!("Both were stopped by {}: {}.", name(&horizontal.binding.resource), horizontal.binding.evidence)
    } else {
        format!(
            "The big node was stopped by {} ({}), the small ones by {} ({}).",
            name(&vertical.binding.resource),
            vertical.binding.evidence,
            name(&horizontal.binding.resource),
            horizontal.binding.evidence
        )
    })
}

/// A resource as one says it.
fn name(resource: &str) -> &str {
    match resource {
        "cpu" => "the CPU",
        "cpu-quota" => "the CPU quota",
        "io" => "the disk",
        "memory" => "memory",
        "network" => "the network",
        "pool" => "the pool of threads",
        "balancer" => "the balancer",
        "generator" => "the load generator, so this is no ceiling",
        "none" => "nothing that was seen",
        other => other,
    }
}

fn growth(report: &Report) -> Option<String> {
    let of = |topology| {
        let points: Vec<&Point> = report.of_topology(topology).collect();
        let (first, last) = (points.first()?, points.last()?);
        let growth = last.ceiling_per_second.median / first.ceiling_per_second.median;
        (last.units() > first.units()).then_some((first.units(), last.units(), growth))
    };
    let ((first, last, vertical), (_, _, horizontal)) = (of(Topology::Vertical)?, of(Topology::Horizontal)?);
    Some(format!(
        "From {first} to {last} units, the big node grew {vertical:.1}-fold, the small ones {horizontal:.1}-fold."
    ))
}

fn latencies(same: &SameLoad) -> String {
    format!(
        "At the same load of {} requests a second, half of the answers came within {} ms from the big node and {} ms from the small ones, 99 % within {} and {} ms.",
        plain(same.rate_per_second),
        or_dash(same.vertical_p50_milliseconds, milliseconds),
        or_dash(same.horizontal_p50_milliseconds, milliseconds),
        or_dash(same.vertical_p99_milliseconds, milliseconds),
        or_dash(same.horizontal_p99_milliseconds, milliseconds),
    )
}

fn objectives(report: &Report, units: u32) -> Option<String> {
    let of = |topology| report.of_topology(topology).find(|point| point.units() == units && !point.latency.is_empty());
    let (vertical, horizontal) = (of(Topology::Vertical)?, of(Topology::Horizontal)?);
    let objective = report.manifest.plan.objective;
    Some(format!(
        "The objective {objective} held {} for the big node and {} for the small ones.",
        kept(vertical),
        kept(horizontal)
    ))
}

/// Up to which rate the objective held.
fn kept(point: &Point) -> String {
    let limit = &point.objective;
    match (limit.last_success_per_second, limit.first_failure_per_second) {
        (Some(success), Some(failure)) => format!("up to {}/s and not at {}/s", plain(success), plain(failure)),
        (Some(success), None) => format!("up to {}/s at least (a lower bound)", plain(success)),
        (None, _) => "at no rate that was tried".to_owned(),
    }
}

fn one_dead(dead: &OneDead, units: u32) -> String {
    let arithmetic = format!(
        "A dead node takes all of the one, and {} % of {units}: {}/s remain.",
        percent(dead.horizontal_lost_percent),
        plain(dead.horizontal_left_per_second)
    );
    let Some((vertical, horizontal)) = dead.vertical.as_ref().zip(dead.horizontal.as_ref()) else { return arithmetic };
    format!(
        "{arithmetic} Measured under {} requests a second: the death of the big node failed {} of {} requests, that of one small node {} of {}.",
        plain(horizontal.rate_per_second),
        vertical.failed,
        vertical.requests,
        horizontal.failed,
        horizontal.requests
    )
}

fn alone(point: &Point) -> String {
    format!(
        "{} of CPU answered {} requests a second ({} topology), stopped by {}: {}.",
        counted(point.units(), "unit"),
        plain(point.ceiling_per_second.median),
        point.topology(),
        name(&point.binding.resource),
        point.binding.evidence
    )
}

/// What follows, in one sentence: whether several pay. `None` where the figures do not carry it.
pub fn headline(report: &Report) -> Option<String> {
    let pair = report.pairs.last().filter(|_| report.valid)?;
    use super::cost::BreakEven::{AlwaysHorizontal, At};
    let seen = pair.distinct || measured_once(pair);
    let less = seen && pair.difference_percent < -MATTERS_PERCENT;
    let as_much = if seen && pair.difference_percent > MATTERS_PERCENT { "more than" } else { "as much as" };
    let cheaper = match report.cost.as_ref().map(|cost| cost.break_even) {
        Some(AlwaysHorizontal) => true,
        Some(At { units }) => f64::from(pair.units) >= units,
        _ => false,
    };
    let many = format!("many small nodes do {as_much} one big node");
    let words = match (less, cheaper) {
        (false, true) => format!("{many}, for less, and a death takes only a part of them: several pay."),
        (false, false) => format!("{many}, and a death takes only a part of them; the one big node is cheaper."),
        (true, true) => "one big node does more with the same CPU; many small ones still cost less a request, and a death takes only a part of them.".to_owned(),
        (true, false) => "one big node does more with the same CPU, for less; many pay where a death must not stop the service, or where no bigger machine is to be had.".to_owned(),
    };
    Some(format!("At {}, {words}", counted(pair.units, "unit")))
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().collect::<String>() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::results::prices::Prices;

    #[test]
    fn says_what_was_found() {
        let report = Report::of(&sample::results(), &Prices::example()).unwrap();
        let verdict = paragraph(&report);
        for words in [
            "With 4 units of CPU (1.0 cores), one big node answered 360 requests a second, and 4 small nodes behind haproxy 313: 13 % less",
            "Both were stopped by the CPU quota: the nodes used 99 % of their 1.0 cores",
            "From 1 to 4 units, the big node grew 4.0-fold, the small ones 3.5-fold.",
            "At the same load of 250 requests a second",
            "The objective p99 ≤ 250 ms held up to 282/s and not at 313/s for the big node",
            "A dead node takes all of the one, and 25 % of 4: 235/s remain.",
            "the death of the big node failed 292 of 438 requests, that of one small node 0 of 438.",
            "At the prices given, a request costs less on the one big machine at every unit count measured.",
        ] {
            assert!(verdict.contains(words), "no '{words}' in: {verdict}");
        }
        let headline = headline(&report).unwrap();
        assert!(headline.starts_with("At 4 units, one big node does more with the same CPU, for less"), "{headline}");
    }

    #[test]
    fn says_what_was_not() {
        let mut results = sample::results();
        results.runs.retain(|run| run.point == Topology::Vertical.at(1));
        let verdict = paragraph(&Report::of(&results, &Prices::example()).unwrap());
        assert!(verdict.contains("1 unit of CPU answered 90.0 requests a second (vertical topology)"), "{verdict}");
        let mut invalid = sample::results();
        for run in &mut invalid.runs {
            run.verdict.valid = false;
            run.verdict.reasons = vec!["late".into()];
        }
        let verdict = paragraph(&Report::of(&invalid, &Prices::example()).unwrap());
        assert!(verdict.contains("Not every point is valid"), "{verdict}");
        assert_eq!(headline(&Report::of(&invalid, &Prices::example()).unwrap()), None);
    }
}
