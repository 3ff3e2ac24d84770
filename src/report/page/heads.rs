//! The heads of the tables: a name in two languages, and the unit apart.

use crate::design::{Text, both};

/// English head as the columns have it, what stands in the head, the same in Spanish, and the unit.
const HEADS: &[(&str, &str, &str, &str)] = &[
    ("arm", "arm", "variante", ""),
    ("scale", "scale", "escala", ""),
    ("requests/s", "correct answers", "respuestas correctas", "/s"),
    ("lowest block", "lowest block", "peor bloque", "/s"),
    ("highest block", "highest block", "mejor bloque", "/s"),
    ("± %", "±", "±", "%"),
    ("connections", "connections", "conexiones", ""),
    ("p50 ms", "p50", "p50", "ms"),
    ("p99 ms", "p99", "p99", "ms"),
    ("CPU %", "CPU", "CPU", "%"),
    ("throttled %", "throttled", "frenado", "% of periods"),
    ("pool %", "pool", "pool", "%"),
    ("balancer CPU %", "balancer CPU", "CPU del balanceador", "% of a core"),
    ("generator CPU %", "generator CPU", "CPU del generador", "% of a core"),
    ("CPU of others, cores", "CPU of others", "CPU de otros", "cores"),
    ("efficiency %", "efficiency", "eficiencia", "%"),
    ("answered by each node", "answered by each node", "respondidas por cada nodo", ""),
    ("CPU ms a request", "CPU of a request", "CPU de una petición", "ms"),
    ("lowest", "lowest", "mínimo", "ms"),
    ("highest", "highest", "máximo", "ms"),
    ("CPU allows/s", "its CPU allows", "su CPU permite", "/s"),
    ("reached/s", "reached", "alcanzado", "/s"),
    ("stopped by", "stopped by", "lo detuvo", ""),
    ("nodes µs", "nodes", "nodos", "µs"),
    ("balancers µs", "balancers", "balanceadores", "µs"),
    ("stores and caches µs", "stores and caches", "almacenes y cachés", "µs"),
    ("all that serve µs", "all that serve", "todo lo que sirve", "µs"),
    ("generator µs", "generator", "generador", "µs"),
    ("load %", "load", "carga", "% of ceiling"),
    ("offered/s", "offered", "ofrecidas", "/s"),
    ("answered/s", "answered", "respondidas", "/s"),
    ("failed %", "failed", "fallidas", "%"),
    ("objective", "objective", "objetivo", ""),
    ("address", "address", "dirección", ""),
    ("killed", "killed", "muerto", ""),
    ("after s", "after", "después de", "s"),
    ("requests", "requests", "peticiones", ""),
    ("failed", "failed", "fallidas", ""),
    ("users whose session was lost", "users who lost their session", "usuarios que perdieron su sesión", ""),
    ("times a session was lost", "times a session was lost", "veces que se perdió una sesión", ""),
    ("p99 ms of the rest", "p99 of the rest", "p99 del resto", "ms"),
    ("valid", "valid", "válido", ""),
    ("runs", "runs", "corridas", ""),
    ("seconds outside the objective", "outside the objective", "fuera del objetivo", "s"),
    ("changes of size", "changes of size", "cambios de tamaño", ""),
    ("unit-seconds paid", "paid", "pagado", "unit-seconds"),
    ("of the largest fixed size, %", "of the largest fixed size", "del mayor tamaño fijo", "%"),
    ("of the least possible, %", "of the least possible", "del mínimo posible", "%"),
    ("simulated unit-seconds", "simulated", "simulado", "unit-seconds"),
    ("units missing, mean", "missing, mean", "faltan, media", "units"),
    ("units too many, mean", "too many, mean", "sobran, media", "units"),
    ("missing, share of demand", "missing, of demand", "faltan, de la demanda", "%"),
    ("too many, share of demand", "too many, of demand", "sobran, de la demanda", "%"),
    ("time with too few, %", "time with too few", "tiempo con muy pocas", "%"),
    ("time with too many, %", "time with too many", "tiempo con demasiadas", "%"),
    ("jitter, units a second", "jitter", "oscilación", "changes/s"),
    ("instability, %", "instability", "inestabilidad", "%"),
    ("elastic speedup", "elastic speedup", "aceleración elástica", ""),
    ("units", "units", "unidades", ""),
    ("vertical an hour", "vertical", "vertical", "an hour"),
    ("horizontal an hour", "horizontal", "horizontal", "an hour"),
    ("vertical a million", "vertical", "vertical", "a million"),
    ("horizontal a million", "horizontal", "horizontal", "a million"),
    ("difference", "difference", "diferencia", ""),
    ("interval", "interval", "intervalo", ""),
    ("stale answers %", "stale answers", "respuestas viejas", "%"),
    ("answer", "answer", "respuesta", ""),
    ("started", "started", "comienzo", "UTC"),
    ("block", "block", "bloque", ""),
    ("level", "level", "nivel", ""),
    ("machine busy %", "machine busy", "máquina ocupada", "%"),
    ("steal %", "steal", "robo", "%"),
    ("seconds", "after", "después de", "s"),
    ("why", "why", "por qué", ""),
    ("", "", "", ""),
    ("number", "number", "número", ""),
    ("95 %", "95 % interval", "intervalo del 95 %", ""),
    ("class", "class", "clase", ""),
    ("first to last", "first to last", "del primero al último", ""),
    ("at", "at", "a las", "/s"),
    ("then", "then", "después", ""),
    ("predicted", "predicted", "predicho", ""),
    ("measured", "measured", "medido", ""),
    ("error", "error", "error", ""),
];

/// Units that are words, in Spanish.
const UNITS: &[(&str, &str)] = &[
    ("% of periods", "% de los períodos"),
    ("% of a core", "% de un núcleo"),
    ("% of ceiling", "% del techo"),
    ("cores", "núcleos"),
    ("unit-seconds", "unidades·s"),
    ("units", "unidades"),
    ("changes/s", "cambios/s"),
    ("an hour", "por hora"),
    ("a million", "por millón"),
];

/// Name and unit of a head; a head that is not known is shown as it is.
pub fn head(column: &str) -> (Text, Option<Text>) {
    let Some((_, en, es, unit)) = HEADS.iter().find(|(known, ..)| *known == column) else {
        return (Text::as_written(column), None);
    };
    let spanish = UNITS.iter().find(|(known, _)| known == unit).map_or(*unit, |(_, spanish)| spanish);
    (Text::new(*en, *es), (!unit.is_empty()).then(|| Text::new(*unit, spanish)))
}

/// A cell of words: those that tables use again and again in both languages, others as they are.
pub fn cell(text: &str) -> Text {
    let spanish = match text {
        "met" => "cumplido",
        "missed" => "no cumplido",
        "not valid" => "no válido",
        "yes" => "sí",
        "no" => "no",
        _ => return Text::name(text),
    };
    Text::new(text, spanish)
}

/// A figure, also where it is so many of so many.
pub fn figure(text: &str) -> Text {
    match text.split_once(" of ") {
        Some((some, all)) => both!("{some} of {all}", "{some} de {all}", some, all),
        None => Text::figure(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::columns;
    use crate::report::page::{each, tables};
    use crate::report::scaling;

    #[test]
    fn every_column_has_its_head() {
        let all = [
            columns::POINTS.iter().map(|column| column.head).collect::<Vec<_>>(),
            columns::LIMITS.iter().map(|column| column.head).collect(),
            columns::ANSWER_CPU.iter().map(|column| column.head).collect(),
            columns::LATENCY.iter().map(|column| column.head).collect(),
            columns::ADDRESSES.iter().map(|column| column.head).collect(),
            columns::EVENTS.iter().map(|column| column.head).collect(),
            scaling::text::COST.iter().map(|column| column.head).collect(),
            scaling::text::ELASTICITY.iter().map(|column| column.head).collect(),
            tables::RUNS.to_vec(),
            tables::COSTS.to_vec(),
            each::HEADS.to_vec(),
            tables::CHANGES.to_vec(),
        ];
        for column in all.concat() {
            assert!(HEADS.iter().any(|(known, ..)| *known == column), "no head for '{column}'");
        }
        assert_eq!(figure("4.0 of 12.0").es(), "4,0 de 12,0");
        assert_eq!(head("p99 ms").1.unwrap().en(), "ms");
        assert_eq!(head("of somebody").0.en(), "of somebody");
    }
}
