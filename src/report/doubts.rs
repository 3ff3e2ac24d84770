//! What could be wrong with an answer: everything that a careful reader would hold against it, what matters most first.

use serde::{Serialize, Serializer};

use super::analysis::{self, Point};
use super::comparison::ArmComparison;
use super::scaling::Followed;
use super::usage;
use super::words;
use crate::bench::steps;
use crate::design::{Text, both};
use crate::results::arm::PointKey;
use crate::results::comparison::{ENOUGH_BLOCKS, counted_blocks};
use crate::results::experiment::Size;
use crate::results::folder::Results;
use crate::results::number::{milliseconds, percent};
use crate::results::run::Run;
use crate::results::statistics::Spread;

/// A quota of which at least this much was used, in percent, was the limit in that run.
const USED_UP_PERCENT: f64 = 97.0;
/// Blocks that spread further than this, in percent of their median, deserve a word; and a machine whose own speed does.
const WIDE_SPREAD_PERCENT: f64 = 10.0;
/// A thread of the generator that is busy for so much of the time is near its limit, in percent; from 90 on a run is not valid.
const GENERATOR_BUSY_PERCENT: f64 = 70.0;
/// Other processes that used so much of the machine are told, in percent; above 10 a run is not valid.
const FOREIGN_PERCENT: f64 = 3.0;
/// A generator that is late by so much of the response time moves it, in percent.
const LATE_PERCENT: f64 = 10.0;

/// How much a doubt weighs, the heaviest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Figures that may not be used.
    Unusable,
    /// Something that was planned, or asked for, is not there.
    Missing,
    /// The figure is only one end of where the truth lies.
    Bounded,
    /// Something else may have moved the figures to one side.
    Shifted,
    /// The figures are less sure than they look.
    Unsure,
}

impl Weight {
    /// What stands before the doubt.
    pub fn name(self) -> Text {
        match self {
            Self::Unusable => Text::new("Not usable", "No se puede usar"),
            Self::Missing => Text::new("Missing", "Falta"),
            Self::Bounded => Text::new("Lower bound", "Cota inferior"),
            Self::Shifted => Text::new("May shift the figures", "Puede correr las cifras"),
            Self::Unsure => Text::new("Less sure", "Menos seguro"),
        }
    }
}

/// One of them, with its figures.
#[allow(missing_docs)] // the names say it
#[derive(Clone, Debug, PartialEq)]
pub enum Doubt {
    /// A point without a valid run, the first of its reasons, and how many further ones there are.
    NotValid { place: DoubtPlace, reason: Text, further: usize },
    /// The bench ended early.
    Incomplete { done: usize, visits: usize },
    /// Not every comparison is as narrow as it was asked to be, in percent.
    NotPrecise { percent: f64 },
    /// Points whose highest level was still the best.
    LowerBound { points: Vec<PointKey> },
    /// The generator's busiest thread was near its limit, in percent of the time.
    GeneratorBusy { place: PointKey, percent: f64 },
    /// Other processes used CPU beside valid runs, in percent of the machine.
    ForeignCpu { place: PointKey, percent: f64 },
    /// The generator sent late: 99 % of its requests within so many milliseconds, where 99 % were answered within so many.
    Late { place: PointKey, late_milliseconds: f64, p99_milliseconds: f64 },
    /// Ceilings in which requests in flight, rate and response time do not fit together.
    Unsteady { runs: usize, of: usize },
    /// Arms whose comparison with the first rests on few blocks, so many at least.
    FewBlocks { places: Vec<PointKey>, blocks: usize },
    /// Blocks that scatter, with the change of the machine's own speed and the shares of the quota that were used.
    Spread { widest_percent: f64, speed_percent: Option<f64>, used: Option<Spread>, more_blocks: bool },
    /// The machine changed its pace, in percent, though the blocks of a point hardly scatter.
    Pace { percent: f64 },
}

/// Where something was measured.
#[derive(Clone, Debug, PartialEq)]
pub enum DoubtPlace {
    /// At a point.
    Point(PointKey),
    /// Under the load that changes, by this arm.
    Changing(String),
}

impl DoubtPlace {
    fn words(&self) -> Text {
        match self {
            Self::Point(key) => words::place(key),
            Self::Changing(arm) => {
                let arm = Text::name(arm);
                both!("{arm} under the load that changes", "{arm} con la carga que cambia", arm)
            }
        }
    }
}

/// In JSON a doubt is its English sentence.
impl Serialize for Doubt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.words().serialize(serializer)
    }
}

impl Doubt {
    /// How much it weighs.
    pub fn weight(&self) -> Weight {
        match self {
            Self::NotValid { .. } => Weight::Unusable,
            Self::Incomplete { .. } | Self::NotPrecise { .. } => Weight::Missing,
            Self::LowerBound { .. } => Weight::Bounded,
            Self::GeneratorBusy { .. } | Self::ForeignCpu { .. } | Self::Late { .. } | Self::Unsteady { .. } => {
                Weight::Shifted
            }
            Self::FewBlocks { .. } | Self::Spread { .. } | Self::Pace { .. } => Weight::Unsure,
        }
    }

    /// It in one sentence, without its full stop.
    pub fn words(&self) -> Text {
        let key = words::place;
        match self {
            Self::NotValid { place, reason, further } => not_valid(place, reason, *further),
            Self::Incomplete { done, visits } => both!(
                "incomplete: {done} of {visits} visits were measured to their end",
                "incompleta: se midieron hasta el final {done} de {visits} visitas",
                done,
                visits
            ),
            Self::NotPrecise { percent } => both!(
                "not every comparison is known to within {percent} % to either side, as --until asked: the time was up, or the bench ended early",
                "no todas las comparaciones se conocen con un margen del {percent} % hacia cada lado, como pedía --until: se acabó el tiempo, o la medición terminó antes",
                percent = percent.to_string()
            ),
            Self::LowerBound { points } => both!(
                "{points}: the highest level that was tried was still the best one, so the ceiling is at least this high and may be higher; more 'connections' in the experiment's file try more",
                "{points}: el nivel más alto que se probó seguía siendo el mejor, así que el techo es por lo menos ese y puede ser más alto; más 'connections' en el archivo del experimento prueban más",
                points = Text::list(points.iter().map(key))
            ),
            Self::GeneratorBusy { place, percent: busy } => both!(
                "{place}: the busiest thread of the load generator worked {busy} % of the time, so the generator itself may have held the figures down; a longer request, or a generator on another machine, tells",
                "{place}: el hilo más ocupado del generador de carga trabajó el {busy} % del tiempo, así que el propio generador puede haber frenado las cifras; una petición más larga, o un generador en otra máquina, lo aclara",
                place = key(place),
                busy = percent(*busy)
            ),
            Self::ForeignCpu { place, percent: foreign } => both!(
                "{place}: processes that have nothing to do with the bench used {foreign} % of the machine's CPU meanwhile; figures there may be too low",
                "{place}: procesos ajenos a la medición usaron mientras tanto el {foreign} % de la CPU de la máquina; las cifras de ahí pueden ser demasiado bajas",
                place = key(place),
                foreign = percent(*foreign)
            ),
            Self::Late { place, late_milliseconds, p99_milliseconds } => both!(
                "{place}: the generator sent its requests up to {late} ms late (p99), beside a p99 of {p99} ms: response times count from when a request was due, so this delay is in them",
                "{place}: el generador envió sus peticiones hasta {late} ms tarde (p99), junto a un p99 de {p99} ms: los tiempos de respuesta cuentan desde que la petición debía salir, así que esa demora está dentro de ellos",
                place = key(place),
                late = milliseconds(*late_milliseconds),
                p99 = milliseconds(*p99_milliseconds)
            ),
            Self::Unsteady { runs, of } => both!(
                "in {runs} of {of} runs behind the ceilings, requests in flight, rate and response time do not fit together (Little's law): a queue still grew or drained",
                "en {runs} de las {of} corridas detrás de los techos, las peticiones en curso, la tasa y el tiempo de respuesta no concuerdan (ley de Little): una cola todavía crecía o se vaciaba",
                runs,
                of
            ),
            Self::FewBlocks { places, blocks } => both!(
                "{places}: the comparison rests on {blocks}, and fewer than {enough} hardly tell how far blocks spread: its interval is wide, and may itself be off; --resume with more --blocks adds some",
                "{places}: la comparación se apoya en {blocks}, y menos de {enough} casi no dicen cuánto se dispersan los bloques: su intervalo es ancho, y él mismo puede estar errado; --resume con más --blocks agrega algunos",
                places = Text::list(places.iter().map(key)),
                blocks = counted_blocks(*blocks),
                enough = ENOUGH_BLOCKS
            ),
            Self::Spread { widest_percent, speed_percent, used, more_blocks } => {
                spread(*widest_percent, *speed_percent, *used, *more_blocks)
            }
            Self::Pace { percent: changed } => both!(
                "the machine's own speed (one fixed computation, timed beside every run) changed by {changed} % over the bench: comparisons are made within blocks and keep clear of it, ceilings of different blocks or points do not",
                "la velocidad de la propia máquina (un cálculo fijo, medido junto a cada corrida) cambió un {changed} % durante la medición: las comparaciones se hacen dentro de cada bloque y no sufren por eso; los techos de bloques o puntos distintos, sí",
                changed = format!("{changed:.0}")
            ),
        }
    }
}

fn not_valid(place: &DoubtPlace, reason: &Text, further: usize) -> Text {
    let further = match further {
        0 => Text::default(),
        1 => Text::new(
            ", and another run was not valid for a like reason",
            ", y otra corrida no fue válida por una razón parecida",
        ),
        count => both!(
            ", and {count} further runs were not valid for like reasons",
            ", y otras {count} corridas no fueron válidas por razones parecidas",
            count
        ),
    };
    both!("{place}: {reason}{further}", "{place}: {reason}{further}", place = place.words(), reason, further)
}

fn spread(widest: f64, speed: Option<f64>, used: Option<Spread>, more_blocks: bool) -> Text {
    let speed = speed.map_or_else(Text::default, |speed| {
        both!(
            "; the machine's own speed (one fixed computation, timed beside every run) changed by {speed} % meanwhile",
            "; la velocidad de la propia máquina (un cálculo fijo, medido junto a cada corrida) cambió un {speed} % mientras tanto",
            speed = format!("{speed:.0}")
        )
    });
    let whole = |value: f64| format!("{value:.0}");
    let used = match used {
        None => Text::default(),
        Some(used) if used.low > USED_UP_PERCENT => both!(
            ", while every run used {low} % of its quota or more: what changed is how far a CPU second goes",
            ", mientras cada corrida usó el {low} % de su cuota o más: lo que cambió es cuánto rinde un segundo de CPU",
            low = whole(used.low)
        ),
        Some(used) => both!(
            "; the nodes used {low} to {high} % of their quota",
            "; los nodos usaron del {low} al {high} % de su cuota",
            low = whole(used.low),
            high = whole(used.high)
        ),
    };
    let longer = if more_blocks { Text::new("more blocks", "más bloques") } else { Text::name("--full") };
    both!(
        "the blocks of a point spread by up to {widest} % of their median{speed}{used}. A quieter machine, or {longer}, narrows it",
        "los bloques de un punto se dispersan hasta un {widest} % de su mediana{speed}{used}. Con una máquina más tranquila, o con {longer}, se dispersan menos",
        widest = whole(widest),
        speed,
        used,
        longer
    )
}

/// All of them but [`incomplete`], the heaviest first.
pub fn doubts(
    results: &Results,
    points: &[Point],
    comparisons: &[ArmComparison],
    followed: Option<&Followed>,
    machine_speed: Option<Spread>,
) -> Vec<Doubt> {
    let plan = &results.manifest.plan;
    let mut doubts = invalid(points, followed);
    if let Some(percent) = plan.until_percent.filter(|percent| !steps::is_precise(plan, &results.runs, *percent)) {
        doubts.push(Doubt::NotPrecise { percent });
    }
    let bounded: Vec<PointKey> =
        points.iter().filter(|point| point.valid && !point.is_limit).map(|point| point.key.clone()).collect();
    if !bounded.is_empty() {
        doubts.push(Doubt::LowerBound { points: bounded });
    }
    doubts.extend(shifted(results, points));
    let few = comparisons.iter().filter(|comparison| comparison.valid && comparison.goodput.blocks < ENOUGH_BLOCKS);
    let places = few.clone().map(|few| PointKey::new(&few.arm, few.scale.clone())).collect();
    doubts.extend(few.map(|few| few.goodput.blocks).min().map(|blocks| Doubt::FewBlocks { places, blocks }));
    doubts.extend(scattered(results, points, machine_speed));
    doubts.sort_by_key(Doubt::weight);
    doubts
}

fn invalid(points: &[Point], followed: Option<&Followed>) -> Vec<Doubt> {
    let places = points.iter().map(|point| (DoubtPlace::Point(point.key.clone()), &point.reasons));
    let arms = followed.into_iter().flat_map(|followed| &followed.arms);
    let arms = arms.map(|arm| (DoubtPlace::Changing(arm.arm.clone()), &arm.reasons));
    let one = |(place, reasons): (DoubtPlace, &Vec<Text>)| {
        let mut reasons: Vec<&Text> = reasons.iter().collect();
        reasons.sort_by_key(|reason| reason.en());
        reasons.dedup();
        let [reason, further @ ..] = &*reasons else { return None };
        Some(Doubt::NotValid { place, reason: (*reason).clone(), further: further.len() })
    };
    places.chain(arms).filter_map(one).collect()
}

/// How much of the plan was measured, where it is not all.
pub fn incomplete(results: &Results) -> Option<Doubt> {
    let plan = &results.manifest.plan;
    let visits = plan.visits();
    let done = visits.iter().filter(|visit| steps::next_level(plan, visit, &results.runs).is_none()).count();
    (done < visits.len()).then_some(Doubt::Incomplete { done, visits: visits.len() })
}

/// What may have moved valid figures to one side: of each kind the worst place.
fn shifted(results: &Results, points: &[Point]) -> Vec<Doubt> {
    let ceilings: Vec<&Run> = points
        .iter()
        .flat_map(|point| analysis::ceiling_runs(results, &point.key))
        .filter(|run| run.verdict.valid)
        .collect();
    let worst = |runs: &[&Run], least: f64, of: &dyn Fn(&Run) -> Option<f64>| {
        let told = runs.iter().filter_map(|run| Some((run.point.clone(), of(run).filter(|value| *value >= least)?)));
        told.max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let busy = worst(&ceilings, GENERATOR_BUSY_PERCENT, &|run| run.load.generator.busiest_thread_percent);
    let foreign = worst(&ceilings, FOREIGN_PERCENT, &|run| {
        let cores = run.machine.cores.filter(|cores| *cores > 0.0)?;
        Some(100.0 * run.machine.foreign_cores? / cores)
    });
    let open: Vec<&Run> = results
        .runs
        .iter()
        .filter(|run| run.verdict.valid && run.load.generator.dispatch_lag_milliseconds.is_some())
        .collect();
    let times =
        |run: &Run| Some((run.load.generator.dispatch_lag_milliseconds?.p99, run.load.latency_milliseconds?.p99));
    let late = open.iter().filter_map(|run| Some((run.point.clone(), times(run)?)));
    let late = late
        .filter(|(_, (late, p99))| *late >= LATE_PERCENT / 100.0 * p99)
        .max_by(|(_, a), (_, b)| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    let unsteady = ceilings.iter().filter(|run| run.load.littles_law.holds == Some(false)).count();
    [
        busy.map(|(place, percent)| Doubt::GeneratorBusy { place, percent }),
        foreign.map(|(place, percent)| Doubt::ForeignCpu { place, percent }),
        (unsteady > 0).then_some(Doubt::Unsteady { runs: unsteady, of: ceilings.len() }),
        late.map(|(place, (late_milliseconds, p99_milliseconds))| Doubt::Late {
            place,
            late_milliseconds,
            p99_milliseconds,
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How far blocks spread, and whether the machine explains it.
fn scattered(results: &Results, points: &[Point], machine_speed: Option<Spread>) -> Option<Doubt> {
    let widest_percent = points.iter().map(|point| point.spread_percent).fold(0.0, f64::max);
    let speed_percent = machine_speed.map(|speed| speed.percent());
    if widest_percent <= WIDE_SPREAD_PERCENT {
        return speed_percent.filter(|percent| *percent > WIDE_SPREAD_PERCENT).map(|percent| Doubt::Pace { percent });
    }
    let used = cpu_of_quota(results, points);
    let more_blocks = results.manifest.plan.name == Size::Full.name();
    Some(Doubt::Spread { widest_percent, speed_percent, used, more_blocks })
}

/// CPU that each run behind a ceiling used of its quota, in percent. `None` where a point has no quota.
fn cpu_of_quota(results: &Results, points: &[Point]) -> Option<Spread> {
    let runs = points.iter().flat_map(|point| analysis::ceiling_runs(results, &point.key));
    let used = Spread::of(runs.filter_map(usage::cpu_percent))?;
    points.iter().all(|point| point.quota_cores.is_some()).then_some(used)
}

#[cfg(test)]
mod tests;
