//! What the product's own experiments ask, and what their arms stand for, in Spanish. An experiment of somebody else is shown
//! as it was written.

use crate::design::Text;
use crate::results::arm::Arm;
use crate::results::experiment::embedded;
use crate::results::plan::Plan;

/// Name, question, and the label of each arm in the file's order.
type Entry = (&'static str, &'static str, &'static [&'static str]);

const EXPERIMENTS: &[Entry] = &[
    (
        "vertical-horizontal",
        "Con la misma CPU: ¿un nodo grande, o muchos pequeños?",
        &["un nodo grande", "muchos nodos pequeños"],
    ),
    ("a-a", "El mismo nodo, medido dos veces: ¿da lo mismo?", &["el nodo", "el mismo nodo otra vez"]),
    (
        "sync-async",
        "Cuando las peticiones casi solo esperan: ¿un hilo para cada una, o hilos solo para trabajar?",
        &["un hilo para cada petición", "hilos solo para trabajar"],
    ),
    ("threads", "¿Cuántos hilos debería tener un pool?", &["dos hilos", "ocho hilos", "32 hilos"]),
    ("workers", "¿Responden dos workers de corrutinas más peticiones pequeñas que uno?", &["un worker", "dos workers"]),
    (
        "balancer",
        "¿Cuánto cuesta un balanceador delante de un nodo?",
        &["ningún balanceador", "HAProxy delante", "nginx delante"],
    ),
    (
        "https",
        "¿Cuánto cuesta HTTPS en el balanceador y en el cliente, y cuánto de eso es el saludo TLS?",
        &[
            "HTTP sin cifrar",
            "HTTPS sobre conexiones que se mantienen",
            "HTTP sin cifrar, con una conexión nueva cada vez",
            "un saludo TLS completo para cada petición",
            "una sesión TLS retomada para cada petición",
        ],
    ),
    (
        "algorithm",
        "Con peticiones desiguales: ¿importa cómo elige nodo el balanceador?",
        &["cada nodo por turno", "el nodo con menos peticiones", "un nodo al azar"],
    ),
    (
        "waf",
        "¿Cuánto cuesta un firewall en el balanceador?",
        &[
            "nginx sin firewall",
            "nginx con firewall",
            "nginx con un firewall que solo mira",
            "HAProxy",
            "HAProxy con una lista corta",
        ],
    ),
    (
        "store",
        "¿Cuántos nodos soporta un almacén compartido?",
        &["ningún almacén compartido", "un archivo SQLite", "un servidor MariaDB", "un servidor Redis"],
    ),
    ("connections", "¿Cuántas conexiones al almacén debería tener cada nodo?", &["MariaDB", "Redis"]),
    ("index", "¿Cuánto vale un índice, con mil filas y con muchas?", &["un índice", "un recorrido de toda la tabla"]),
    (
        "shards",
        "¿Cuánto más soportan cuatro almacenes pequeños que uno, si cada uno tiene una parte de las filas?",
        &["un almacén", "dos shards", "cuatro shards"],
    ),
    (
        "cache",
        "¿Cuánto vale una caché delante del almacén, en el nodo, compartida o en el borde?",
        &[
            "sin caché, claves Zipf",
            "una caché en cada nodo, claves Zipf",
            "una caché compartida, claves Zipf",
            "una caché en el borde, claves Zipf",
            "sin caché, claves uniformes",
            "una caché en cada nodo, claves uniformes",
        ],
    ),
    (
        "stale",
        "¿Cuántas respuestas son viejas, según dónde se guardan y por cuánto tiempo?",
        &[
            "sin caché",
            "una caché en cada nodo durante 1 s",
            "una caché en cada nodo durante 10 s",
            "una caché compartida durante 10 s",
            "una caché en el borde durante 1 s",
        ],
    ),
    (
        "sessions",
        "¿Dónde deberían estar las sesiones de los usuarios, si un nodo puede morir?",
        &[
            "sesiones en los nodos, con afinidad",
            "sesiones en los nodos, sin afinidad",
            "sesiones en un servidor Redis",
            "tokens firmados",
        ],
    ),
    (
        "login",
        "¿Cuántos inicios de sesión por segundo deja un hash seguro de contraseñas?",
        &["una pasada por la memoria", "tres pasadas por la memoria"],
    ),
    (
        "recursion",
        "Cuando una dirección quema la CPU: ¿el doble de máquina, o mejor código?",
        &["la recursión", "la recursión con el doble de CPU", "sumas en su lugar"],
    ),
    (
        "binary",
        "¿Cuánto vale una forma binaria frente a JSON, y cuánto vale gzip?",
        &["JSON", "protobuf", "JSON comprimido", "protobuf comprimido"],
    ),
    (
        "autoscale",
        "Cuando la carga cambia a lo largo de un día: ¿un tamaño fijo, o uno que la sigue?",
        &[
            "el tamaño más pequeño, fijo",
            "el tamaño más grande, fijo",
            "más y menos nodos",
            "un nodo más grande y más pequeño",
            "más y menos nodos, de una o dos unidades",
        ],
    ),
    (
        "nested",
        "Cuando la máquina de los nodos está llena: ¿de qué sirven más nodos sin más máquinas?",
        &["más nodos en una sola máquina", "cuatro máquinas, siempre", "más nodos, y máquinas para ellos"],
    ),
    ("containers", "¿Cuánto cuesta un contenedor?", &["un proceso", "un contenedor"]),
];

fn entry(name: &str) -> Option<&'static Entry> {
    EXPERIMENTS.iter().find(|(known, ..)| *known == name)
}

/// The plan's question. Where it is not the one of the experiment that the product has under this name, it stays as it is.
pub fn question(plan: &Plan) -> Text {
    let own = embedded(&plan.experiment).is_some_and(|experiment| experiment.question == plan.question);
    match entry(&plan.experiment).filter(|_| own) {
        Some((_, question, _)) => Text::new(&plan.question, *question),
        None => plan.question.clone().into(),
    }
}

/// What an arm is called in a sentence.
pub fn label(plan: &Plan, arm: &str) -> Text {
    let english = plan.arm(arm).map_or(arm, Arm::label);
    let spanish = embedded(&plan.experiment).and_then(|experiment| {
        let at = experiment.arms.iter().position(|own| own.name == arm && own.label() == english)?;
        entry(&plan.experiment)?.2.get(at)
    });
    spanish.map_or_else(|| english.into(), |spanish| Text::new(english, *spanish))
}

/// A step of the scale in a sentence: `4 units`. Empty where the plan has one scale without a name.
pub fn at_scale(plan: &Plan, scale: &crate::results::arm::Scale) -> Text {
    if plan.scale_name.is_empty() {
        return Text::default();
    }
    let one = scale.whole() == Some(1);
    let spanish = match (plan.scale_name.as_str(), one) {
        ("units", true) => "unidad",
        ("units", false) => "unidades",
        ("nodes", true) => "nodo",
        ("nodes", false) => "nodos",
        ("connections", true) => "conexión",
        ("connections", false) => "conexiones",
        ("rows", _) => "filas",
        (other, _) => other,
    };
    Text::new(crate::report::words::scale(plan, scale), format!("{scale} {spanish}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::experiment::{EMBEDDED, Size};

    #[test]
    fn every_experiment_has_its_words() {
        for (name, _) in EMBEDDED {
            let experiment = embedded(name).unwrap();
            let (_, question, labels) = entry(name).unwrap_or_else(|| panic!("{name} has no words in Spanish"));
            assert!(question.ends_with('?') && question.contains('¿'), "{name}: {question}");
            assert_eq!(labels.len(), experiment.arms.len(), "{name}");
        }
        assert_eq!(EXPERIMENTS.len(), EMBEDDED.len());
    }

    #[test]
    fn an_experiment_of_somebody_else_stays_as_it_was_written() {
        let mut plan = embedded("threads").unwrap().plan(Size::Quick);
        assert_eq!(label(&plan, "threads-8").es(), "ocho hilos");
        plan.question = "How many for us?".into();
        plan.arms[1].label = Some("eight of ours".into());
        assert_eq!((question(&plan).es(), label(&plan, "threads-8").es()), ("How many for us?", "eight of ours"));
        assert_eq!(label(&plan, "nothing").en(), "nothing");
    }
}
