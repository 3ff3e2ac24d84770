//! How sizes followed a load, for a terminal: tables, and a line of signs for each curve.

use super::timeline::Second;
use super::{Followed, FollowedArm};
use crate::autoscale::elasticity::SpeedupBound;
use crate::design::Text;
use crate::report::columns::{Column, figure, words};
use crate::results::number::{or_dash, percent, plain, short};

/// What each arm cost, and what its users saw.
pub const COST: &[Column<(Followed, FollowedArm)>] = &[
    words("arm", Some("arm"), |(_, arm)| format!("{}{}", arm.arm, if arm.valid { "" } else { " ✗" })),
    figure("runs", None, |(_, arm)| arm.runs.to_string()),
    figure("seconds outside the objective", Some("s outside"), |(_, arm)| {
        format!("{} of {}", short(arm.seconds_outside), short(arm.seconds))
    }),
    figure("requests", None, |(_, arm)| arm.requests.to_string()),
    figure("failed", Some("failed"), |(_, arm)| arm.failed_words()),
    figure("changes of size", Some("changes"), |(_, arm)| short(arm.changes)),
    figure("unit-seconds paid", Some("unit-s"), |(_, arm)| plain(arm.unit_seconds)),
    figure("of the largest fixed size, %", Some("% largest"), |(all, arm)| {
        or_dash(all.percent_of_largest(arm), percent)
    }),
    figure("of the least possible, %", Some("% least"), |(all, arm)| or_dash(all.percent_of_least(arm), percent)),
    figure("simulated unit-seconds", Some("simulated"), |(_, arm)| or_dash(arm.simulated_unit_seconds, plain)),
];

/// The elasticity metrics of the SPEC Research Group.
pub const ELASTICITY: &[Column<(Followed, FollowedArm)>] = &[
    words("arm", Some("arm"), |(_, arm)| arm.arm.clone()),
    figure("units missing, mean", Some("missing"), |(_, arm)| two(arm.elasticity.map(|of| of.under_accuracy))),
    figure("units too many, mean", Some("too many"), |(_, arm)| two(arm.elasticity.map(|of| of.over_accuracy))),
    figure("missing, share of demand", None, |(_, arm)| {
        hundred(arm.elasticity.and_then(|of| of.under_accuracy_normalized))
    }),
    figure("too many, share of demand", None, |(_, arm)| {
        hundred(arm.elasticity.and_then(|of| of.over_accuracy_normalized))
    }),
    figure("time with too few, %", Some("too few %"), |(_, arm)| hundred(arm.elasticity.map(|of| of.under_time_share))),
    figure("time with too many, %", Some("too many %"), |(_, arm)| {
        hundred(arm.elasticity.map(|of| of.over_time_share))
    }),
    figure("jitter, units a second", Some("jitter"), |(_, arm)| two(arm.elasticity.map(|of| of.jitter))),
    figure("instability, %", Some("unstable %"), |(_, arm)| hundred(arm.elasticity.map(|of| of.instability))),
    figure("elastic speedup", Some("speedup"), |(_, arm)| speedup(arm)),
];

/// What the columns of [`ELASTICITY`] mean.
pub fn elasticity_note() -> Text {
    Text::new(ELASTICITY_NOTE, ELASTICITY_NOTE_ES)
}

const ELASTICITY_NOTE: &str = "Elasticity by SPEC RG (Herbst et al.): demand is the fewest units that hold the \
    objective, supply the units that are ready; units missing and too many on average, share of the time with too few and too \
    many. Jitter above 0: more changes than the demand has. Speedup: how \
    many times better than the smallest fixed size, the geometric mean over missing and too many, as shares of the demand and \
    of the time. A figure of 0 counts as one unit for one second: then ≥ is a lower bound, ≤ an upper one, ~ neither.";

const ELASTICITY_NOTE_ES: &str = "Elasticidad según SPEC RG (Herbst et al.): la demanda es la menor cantidad de unidades que cumple el \
    objetivo; la oferta, las unidades que están listas; unidades que faltan y que sobran en promedio, parte del tiempo con muy \
    pocas y con demasiadas. Oscilación mayor que 0: más cambios de los que tiene la demanda. Aceleración: cuántas veces mejor que \
    el menor tamaño fijo, la media geométrica de lo que falta y lo que sobra, como partes de la demanda y del tiempo. Una cifra \
    de 0 cuenta como una unidad durante un segundo: entonces ≥ es una cota inferior, ≤ una superior, ~ ninguna de las dos.";

fn two(value: Option<f64>) -> String {
    or_dash(value, |value| format!("{value:.2}"))
}

fn speedup(arm: &FollowedArm) -> String {
    let sign = match arm.speedup_bound {
        None | Some(SpeedupBound::Exact) => "",
        Some(SpeedupBound::AtLeast) => "≥ ",
        Some(SpeedupBound::AtMost) => "≤ ",
        Some(SpeedupBound::Rough) => "~ ",
    };
    or_dash(arm.speedup, |value| format!("{sign}{value:.2}"))
}

fn hundred(share: Option<f64>) -> String {
    or_dash(share, |share| percent(100.0 * share))
}

/// A row of the tables for each arm.
pub fn rows(followed: &Followed) -> Vec<(Followed, FollowedArm)> {
    // Without the timelines: a row needs figures alone.
    let bare = Followed { arms: followed.arms.iter().map(bare).collect(), ..followed.clone() };
    bare.arms.iter().map(|arm| (bare.clone(), arm.clone())).collect()
}

fn bare(arm: &FollowedArm) -> FollowedArm {
    FollowedArm { timeline: Vec::new(), scaling: crate::results::scaling::Scaling::default(), ..arm.clone() }
}

/// Width of the name before the signs.
const NAME: usize = 10;
/// Most signs in a line.
const WIDTH: usize = 72;
/// Heights of a curve, from nothing to all.
const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The timeline of an arm: a sign for each second, or for some of them together.
pub fn timeline(arm: &FollowedArm) -> String {
    let each = arm.timeline.len().div_ceil(WIDTH).max(1);
    let parts: Vec<&[Second]> = arm.timeline.chunks(each).collect();
    let most = arm.timeline.iter().map(|second| second.offered).max().unwrap_or(0).max(1);
    let sign = |seconds: &&[Second]| {
        let offered = seconds.iter().map(|second| second.offered).max().unwrap_or(0);
        HEIGHTS[(offered as usize * (HEIGHTS.len() - 1)).div_ceil(most as usize)]
    };
    let a_sign = if each == 1 { "a second a sign".to_owned() } else { format!("{each} s a sign") };
    let mut out = format!("{}, {a_sign}:\n", arm.label.en());
    let mut line = |name: &str, signs: String, after: &str| out += &format!("  {name:NAME$}{signs}{after}\n");
    line("load", parts.iter().map(sign).collect(), &format!("  up to {most}/s"));
    line("needed", parts.iter().map(|part| digit(part.iter().map(|second| second.needed).max())).collect(), "");
    if !arm.fixed {
        line("wanted", parts.iter().map(|part| digit(part.iter().map(|second| second.wanted).max())).collect(), "");
    }
    line("ready", parts.iter().map(|part| digit(part.iter().map(|second| second.supply.ready).min())).collect(), "");
    line("starting", marks(&parts, |second| second.supply.starting), "");
    line("draining", marks(&parts, |second| second.supply.draining), "");
    line("no room", marks(&parts, |second| second.supply.waiting), "");
    line("machines", marks(&parts, |second| second.supply.machines.map_or(0, |machines| machines.ready)), "");
    line("booting", marks(&parts, |second| second.supply.machines.map_or(0, |machines| machines.booting)), "");
    line("outside", parts.iter().map(|part| outside(part)).collect(), "  x objective missed, F requests failed");
    // A curve that is never there says nothing.
    out.lines()
        .filter(|line| line.chars().skip(2 + NAME).any(|sign| !sign.is_whitespace()))
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

fn marks(parts: &[&[Second]], of: impl Fn(&Second) -> u32) -> String {
    let most = |part: &&[Second]| match part.iter().map(&of).max() {
        None | Some(0) => ' ',
        units => digit(units),
    };
    parts.iter().map(most).collect()
}

/// Units as one sign; above 35 there is none.
fn digit(units: Option<u32>) -> char {
    units.and_then(|units| char::from_digit(units, 36)).unwrap_or('+')
}

fn outside(part: &[Second]) -> char {
    match () {
        () if part.iter().any(|second| second.failed > 0) => 'F',
        () if part.iter().any(|second| !second.in_time) => 'x',
        () => '·',
    }
}
