//! What a cache at the edge brought and what it cost: how many answers came from it, how many requests a second still reached the
//! nodes, and the CPU of an answer with it and without.
//!
//! The last is what people forget: a cache that saves time may cost CPU. A balancer that looks for an answer, and sends it itself, works
//! more than one that passes a request on; a node that makes the answer in a few microseconds is then the cheaper place.

use serde::Serialize;

use super::analysis::{self, Point};
use super::answer_cpu::AnswerCpu;
use super::spanish::label;
use super::{Report, words};
use crate::design::{Text, both};
use crate::results::arm::{Arm, Scale};
use crate::results::comparison::{Comparison, Verdict, compare};
use crate::results::folder::Results;
use crate::results::number::{milliseconds, or_dash, percent, plain};
use crate::results::plan::Plan;
use crate::results::run::Run;

/// Costs that differ by less are the same, as a share.
const SAME: f64 = 0.05;
/// From so many hits on, the cost of an answer is that of a hit, in percent.
const MOSTLY_HITS_PERCENT: f64 = 90.0;

/// CPU of an answer that a client got, by who used it, in microseconds: medians over some runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AnswerCost {
    /// Of all balancers, the one at the edge among them.
    pub balancers_microseconds: f64,
    /// Of the nodes, and of the stores and caches behind them.
    pub nodes_microseconds: f64,
}

impl AnswerCost {
    fn total(self) -> f64 {
        self.balancers_microseconds + self.nodes_microseconds
    }
}

/// Where an answer costs less CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cheaper {
    /// At the edge: it saves more than it costs.
    Edge,
    /// In all it is the edge; but a hit takes more CPU of the balancers than the node needs to make the answer.
    EdgeThoughDearerThanNode,
    /// With the cache and without it is the same.
    Neither,
    /// At the node: the cache costs more than it saves.
    Node,
}

/// An arm with a cache at the edge beside the arm that differs in nothing else.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EdgeCost {
    /// With the cache.
    pub arm: String,
    /// Without.
    pub without: String,
    /// At this scale.
    pub scale: Scale,
    /// Share of answers that came from it, in percent.
    pub hit_percent: f64,
    /// CPU of an answer with it.
    pub cost: AnswerCost,
    /// The same without it.
    pub cost_without: AnswerCost,
    /// What follows.
    pub cheaper: Cheaper,
    /// Goodput with it against that without it, block by block.
    pub goodput: Comparison,
}

/// All of them, in the order of the points.
pub fn costs(results: &Results, points: &[Point]) -> Vec<EdgeCost> {
    let plan = &results.manifest.plan;
    let of = |point: &Point| {
        let hit_percent = point.from_cache_percent?;
        let without = counterpart(plan, &point.key.arm)?;
        let key = point.key.of_arm(&without.name);
        let cost = answer_cost(&analysis::ceiling_runs(results, &point.key))?;
        let cost_without = answer_cost(&analysis::ceiling_runs(results, &key))?;
        let blocks = points.iter().find(|point| point.key == key)?.valid_blocks();
        let goodput = compare(&blocks, &[&point.valid_blocks()], plan.smallest_effect_percent).pop()?;
        Some(EdgeCost {
            arm: point.key.arm.clone(),
            without: without.name.clone(),
            scale: point.key.scale.clone(),
            hit_percent,
            cost,
            cost_without,
            cheaper: cheaper(hit_percent, cost, cost_without),
            goodput,
        })
    };
    points.iter().filter_map(of).collect()
}

/// The arm that differs from this one in nothing but a cache at the edge.
fn counterpart<'a>(plan: &'a Plan, name: &str) -> Option<&'a Arm> {
    let arm = plan.arm(name)?;
    plan.arms.iter().find(|other| arm.adds_edge_cache_to(other))
}

/// `None` where something is not known, or nothing was answered.
fn answer_cost(runs: &[&Run]) -> Option<AnswerCost> {
    let cpu = AnswerCpu::of(runs);
    Some(AnswerCost {
        balancers_microseconds: cpu.balancers_microseconds?,
        nodes_microseconds: cpu.nodes_microseconds? + cpu.services_microseconds?,
    })
}

fn cheaper(hit_percent: f64, with: AnswerCost, without: AnswerCost) -> Cheaper {
    let hits = hit_percent >= MOSTLY_HITS_PERCENT;
    match with.total() / without.total() {
        share if share > 1.0 + SAME => Cheaper::Node,
        share if share > 1.0 - SAME => Cheaper::Neither,
        _ if hits && with.balancers_microseconds > without.nodes_microseconds => Cheaper::EdgeThoughDearerThanNode,
        _ => Cheaper::Edge,
    }
}

impl EdgeCost {
    /// Whether it differs from the arm without it, and the comparisons with the baseline do not say so: that arm is another.
    pub fn is_second_comparison(&self, plan: &Plan) -> bool {
        self.goodput.verdict == Verdict::Different
            && plan.baseline().is_some_and(|baseline| baseline.name != self.without)
    }

    /// It in one or two sentences.
    pub fn words(&self, plan: &Plan) -> Text {
        let figure = |value: f64| plain(value);
        let total = both!(
            "With {arm}, an answer takes {with} µs of CPU of all that serve, and {without} µs with {other}",
            "Con {arm}, una respuesta toma {with} µs de CPU de todo lo que sirve, y {without} µs con {other}",
            arm = label(plan, &self.arm),
            other = label(plan, &self.without),
            with = figure(self.cost.total()),
            without = figure(self.cost_without.total())
        );
        let (balancers, nodes, passing) = (
            figure(self.cost.balancers_microseconds),
            figure(self.cost_without.nodes_microseconds),
            figure(self.cost_without.balancers_microseconds),
        );
        match self.cheaper {
            Cheaper::Edge => both!(
                "{total}: the cache at the edge saves CPU, too.",
                "{total}: la caché en el borde también ahorra CPU.",
                total
            ),
            Cheaper::EdgeThoughDearerThanNode => both!(
                "{total}. But the answer is so cheap that the edge is dearer than the node: {balancers} µs at the edge, where the node makes it in {nodes} µs. What the cache saves is passing the request on, {passing} µs.",
                "{total}. Pero la respuesta es tan barata que el borde sale más caro que el nodo: {balancers} µs en el borde, y el nodo la hace en {nodes} µs. Lo que la caché ahorra es pasar la petición, {passing} µs.",
                total,
                balancers,
                nodes,
                passing
            ),
            Cheaper::Neither => both!(
                "{total}, which is the same: the cache at the edge saves no CPU, since the answer is cheap ({nodes} µs at the node).",
                "{total}, que es lo mismo: la caché en el borde no ahorra CPU, porque la respuesta es barata ({nodes} µs en el nodo).",
                total,
                nodes
            ),
            Cheaper::Node => both!(
                "{total}: the cache at the edge costs more CPU than it saves. The node makes the answer in {nodes} µs; the edge takes {balancers} µs, where passing the request on took {passing} µs.",
                "{total}: la caché en el borde cuesta más CPU de la que ahorra. El nodo hace la respuesta en {nodes} µs; el borde toma {balancers} µs, y pasar la petición tomaba {passing} µs.",
                total,
                balancers,
                nodes,
                passing
            ),
        }
    }
}

/// For the headline: how long half of the answers took with each arm, what came from the nearest cache, and what still reached the nodes.
/// `None` where no arm has a cache at the edge.
pub fn sentence(report: &Report, scale: &Scale) -> Option<Text> {
    let plan = &report.manifest.plan;
    let has_edge = |point: &Point| plan.arm(&point.key.arm).is_some_and(Arm::has_edge_cache);
    let there: Vec<&Point> = report.points.iter().filter(|point| point.key.scale == *scale).collect();
    let hits = |point: &&Point| {
        let hit_percent = point.from_cache_percent.filter(|_| has_edge(point))?;
        Some((label(plan, &point.key.arm), hit_percent, reached_per_second(point, hit_percent)))
    };
    let cached: Vec<_> = there.iter().filter_map(hits).collect();
    if cached.is_empty() {
        return None;
    }
    let times = there.iter().map(|point| {
        both!(
            "{time} ms with {arm}",
            "{time} ms con {arm}",
            time = or_dash(point.p50_milliseconds, milliseconds),
            arm = label(plan, &point.key.arm)
        )
    });
    let origin = cached.iter().map(|(arm, hit_percent, reached)| {
        both!(
            "with {arm} {hits} % of the answers came from the edge, and {reached} requests a second reached the nodes",
            "con {arm} el {hits} % de las respuestas vino del borde, y {reached} peticiones por segundo llegaron a los nodos",
            arm,
            hits = percent(*hit_percent),
            reached = plain(*reached)
        )
    });
    let brought =
        report.edges.iter().filter(|edge| edge.scale == *scale && edge.is_second_comparison(plan)).map(|edge| {
            let brought = words::different(&edge.goodput, &label(plan, &edge.arm), &label(plan, &edge.without));
            both!("{brought}. ", "{brought}. ", brought = brought.upper_first())
        });
    Some(both!(
        "{brought}Half of the answers took at most {times}. {origin}.",
        "{brought}La mitad de las respuestas tomó a lo sumo {times}. {origin}.",
        brought = Text::join(brought, ""),
        times = Text::list(times),
        origin = Text::join(origin, "; ").upper_first()
    ))
}

/// Requests a second that the cache nearest to the client did not answer.
fn reached_per_second(point: &Point, hit_percent: f64) -> f64 {
    point.ceiling_per_second.median * (1.0 - hit_percent / 100.0)
}

/// The findings for a terminal and for the page, one a line; empty where no arm has a counterpart.
pub fn paragraphs(report: &Report) -> Vec<Text> {
    let plan = &report.manifest.plan;
    let several = plan.scales.len() > 1;
    let of = |cost: &EdgeCost| match words::at_scale(plan, &cost.scale) {
        at if several && !at.is_empty() => {
            both!("At {at}: {words}", "Con {at}: {words}", at, words = cost.words(plan))
        }
        _ => cost.words(plan),
    };
    report.edges.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::results::load::CachingOutcome;
    use crate::results::manifest::BalancerIdentity;
    use crate::results::run::{BalancerUse, ServiceRole, ServiceUse};

    fn cost(balancers: f64, nodes: f64) -> AnswerCost {
        AnswerCost { balancers_microseconds: balancers, nodes_microseconds: nodes }
    }

    #[test]
    fn where_an_answer_is_cheaper() {
        for (hits, with, without, expected) in [
            // A dear answer.
            (99.0, cost(20.0, 1.0), cost(30.0, 500.0), Cheaper::Edge),
            // The hit costs 20, the node 12: what is saved is the passing on.
            (99.0, cost(20.0, 1.0), cost(30.0, 12.0), Cheaper::EdgeThoughDearerThanNode),
            // With so many misses the balancers' cost is not that of a hit.
            (50.0, cost(20.0, 5.0), cost(30.0, 12.0), Cheaper::Edge),
            (99.0, cost(40.0, 1.0), cost(30.0, 12.0), Cheaper::Neither),
            (99.0, cost(41.0, 0.0), cost(30.0, 12.0), Cheaper::Neither),
            (99.0, cost(44.0, 1.0), cost(30.0, 12.0), Cheaper::Node),
            // Nothing but misses: the edge is a further station.
            (0.0, cost(60.0, 12.0), cost(30.0, 12.0), Cheaper::Node),
        ] {
            assert_eq!(cheaper(hits, with, without), expected, "{hits} {with:?} {without:?}");
        }
    }

    /// The made-up bench, whose second arm has a cache at the edge; `edge_cores` are used by it.
    fn results(hits: u64, edge_cores: f64) -> Results {
        let mut results = sample::results();
        let plan = &mut results.manifest.plan;
        plan.arms[0].up = vec!["--nodes".into(), "{scale}".into()];
        plan.arms[1].up = ["--nodes", "{scale}", "--edge-cache", "60s"].map(str::to_owned).to_vec();
        for run in &mut results.runs {
            let edge = run.point.arm == "horizontal";
            let identity = BalancerIdentity { kind: "haproxy".into(), version: None, pid: None };
            run.balancer = Some(BalancerUse { identity, cpu_cores: Some(0.01) });
            // One answer in ten is to a write, and tells nothing of a cache.
            (run.load.requests_ok, run.load.caching) = (100, edge.then_some(CachingOutcome { answers: 90, hits }));
            let service = |role, cpu| ServiceUse {
                name: "s".into(),
                kind: "haproxy".into(),
                role,
                quota_cores: None,
                cpu_cores: Some(cpu),
                throttled_percent: None,
                memory_bytes: None,
            };
            run.services =
                vec![service(ServiceRole::Relay, 9.0), service(ServiceRole::Edge, if edge { edge_cores } else { 0.0 })];
        }
        results
    }

    #[test]
    fn the_report_says_where_the_edge_is_dearer() {
        for (edge_cores, cheaper, says) in
            [(0.0, Cheaper::Neither, "saves no CPU"), (9.0, Cheaper::Node, "costs more CPU than it saves")]
        {
            let report = Report::of(&results(85, edge_cores), None).unwrap();
            assert_eq!(report.edges[0].without, "vertical");
            assert_eq!(report.edges[0].cheaper, cheaper, "{:?}", report.edges[0]);
            let words = paragraphs(&report);
            assert!(words[0].en().contains(says) && words[0].es() != words[0].en(), "{}", words[0].en());
            let text = super::super::findings::text(&report).split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(says), "{text}");
        }
        assert_eq!(Report::of(&sample::results(), None).unwrap().edges, []);
    }

    #[test]
    fn the_headline_says_what_the_edge_brought() {
        let report = Report::of(&results(85, 0.1), None).unwrap();
        let sentence = sentence(&report, &4.into()).unwrap();
        assert!(
            sentence.en().contains("With many small nodes 85 % of the answers came from the edge"),
            "{}",
            sentence.en()
        );
        assert!(report.headline.en().contains("Half of the answers took at most"), "{}", report.headline.en());
        assert!(sentence.es().contains("vino del borde"));
        assert_eq!(super::sentence(&Report::of(&sample::results(), None).unwrap(), &4.into()), None);
    }
}
