//! From experiment and flags to a plan. A flag that the experiment has no use for is an error: it would seem to have an effect.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::args::{Args, UnitCpuChoice};
use crate::autoscale;
use crate::results::arm::{Arm, Scale};
use crate::results::experiment::{self, Experiment, Placeholder, Size, open_scales};
use crate::results::plan::{self, Event, Plan};

/// Without `--at-most`, `--until` ends after this.
const AT_MOST_SECONDS: f64 = 1800.0;
/// No experiment is as long.
const LONGEST_FILE: u64 = 1 << 20;

/// The experiment that was asked for.
///
/// # Errors
/// When there is no such, or its file is wrong.
pub fn experiment(asked: Option<&str>) -> anyhow::Result<Experiment> {
    let name = match asked {
        None => return Ok(experiment::default()),
        Some(name) => name,
    };
    if let Some(experiment) = experiment::embedded(name) {
        return Ok(experiment);
    }
    let file = Path::new(name);
    if !file.exists() {
        let names: Vec<&str> = experiment::EMBEDDED.iter().map(|(name, _)| *name).collect();
        bail!("there is no experiment and no file '{name}'; the experiments are {}", names.join(", "));
    }
    let length = fs::metadata(file).with_context(|| format!("cannot read {name}"))?.len();
    ensure!(length <= LONGEST_FILE, "{name} is not an experiment file: it has {length} bytes");
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    Ok(Experiment::parse(name, &text)?)
}

/// What is measured.
///
/// # Errors
/// When a flag makes no sense, or not in this experiment.
pub fn plan(args: &Args, experiment: &Experiment) -> anyhow::Result<Plan> {
    refuse_unused(args, experiment)?;
    let size = args.size();
    let mut plan = experiment.plan(size);
    choose_scales(args, size, &mut plan)?;
    choose_work(args, experiment, size, &mut plan)?;
    choose_arms(args, &mut plan)?;
    plan.unit_cpu_percent = match args.unit_cpu {
        Some(UnitCpuChoice::Percent(percent)) => Some(percent),
        Some(UnitCpuChoice::NoLimit) => None,
        None if !experiment.uses(Placeholder::UnitCpu) => None,
        None => experiment
            .unit_cpu_percent
            .or_else(|| Some(plan::default_unit_cpu_percent(num_cpus::get(), plan.largest_scale() as u32))),
    };
    if let Some(model) = &args.model {
        plan.model.clone_from(model);
    }
    if let Some(balancer) = &args.balancer {
        plan.balancer.clone_from(balancer);
    }
    plan.objective = args.slo.unwrap_or(plan.objective);
    if let Some(blocks) = args.blocks {
        match &mut plan.profile {
            // What is asked of such an experiment is how the arms follow the load.
            Some(profile) => profile.blocks = blocks,
            None => (plan.blocks, plan.further_blocks) = (blocks, 0),
        }
    }
    choose_end(args, &mut plan);
    check_autoscalers(&plan)?;
    plan.seed = args.seed.unwrap_or(plan.seed);
    plan.smallest_effect_percent = args.smallest_effect.unwrap_or(plan.smallest_effect_percent);
    plan.driver_arguments.clone_from(&args.driver_arguments);
    if !args.fractions.is_empty() {
        plan.fractions.clone_from(&args.fractions);
        plan.fractions.sort_by(f64::total_cmp);
        plan.fractions.dedup();
    }
    check_end(&plan)?;
    if let Some(window) = args.window {
        ensure!(window.as_secs_f64() >= 0.5, "a window of less than 500ms measures nothing");
        plan.closed_seconds = window.as_secs_f64();
        plan.open_seconds = window.as_secs_f64();
        plan.event = plan.event.map(|event| Event { seconds: 2.0 * window.as_secs_f64(), ..event });
    }
    Ok(plan)
}

/// What is left to measure of an earlier bench, whose plan this is.
///
/// # Errors
/// When a flag asks for another measurement than that bench is.
pub fn resumed(args: &Args, mut plan: Plan) -> anyhow::Result<Plan> {
    let named = args.experiment.as_deref().map(|name| experiment(Some(name))).transpose()?;
    let mut fractions = args.fractions.clone();
    fractions.sort_by(f64::total_cmp);
    fractions.dedup();
    let units: Vec<Scale> = args.units.iter().map(|units| (*units).into()).collect();
    let percent = args.unit_cpu.map(|unit| match unit {
        UnitCpuChoice::Percent(percent) => Some(percent),
        UnitCpuChoice::NoLimit => None,
    });
    let same = [
        (named.is_none_or(|named| named.name == plan.experiment), "--experiment"),
        (args.size() == Size::Quick || plan.name == args.size().name(), "--full"),
        (args.workload.is_none_or(|workload| workload.requests() == plan.work), "--workload"),
        (args.path.is_empty() || args.path == plan.work, "--path"),
        (args.model.as_ref().is_none_or(|model| *model == plan.model), "--model"),
        (args.balancer.as_ref().is_none_or(|balancer| *balancer == plan.balancer), "--balancer"),
        (units.is_empty() || units == plan.scales, "--units"),
        (args.scale.is_empty() || args.scale == plan.scales, "--scale"),
        (percent.is_none_or(|percent| percent == plan.unit_cpu_percent), "--unit-cpu"),
        (args.only.is_empty() || args.only.iter().eq(plan.arms.iter().map(|arm| &arm.name)), "--only"),
        (args.seed.is_none_or(|seed| seed == plan.seed), "--seed"),
        (args.window.is_none_or(|window| window.as_secs_f64() == plan.closed_seconds), "--window"),
        (fractions.is_empty() || fractions == plan.fractions, "--fractions"),
        (args.slo.is_none_or(|objective| objective == plan.objective), "--slo"),
        (args.smallest_effect.is_none_or(|effect| effect == plan.smallest_effect_percent), "--smallest-effect"),
    ];
    if let Some((_, flag)) = same.into_iter().find(|(same, _)| !same) {
        bail!(
            "--resume goes on with the plan of the results folder, which {flag} would change; only --blocks, --until and --at-most may"
        );
    }
    if let Some(blocks) = args.blocks {
        match &mut plan.profile {
            Some(profile) => profile.blocks = blocks,
            None => plan.extend_to(blocks),
        }
    }
    if !args.driver_arguments.is_empty() {
        // What is on this machine now, such as a port that is free.
        plan.driver_arguments.clone_from(&args.driver_arguments);
    }
    if args.until.is_some() {
        choose_end(args, &mut plan);
    }
    check_end(&plan)?;
    Ok(plan)
}

/// When blocks are added, and no more.
fn choose_end(args: &Args, plan: &mut Plan) {
    plan.until_percent = args.until;
    plan.at_most_seconds = args.until.map(|_| args.at_most.map_or(AT_MOST_SECONDS, |most| most.as_secs_f64()));
    if args.until.is_some() {
        // All scales are measured until they are known.
        plan.further_blocks = 0;
    }
}

fn check_end(plan: &Plan) -> anyhow::Result<()> {
    ensure!(plan.until_percent.is_none() || plan.arms.len() > 1, "--until needs two arms, to compare them");
    ensure!(
        plan.until_percent.is_none() || plan.profile.is_none(),
        "--until compares ceilings, and the experiment {} asks how its arms follow a load; say --blocks",
        plan.experiment
    );
    Ok(())
}

/// The rules of each autoscaler, before anything is started.
fn check_autoscalers(plan: &Plan) -> anyhow::Result<()> {
    ensure!(
        plan.profile.is_none() || plan.arms.iter().any(Arm::is_fixed),
        "no arm of fixed size is left, whose ceiling says how high the load shall be; name one with --only"
    );
    ensure!(
        plan.profile.is_none() || plan.objective.is_of_seconds(),
        "the experiment {} judges each second, which has a p50 and a p99: say for instance --slo p99=250ms",
        plan.experiment
    );
    for arm in plan.arms.iter().filter(|arm| !arm.is_fixed()) {
        let read = autoscale::args::read(&arm.autoscale).map_err(anyhow::Error::msg);
        read.with_context(|| format!("the autoscaler of the arm {} in the experiment {}", arm.name, plan.experiment))?;
    }
    Ok(())
}

fn refuse_unused(args: &Args, experiment: &Experiment) -> anyhow::Result<()> {
    let uses = |placeholder| experiment.uses(placeholder);
    for (given, useful, flag, why) in [
        (args.balancer.is_some(), uses(Placeholder::Balancer), "--balancer", "no arm of it says {balancer}"),
        (args.model.is_some(), uses(Placeholder::Model), "--model", "no arm of it says {model}"),
        (args.unit_cpu.is_some(), uses(Placeholder::UnitCpu), "--unit-cpu", "no arm of it says {unit-cpu}"),
        (!args.units.is_empty(), uses(Placeholder::Scale), "--units", "no arm of it says {scale}"),
        (!args.scale.is_empty(), uses(Placeholder::Scale), "--scale", "no arm of it says {scale}"),
        (
            !args.units.is_empty(),
            experiment.scale_name == "units",
            "--units",
            "its scale counts something else; say --scale",
        ),
        (
            args.workload.is_some(),
            experiment.workload.is_some(),
            "--workload",
            "it says itself what is asked; say --path",
        ),
        (args.prices.is_some(), experiment.has_prices(), "--prices", "not all of its arms say which machines they are"),
        (
            !args.driver_arguments.is_empty(),
            experiment.arms.iter().any(|arm| arm.target.is_none()),
            "driver arguments",
            "its arms run already, without a driver",
        ),
    ] {
        ensure!(!given || useful, "the experiment {} has no use for {flag}: {why}", experiment.name);
    }
    Ok(())
}

fn choose_scales(args: &Args, size: Size, plan: &mut Plan) -> anyhow::Result<()> {
    let scales: Vec<Scale> = if args.units.is_empty() {
        args.scale.clone()
    } else {
        let mut units = args.units.clone();
        units.sort_unstable();
        units.dedup();
        units.into_iter().map(Scale::from).collect()
    };
    if scales.is_empty() {
        return Ok(());
    }
    for (index, scale) in scales.iter().enumerate() {
        ensure!(!scales[..index].contains(scale), "the step {scale} stands twice in --scale");
        let number = scale.number().filter(|number| *number > 0.0);
        ensure!(
            number.is_some() || !plan.connections_per_scale,
            "the experiment {} counts connections for each of its {}: '{scale}' must be a number above 0",
            plan.experiment,
            plan.scale_name
        );
    }
    plan.open_scales = open_scales(size, &scales);
    plan.scales = scales;
    Ok(())
}

fn choose_work(args: &Args, experiment: &Experiment, size: Size, plan: &mut Plan) -> anyhow::Result<()> {
    if let Some(workload) = args.workload {
        plan.work = workload.requests();
        if plan.connections_per_scale && experiment.workload != Some(workload) {
            plan.connections = workload.connections_per_unit(size == Size::Full);
        }
    }
    if !args.path.is_empty() {
        let own = plan.arms.iter().find(|arm| arm.work.is_some());
        if let Some(arm) = own {
            bail!("the experiment {} has no use for --path: its arm {} has work of its own", experiment.name, arm.name);
        }
        plan.work.clone_from(&args.path);
    }
    Ok(())
}

fn choose_arms(args: &Args, plan: &mut Plan) -> anyhow::Result<()> {
    if args.only.is_empty() {
        return Ok(());
    }
    let chosen = args.only.iter().map(|only| {
        plan.arm(only).cloned().with_context(|| {
            let names: Vec<&str> = plan.arms.iter().map(|arm| arm.name.as_str()).collect();
            format!("there is no arm {only}; the experiment has {}", names.join(", "))
        })
    });
    let chosen: Vec<_> = chosen.collect::<anyhow::Result<_>>()?;
    for (index, arm) in chosen.iter().enumerate() {
        ensure!(!chosen[..index].contains(arm), "--only names the arm {} twice", arm.name);
    }
    plan.arms = chosen;
    Ok(())
}
