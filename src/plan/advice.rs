//! What would narrow a plan most: which measurement, and how long it takes.

use serde::Serialize;

use super::Effort;
use super::draw::Draw;
use super::evidence::ArmEvidence;
use super::figure::{Class, Figure, PREDICTED_TO};
use super::goal::Goal;
use super::usable::{Usable, UsableSource};
use crate::design::{Text, both};
use crate::report::words;
use crate::results::arm::Scale;
use crate::results::experiment::{self, DEFAULT};
use crate::results::number::percent;
use crate::results::plan::{Ladder, Plan};

/// A measurement worth making.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// What it would change.
    pub effect: Text,
    /// How to make it.
    pub command: Text,
    /// About how long it takes.
    pub seconds: f64,
}

/// What an interval's half-width must exceed, as a share, before a narrower one is worth measuring for.
const WORTH: f64 = 0.02;
/// Times as many runs halve an interval.
const FOR_HALF: u32 = 4;

/// The most useful first: what narrows the interval, what makes a prediction of a scenario, what is not known at all.
pub fn of(evidence: &ArmEvidence, goal: &Goal, usable: &Usable, effort: &Effort) -> Vec<Advice> {
    let mut advice = Vec::new();
    advice.extend(narrower(evidence, goal, usable, effort));
    advice.extend(farther(evidence));
    if usable.source == UsableSource::Assumed {
        let plan = Plan { fractions: vec![0.5, 0.7, 0.8, 0.9], ..evidence.plan.clone() };
        advice.push(Advice {
            effect: Text::new(
                "how much of the ceiling meets the objective is assumed: an open ladder would measure it",
                "qué parte del techo cumple el objetivo es una suposición: una escalera abierta la mediría",
            ),
            command: Text::name(format!(
                "webapp bench --experiment {} --fractions 0.5,0.7,0.8,0.9",
                evidence.plan.experiment
            )),
            seconds: plan.seconds(),
        });
    }
    if evidence.all_runs().all(|run| run.balancer_seconds.is_none())
        && let Some(balancer) = experiment::embedded("balancer")
    {
        advice.push(Advice {
            effect: Text::new("what a balancer can carry is not known", "no se sabe cuánto soporta un balanceador"),
            command: Text::name("webapp bench --experiment balancer"),
            seconds: balancer.plan(experiment::Size::Quick).seconds(),
        });
    }
    advice
}

/// The size whose runs make the interval of what a node can do as wide as it is.
fn narrower(evidence: &ArmEvidence, goal: &Goal, usable: &Usable, effort: &Effort) -> Option<Advice> {
    let whole = width(evidence, goal, usable, effort, None)?;
    if whole / 2.0 < WORTH {
        return None;
    }
    let without: Vec<f64> =
        (0..evidence.sizes.len()).filter_map(|size| width(evidence, goal, usable, effort, Some(size))).collect();
    let (index, narrowed) = without.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let size = evidence.sizes.get(index)?;
    let runs = u32::try_from(size.runs.len()).unwrap_or(u32::MAX).max(1);
    let blocks = runs.saturating_mul(FOR_HALF).max(evidence.plan.closed_blocks() + 1);
    // What is unsure beyond the runs of this size stays; of the rest half goes.
    let stays = narrowed.powi(2);
    let after = (stays + (whole.powi(2) - stays).max(0.0) / f64::from(FOR_HALF)).sqrt();
    let (command, seconds) = more_blocks(&evidence.plan, &size.scale, blocks);
    Some(Advice {
        effect: both!(
            "the runs at {at} make the number of nodes unsure by ± {now} %; {blocks} blocks of them would leave about ± {left} %",
            "las corridas con {at} dejan la cantidad de nodos insegura en ± {now} %; con {blocks} bloques quedaría en unos ± {left} %",
            at = words::scale(&evidence.plan, &size.scale),
            now = percent(50.0 * whole),
            blocks,
            left = percent(50.0 * after)
        ),
        command,
        seconds,
    })
}

/// How to have so many blocks at a scale, and what they take in seconds.
fn more_blocks(plan: &Plan, scale: &Scale, blocks: u32) -> (Text, f64) {
    let mut longer = plan.clone();
    if plan.further_blocks > 0 && plan.scales.last() != Some(scale) {
        // A bench that goes on measures its last scale alone: the others need a new one.
        (longer.blocks, longer.further_blocks) = (blocks, 0);
        let command = both!(
            "webapp bench --blocks {blocks}, into a new folder",
            "webapp bench --blocks {blocks}, en una carpeta nueva",
            blocks
        );
        return (command, longer.seconds());
    }
    longer.extend_to(blocks);
    let command = Text::name(format!("webapp bench --out DIR --resume --blocks {blocks}"));
    (command, closed_seconds(&longer) - closed_seconds(plan))
}

/// Width of the 95 % interval of what a node can do, as a share.
fn width(evidence: &ArmEvidence, goal: &Goal, usable: &Usable, effort: &Effort, held: Option<usize>) -> Option<f64> {
    let one = |number: u64| {
        let fraction = usable.fractions[number as usize % usable.fractions.len()];
        Some(Draw::of(evidence, goal, fraction, number, held).ok()?.capacity.cell_per_second())
    };
    let values: Vec<f64> = (0..effort.draws.max(1)).filter_map(one).collect();
    Figure::of(&values, Class::Measured).map(|figure| figure.relative_width())
}

fn closed_seconds(plan: &Plan) -> f64 {
    (1..=plan.closed_blocks())
        .flat_map(|block| plan.block(Ladder::Closed, block))
        .map(|visit| plan.visit_seconds(&visit))
        .sum()
}

/// A larger size: what lies within twice of it becomes a prediction.
fn farther(evidence: &ArmEvidence) -> Option<Advice> {
    let largest = evidence.plan.scales.iter().filter_map(Scale::whole).max()?;
    let cell = evidence.cell();
    // Where something else stopped the larger sizes, still larger ones say nothing about nodes.
    if !evidence.left_out.is_empty() {
        return None;
    }
    let further = largest.checked_mul(PREDICTED_TO as u32)?;
    let mut plan = evidence.plan.clone();
    plan.scales.push(further.into());
    let scales: Vec<String> = plan.scales.iter().map(ToString::to_string).collect();
    let nodes = f64::from(cell.nodes) * f64::from(further) / f64::from(largest);
    let machine = evidence.plan.unit_cpu_percent.map_or_else(Text::default, |percent| {
        // As much again for the generator, the balancer and the bench.
        let cores = (2.0 * f64::from(further * percent) / 100.0).ceil().to_string();
        both!(" (on a machine with {cores} cores or more)", " (en una máquina con {cores} núcleos o más)", cores)
    });
    let unit = evidence.plan.unit_cpu_percent.map_or_else(String::new, |percent| format!(" --unit-cpu {percent}"));
    Some(Advice {
        effect: both!(
            "with {at} measured, too{machine}, up to {nodes} nodes would be a prediction instead of a scenario",
            "si se miden también {at}{machine}, hasta {nodes} nodos serían una predicción en vez de un caso hipotético",
            at = words::scale(&evidence.plan, &further.into()),
            machine,
            nodes = format!("{:.0}", nodes * PREDICTED_TO)
        ),
        command: if evidence.plan.experiment == DEFAULT {
            Text::name(format!("webapp bench --units {}{unit}", scales.join(",")))
        } else {
            both!(
                "give the experiment the scale {scales} and run it again",
                "dale al experimento la escala {scales} y volvé a correrlo",
                scales = Text::name(scales.join(", "))
            )
        },
        seconds: plan.seconds(),
    })
}
