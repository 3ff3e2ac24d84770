//! The command that repeats a bench: the experiment, and each flag by which its plan differs from the experiment's own.

use crate::results::experiment::{Experiment, Placeholder, Size, embedded};
use crate::results::plan::Plan;
use crate::results::work::WeightedRequest;

/// The command, as one types it in a shell.
pub fn command(plan: &Plan) -> String {
    let size = if plan.name == Size::Full.name() { Size::Full } else { Size::Quick };
    let experiment = embedded(&plan.experiment).filter(|experiment| experiment.question == plan.question);
    let file = if experiment.is_none() { ".toml" } else { "" };
    let mut words = vec![format!("webapp bench --experiment {}{file} --{}", plan.experiment, size.name())];
    if let Some(experiment) = &experiment {
        words.extend(differences(plan, experiment, &experiment.plan(size)));
    }
    if !plan.driver_arguments.is_empty() {
        words.push("--".to_owned());
        words.extend(plan.driver_arguments.iter().map(|word| quoted(word)));
    }
    words.join(" ")
}

fn differences(plan: &Plan, experiment: &Experiment, own: &Plan) -> Vec<String> {
    let list = |values: Vec<String>| values.join(",");
    let scales = || list(plan.scales.iter().map(|scale| scale.as_str().to_owned()).collect());
    let unit = plan.unit_cpu_percent.map_or_else(|| "none".to_owned(), |percent| percent.to_string());
    let arms = |plan: &Plan| plan.arms.iter().map(|arm| arm.name.clone()).collect::<Vec<_>>();
    let scale_flag = if plan.scale_name == "units" { "--units" } else { "--scale" };
    let blocks = match (plan.profile, own.profile) {
        (Some(here), Some(there)) => (here.blocks != there.blocks).then_some(here.blocks),
        _ => ((plan.blocks, plan.further_blocks) != (own.blocks, own.further_blocks)).then(|| plan.closed_blocks()),
    };
    let mut words = Vec::new();
    let mut add = |differs: bool, flag: &str, value: String| {
        if differs {
            words.push(format!("{flag} {}", quoted(&value)));
        }
    };
    add(plan.scales != own.scales, scale_flag, scales());
    // What a unit is by default depends on the machine.
    add(experiment.uses(Placeholder::UnitCpu), "--unit-cpu", unit);
    add(arms(plan) != arms(own), "--only", list(arms(plan)));
    add(plan.model != own.model, "--model", plan.model.clone());
    add(plan.balancer != own.balancer, "--balancer", plan.balancer.clone());
    add(blocks.is_some(), "--blocks", blocks.unwrap_or_default().to_string());
    add(plan.until_percent.is_some(), "--until", format!("{}%", plan.until_percent.unwrap_or_default()));
    let objective = plan.objective;
    add(objective != own.objective, "--slo", format!("{}={}ms", objective.figure.name(), objective.milliseconds));
    let effect = plan.smallest_effect_percent;
    add(effect != own.smallest_effect_percent, "--smallest-effect", format!("{effect}%"));
    add(plan.seed != own.seed, "--seed", plan.seed.to_string());
    add(plan.closed_seconds != own.closed_seconds, "--window", format!("{}ms", (1000.0 * plan.closed_seconds).round()));
    let fractions = plan.fractions.iter().map(ToString::to_string).collect();
    add(plan.fractions != own.fractions, "--fractions", list(fractions));
    if plan.work != own.work {
        words.extend(plan.work.iter().map(path));
    }
    words
}

fn path(request: &WeightedRequest) -> String {
    format!("--path {}", quoted(&format!("{}:{}", request.weight, request.path)))
}

/// A word of a shell, in quotes where it needs them.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./,:%=".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_a_flag() {
        let mut plan = Plan::quick();
        plan.unit_cpu_percent = Some(25);
        assert_eq!(command(&plan), "webapp bench --experiment vertical-horizontal --quick --unit-cpu 25");
        (plan.blocks, plan.further_blocks) = (10, 0);
        plan.scales = vec![1.into(), 8.into()];
        plan.unit_cpu_percent = None;
        plan.work = vec![WeightedRequest::get(2, "/sleep?seg=0.1&x={key}")];
        plan.driver_arguments = vec!["--port".into(), "it's".into()];
        assert_eq!(
            command(&plan),
            r"webapp bench --experiment vertical-horizontal --quick --units 1,8 --unit-cpu none --blocks 10 --path '2:/sleep?seg=0.1&x={key}' -- --port 'it'\''s'"
        );
    }

    #[test]
    fn an_experiment_of_somebody_else_is_a_file() {
        let mut plan = Plan::full();
        (plan.experiment, plan.question) = ("ours".into(), "How many?".into());
        assert_eq!(command(&plan), "webapp bench --experiment ours.toml --full");
    }
}
