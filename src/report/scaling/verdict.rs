//! The answer to an experiment with a load that changes, in plain words.

use super::{Followed, FollowedArm};
use crate::design::{Text, both};
use crate::report::words;
use crate::results::number::{percent, plain, short};

/// Who followed the load how well, for how much, in one or two sentences.
pub fn headline(followed: &Followed) -> Text {
    let scaled: Vec<&FollowedArm> = followed.arms.iter().filter(|arm| !arm.fixed).collect();
    if scaled.is_empty() {
        return Text::new(
            "No size followed the load: only fixed sizes were measured.",
            "Ningún tamaño siguió la carga: solo se midieron tamaños fijos.",
        );
    }
    let claims = Text::join(scaled.iter().map(|arm| claim(followed, arm)), "; ").upper_first();
    let fixed = Text::join(followed.arms.iter().filter(|arm| arm.fixed).map(fixed_words), "; ");
    if fixed.is_empty() {
        return both!("{claims}.", "{claims}.", claims);
    }
    both!("{claims}. For comparison: {fixed}.", "{claims}. Para comparar: {fixed}.", claims, fixed)
}

fn claim(followed: &Followed, arm: &FollowedArm) -> Text {
    let cost = match (followed.percent_of_largest(arm), followed.largest_fixed()) {
        (Some(share), Some(largest)) => both!(
            "for {share} % of the unit-seconds of {largest}",
            "por el {share} % de las unidades·segundo que usó {largest}",
            share = percent(share),
            largest = largest.label
        ),
        _ => both!("for {paid} unit-seconds", "por {paid} unidades·segundo", paid = plain(arm.unit_seconds)),
    };
    both!(
        "with {arm}, {outside}, {cost}{valid}",
        "con {arm}, {outside}, {cost}{valid}",
        outside = outside(arm),
        valid = valid(arm),
        cost,
        arm = arm.label
    )
}

fn fixed_words(arm: &FollowedArm) -> Text {
    both!(
        "{arm}: {outside}{valid}",
        "{arm}: {outside}{valid}",
        outside = outside(arm),
        valid = valid(arm),
        arm = arm.label
    )
}

fn outside(arm: &FollowedArm) -> Text {
    let failed = match arm.failed {
        0 => Text::new("no request failed", "no falló ninguna petición"),
        1 => Text::new("1 request failed", "falló 1 petición"),
        failed => both!("{failed} requests failed", "fallaron {failed} peticiones", failed),
    };
    both!(
        "{outside} of {seconds} s missed the objective and {failed}",
        "{outside} de {seconds} s quedaron fuera del objetivo y {failed}",
        outside = short(arm.seconds_outside),
        seconds = short(arm.seconds),
        failed
    )
}

fn valid(arm: &FollowedArm) -> Text {
    if arm.valid { Text::default() } else { Text::new(" (not valid)", " (no válido)") }
}

/// What the figures are measured against, and what a careful reader sees in them.
pub fn paragraph(followed: &Followed, look_at: &Text) -> Text {
    let load = both!(
        "The load {shape} rises to {share} % of what the largest fixed size answers; a unit holds {rate} requests a second within the objective.",
        "La carga {shape} sube hasta el {share} % de lo que responde el mayor tamaño fijo; una unidad soporta {rate} peticiones por segundo dentro del objetivo.",
        shape = words::shape(followed.profile.shape),
        share = percent(100.0 * followed.profile.peak),
        rate = plain(followed.capacity.of_a_unit())
    );
    let units = match followed.smallest_units {
        1 => Text::new("1 unit", "1 unidad"),
        units => both!("{units} units", "{units} unidades", units),
    };
    let possible = both!(
        "A size that knows the load would pay {least} unit-seconds, and the smallest fixed size that holds all of it, {units}, would pay {smallest}.",
        "Un tamaño que conoce la carga pagaría {least} unidades·segundo, y el menor tamaño fijo que la soporta entera, {units}, pagaría {smallest}.",
        least = plain(followed.least_unit_seconds),
        units,
        smallest = plain(followed.smallest_unit_seconds)
    );
    let paid = |arm: &FollowedArm| {
        let share = percent(followed.percent_of_least(arm)?);
        Some(both!("{arm} paid {share} %", "{arm} pagó el {share} %", arm = Text::name(&arm.arm), share))
    };
    let against: Vec<Text> = followed.arms.iter().filter(|arm| !arm.fixed).filter_map(paid).collect();
    let against = (!against.is_empty()).then(|| {
        both!(
            "Of these {least}, {parts}.",
            "De esas {least}, {parts}.",
            least = plain(followed.least_unit_seconds),
            parts = Text::list(against)
        )
    });
    let all = [Some(load), Some(possible), against, simulated(followed), Some(look_at.clone())];
    Text::join(all.into_iter().flatten(), " ")
}

/// How far the simulation of each autoscaler is from what was measured.
fn simulated(followed: &Followed) -> Option<Text> {
    let differences: Vec<Text> = followed
        .arms
        .iter()
        .filter_map(|arm| {
            let off = 100.0 * (arm.simulated_unit_seconds? / arm.unit_seconds - 1.0);
            Some(Text::name(format!("{} {off:+.0} %", arm.arm)))
        })
        .collect();
    (!differences.is_empty()).then(|| {
        both!(
            "Simulated against measured unit-seconds: {parts}.",
            "Unidades·segundo simuladas contra medidas: {parts}.",
            parts = Text::list(differences)
        )
    })
}
