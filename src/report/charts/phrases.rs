//! The words of charts in Spanish, by their English: axes, legends, marks. What is not here is a name, or is shown in English.

use crate::design::Text;

const PHRASES: &[(&str, &str)] = &[
    ("requests a second", "peticiones por segundo"),
    ("requests offered a second", "peticiones ofrecidas por segundo"),
    ("response time, ms", "tiempo de respuesta, ms"),
    ("used, %", "usado, %"),
    ("units", "unidades"),
    ("units of CPU", "unidades de CPU"),
    ("nodes", "nodos"),
    ("connections", "conexiones"),
    ("rows", "filas"),
    ("seconds", "segundos"),
    ("percentile", "percentil"),
    ("cpu-quota", "cuota de CPU"),
    ("cpu", "CPU"),
    ("io", "disco"),
    ("memory", "memoria"),
    ("network", "red"),
    ("pool", "pool de hilos"),
    ("store", "almacén"),
    ("balancer", "balanceador"),
    ("generator", "generador de carga"),
    ("others", "otros procesos"),
    ("none", "ninguno"),
    ("difference, %", "diferencia, %"),
    ("ideal growth", "crecimiento ideal"),
    ("law and its 95 % band", "la ley y su banda del 95 %"),
    ("median and range of the blocks", "mediana y rango de los bloques"),
    ("not valid", "no válido"),
    ("99 %", "99 %"),
    ("half", "la mitad"),
    ("CPU quota", "cuota de CPU"),
    ("throttled periods", "períodos frenados"),
    ("pool threads", "hilos del pool"),
    ("balancer (of one core)", "balanceador (de un núcleo)"),
    ("generator (of one core)", "generador (de un núcleo)"),
    ("I/O wait", "espera de E/S"),
    ("one big machine", "una máquina grande"),
    ("small machines and a balancer", "máquinas pequeñas y un balanceador"),
    ("break-even", "punto de equilibrio"),
    ("load", "carga"),
    ("what the ready units hold within the objective", "lo que soportan las unidades listas dentro del objetivo"),
    ("ready", "listas"),
    ("needed", "necesarias"),
    ("wanted", "pedidas"),
    ("paid: ready, starting and draining", "pagadas: listas, arrancando y drenando"),
    ("machines, and nodes that wait for one", "máquinas, y nodos que esperan una"),
    ("ready and booting", "listas y arrancando"),
    ("nodes without a machine", "nodos sin máquina"),
    ("outside the objective", "fuera del objetivo"),
    ("less than this matters", "menos que esto no importa"),
    ("95 % interval", "intervalo del 95 %"),
];

/// A phrase in both languages. A name before a comma stays: `horizontal, 99 %`.
pub fn phrase(english: &str) -> Text {
    let known = |words: &str| PHRASES.iter().find(|(known, _)| *known == words).map(|(_, spanish)| *spanish);
    if let Some(spanish) = known(english) {
        return Text::new(english, spanish);
    }
    match english.split_once(", ").and_then(|(name, rest)| Some((name, known(rest)?))) {
        Some((name, spanish)) => Text::new(english, format!("{name}, {spanish}")),
        None => english.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_and_words_are_translated() {
        assert_eq!(phrase("units").es(), "unidades");
        assert_eq!(phrase("horizontal, half").es(), "horizontal, la mitad");
        assert_eq!((phrase("p99 ≤ 250 ms").en(), phrase("p99 ≤ 250 ms").es()), ("p99 ≤ 250 ms", "p99 ≤ 250 ms"));
    }
}
