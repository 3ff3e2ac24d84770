//! The first screen: what was asked, what came out, how sure it is, and what stopped each.

use maud::{Markup, html};

use super::claim;
use super::each::each;
use crate::design::{Text, both};
use crate::report::Report;
use crate::report::analysis::Point;
use crate::report::binding::Limit;
use crate::report::columns;
use crate::report::figures::number_of;
use crate::report::scaling::{Followed, FollowedArm};
use crate::report::spanish::{label, question};
use crate::report::verdict::AnswerKind;
use crate::report::words;
use crate::results::arm::PointKey;
use crate::results::number::{percent, plain, short};
use crate::stats::Resource;

/// How many figures may stand beside the large letters.
const FIGURES: usize = 5;

/// The hero, under this id; `runs_in` is the page that has the runs, empty where it is this one.
pub fn hero(report: &Report, id: &str, runs_in: &str) -> Markup {
    let (name, meaning) = claim::class(report.answer, report.manifest.plan.smallest_effect_percent);
    html! {
        section.hero.many[has_many(report)] id=(id) data-answer=(answer_word(report.answer)) aria-labelledby={ "loud-" (id) } {
            div.headline {
                p.question { (question(&report.manifest.plan)) }
                h1 id={ "loud-" (id) } { (claim::loud(report)) }
                p.class { b.chip { (name) } " " (meaning) }
                @if !has_many(report) { p.evidence { (claim::evidence(report)) } }
            }
            @if report.answer != AnswerKind::NothingAnswered {
                @if has_many(report) {
                    (each(report, last_points(report), runs_in))
                    p.evidence { (claim::evidence(report)) }
                } @else { (figures(report, runs_in)) }
                (stopped(report))
            }
        }
    }
}

/// With more arms than so many, their figures are a table.
const FEW: usize = 2;

fn has_many(report: &Report) -> bool {
    let answered = report.answer != AnswerKind::NothingAnswered;
    answered && report.followed.is_none() && last_points(report).count() > FEW
}

/// The class of the answer, for the style sheet and for programs.
fn answer_word(answer: AnswerKind) -> &'static str {
    match answer {
        AnswerKind::Different => "different",
        AnswerKind::Equivalent => "equivalent",
        AnswerKind::Undecided => "undecided",
        AnswerKind::NotValid => "not-valid",
        AnswerKind::NothingAnswered => "nothing-answered",
        AnswerKind::OneArm => "one-arm",
        AnswerKind::Followed => "followed",
    }
}

/// A figure that one takes away: the figure, what it is, and how sure it is.
struct HeadlineFigure {
    value: Text,
    what: Text,
    below: Text,
    /// The point whose runs it was made from.
    point: Option<usize>,
}

fn figures(report: &Report, runs_in: &str) -> Markup {
    let all = match &report.followed {
        Some(followed) => following(report, followed),
        None => ceilings_and_deaths(report),
    };
    html! {
        dl.kpis {
            @for figure in all.into_iter().take(FIGURES) {
                div {
                    dt { (figure.what) br; (figure.below) }
                    dd { b {
                        @if let Some(point) = figure.point { a href={ (runs_in) "#runs-" (point) } { (figure.value) } }
                        @else { (figure.value) }
                    } }
                }
            }
        }
    }
}

fn ceilings_and_deaths(report: &Report) -> Vec<HeadlineFigure> {
    let plan = &report.manifest.plan;
    let compared = claim::largest(report).into_iter().filter(|comparison| comparison.valid).map(|comparison| {
        let (value, below) = claim::difference(comparison);
        let (arm, baseline) = (label(plan, &comparison.arm), label(plan, &comparison.baseline));
        let what = both!("{arm} against {baseline}", "{arm} contra {baseline}", arm, baseline);
        let key = PointKey::new(&comparison.arm, comparison.scale.clone());
        HeadlineFigure { value, what, below, point: number_of(report, &key) }
    });
    let here: Vec<&Point> = last_points(report).collect();
    let ceilings = here.iter().map(|point| {
        let [low, high] = [point.ceiling_per_second.low, point.ceiling_per_second.high].map(plain);
        let name = label(plan, &point.key.arm);
        HeadlineFigure {
            value: Text::figure(format!("{}/s", columns::ceiling(point))),
            what: name,
            below: both!("blocks: {low} to {high}", "bloques: {low} a {high}", low, high),
            point: number_of(report, &point.key),
        }
    });
    let deaths = here.iter().filter_map(|point| {
        let death = point.death.as_ref().filter(|death| death.requests > 0)?;
        let share = percent(100.0 * death.failed as f64 / death.requests as f64);
        let name = label(plan, &point.key.arm);
        Some(HeadlineFigure {
            value: Text::figure(format!("{share} %{}", if death.valid { "" } else { " ✗" })),
            what: Text::new("failed in the run in which a node died", "fallaron en la corrida en que murió un nodo"),
            below: name,
            point: number_of(report, &point.key),
        })
    });
    compared.chain(ceilings).chain(deaths).collect()
}

fn following(report: &Report, followed: &Followed) -> Vec<HeadlineFigure> {
    let last = report.manifest.plan.scales.last();
    let figure = |arm: &FollowedArm| HeadlineFigure {
        value: both!(
            "{outside} of {seconds} s",
            "{outside} de {seconds} s",
            outside = short(arm.seconds_outside),
            seconds = short(arm.seconds)
        ),
        what: arm.label.clone(),
        below: both!(
            "outside the objective; {paid} unit-seconds",
            "fuera del objetivo; {paid} unidades·segundo",
            paid = plain(arm.unit_seconds)
        ),
        point: last.and_then(|scale| number_of(report, &PointKey::new(&arm.arm, scale.clone()))),
    };
    followed.arms.iter().map(figure).collect()
}

fn last_points(report: &Report) -> impl Iterator<Item = &Point> {
    let last = report.points.last().map(|point| &point.key.scale);
    report.points.iter().filter(move |point| Some(&point.key.scale) == last)
}

/// What stopped each arm at the last scale, with how much of each resource was used there.
fn stopped(report: &Report) -> Markup {
    html! {
        div.stopped {
            h2 { (stopped_name(report)) }
            @for point in last_points(report) {
                div.stop data-resource=(point.binding.resource.name()) {
                    p {
                        b { (label(&report.manifest.plan, &point.key.arm)) } (short_name(report, point)) ": "
                        (words::limit(point.binding.resource)) ". "
                        span.small { (point.binding.words().upper_first()) "." }
                    }
                    (bars(point))
                }
            }
        }
    }
}

/// The arm's name, by which tables and sentences below know it, where that is not what it is called here.
fn short_name(report: &Report, point: &Point) -> Text {
    let name = Text::name(&point.key.arm);
    match label(&report.manifest.plan, &point.key.arm) {
        called if called.en() == name.en() => Text::default(),
        _ => both!(" ({name})", " ({name})", name),
    }
}

fn stopped_name(report: &Report) -> Text {
    match report.followed {
        // Only sizes that stay as they are have a ceiling.
        Some(_) => Text::new("What stopped the fixed sizes", "Qué detuvo a los tamaños fijos"),
        None => Text::new("What stopped each", "Qué detuvo a cada una"),
    }
}

/// A bar: the resource's name for the style sheet, what it is called, how full it was, and whether it was the limit.
struct Bar {
    resource: &'static str,
    name: Text,
    percent: f64,
    binds: bool,
}

fn used(point: &Point) -> Vec<Bar> {
    let used = &point.used;
    let store = point.store.as_ref().and_then(|store| store.used.service.as_ref());
    let store =
        store.and_then(|service| Some(100.0 * service.cpu_cores / service.quota_cores.filter(|quota| *quota > 0.0)?));
    let cpu = if point.quota_cores.is_some() { Resource::CpuQuota } else { Resource::Cpu };
    let cpu_name = match cpu {
        Resource::CpuQuota => Text::new("CPU quota", "cuota de CPU"),
        _ => Text::new("CPU of the nodes, of a core", "CPU de los nodos, de un núcleo"),
    };
    let all = [
        (Limit::Node(cpu), cpu_name, used.cpu_percent),
        (Limit::Node(Resource::Pool), Text::new("thread pool", "pool de hilos"), used.pool_percent),
        (Limit::Node(Resource::Io), Text::new("waiting for the disk", "espera del disco"), used.iowait_percent),
        (Limit::Node(Resource::Store), Text::new("store", "almacén"), store),
        (Limit::Balancer, Text::new("balancer", "balanceador"), used.balancer_cpu_percent),
        (Limit::Generator, Text::new("load generator", "generador de carga"), used.generator_cpu_percent),
    ];
    let bar = |(limit, name, percent): (Limit, Text, Option<f64>)| {
        Some(Bar { resource: limit.name(), name, percent: percent?, binds: limit == point.binding.resource })
    };
    all.into_iter().filter_map(bar).collect()
}

fn bars(point: &Point) -> Markup {
    html! {
        ul.map {
            @for bar in used(point) {
                li data-resource=(bar.resource) data-binds[bar.binds] {
                    span { (bar.name) }
                    div.meter { i class={ "r-" (bar.resource) } style={ "width:" (format!("{:.1}", bar.percent.clamp(0.0, 100.0))) "%" } {} }
                    b { (Text::figure(format!("{} %", percent(bar.percent)))) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn many_arms_are_a_table_and_the_largest_difference_is_the_answer() {
        let mut results = sample::results();
        let third = results.manifest.plan.arms[1].clone();
        results.manifest.plan.arms.push(crate::results::arm::Arm { name: "diagonal".into(), label: None, ..third });
        let runs = results.runs.clone();
        results.runs.extend(runs.into_iter().filter(|run| run.point.arm == "horizontal").map(|mut run| {
            run.point.arm = "diagonal".into();
            run.load.throughput_per_second *= 3.0;
            run
        }));
        let report = Report::of(&results, None).unwrap();
        let page = hero(&report, "answer", "").into_string().replace('\u{a0}', " ");
        for words in [
            "161 % more answers with diagonal; 2 of 2 differ from one big node",
            "against one big node: the difference is that of the blocks",
            "stopped by",
            "los detuvo",
        ] {
            assert_eq!(page.contains(words), words != "los detuvo", "'{words}' in {page}");
        }
        assert_eq!(page.matches("<tr").count(), 4, "a head, and a row an arm");
        assert!(!page.contains("class=\"kpis\"") && page.contains("href=\"#runs-"));
    }
}
