//! What the product's own experiments ask, and what their arms stand for, in Spanish. An experiment of somebody else is shown
//! as it was written.

use crate::design::Text;
use crate::results::arm::Arm;
use crate::results::experiment::embedded;
use crate::results::plan::Plan;

/// Name, question, and the label of each arm in the file's order.
type Translation = (&'static str, &'static str, &'static [&'static str]);

const EXPERIMENTS: &[Translation] = &[
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
    (
        "connections",
        "¿Cuántas conexiones al almacén debería tener cada nodo?",
        &["MariaDB", "Redis", "MariaDB a 5 ms de distancia"],
    ),
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
            "solo el almacén, claves Zipf",
            "una caché en cada nodo, claves Zipf",
            "una caché compartida, claves Zipf",
            "una caché en el borde, claves Zipf",
            "solo el almacén, claves uniformes",
            "una caché en cada nodo, claves uniformes",
        ],
    ),
    (
        "stale",
        "¿Qué aporta cada lugar de una caché, y cuántas de sus respuestas son viejas?",
        &[
            "ninguna caché",
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
        "replicas",
        "¿Cuánto aportan las réplicas de lectura, y cuánto de eso se llevan las escrituras?",
        &[
            "un almacén, 10 % de escrituras",
            "una réplica más, 10 % de escrituras",
            "dos réplicas más, 10 % de escrituras",
            "un almacén, solo lecturas",
            "una réplica más, solo lecturas",
            "dos réplicas más, solo lecturas",
        ],
    ),
    (
        "edge",
        "Cuando el origen está lejos, ¿qué aporta una caché cerca de los clientes?",
        &[
            "un origen que está cerca",
            "un origen que está lejos",
            "una caché cerca de los clientes",
            "una caché cerca de los clientes y claves uniformes",
        ],
    ),
    (
        "bigger-store",
        "Con la misma CPU: ¿un almacén grande, o muchos pequeños?",
        &["un almacén más grande", "muchos almacenes pequeños"],
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

/// What each experiment asks to look at.
const LOOK_AT: &[(&str, &str)] = &[
    (
        "vertical-horizontal",
        "Compará lo que responden los dos con cada cantidad de unidades, lo que cuesta una respuesta en CPU y lo que se lleva un nodo que muere.",
    ),
    (
        "a-a",
        "Lo que difiere aquí es casualidad: en otro experimento, una diferencia que no sea mayor no quiere decir nada.",
    ),
    (
        "sync-async",
        "Los ocho hilos del modelo sync pueden esperar por ocho peticiones a la vez: su techo es 8 dividido por el tiempo de espera, mientras su CPU está ociosa.",
    ),
    (
        "threads",
        "Muy pocos hilos dejan la CPU ociosa; una vez que se agota la CPU o su cuota, más hilos no agregan más que espera.",
    ),
    (
        "workers",
        "El generador y el nodo comparten la máquina: con dos núcleos, un segundo worker gana solo lo que el generador deja.",
    ),
    (
        "balancer",
        "Compará los tiempos de respuesta con la misma carga y la CPU del propio balanceador: lo que toma con un nodo, lo toma con muchos.",
    ),
    (
        "https",
        "Mirá la CPU de una respuesta: el límite es el nodo en todas las variantes, así que los techos difieren menos que lo que pagan el balanceador y el generador. Una conexión nueva ya cuesta algo, un saludo TLS cuesta además una firma, y una sesión retomada ahorra la firma.",
    ),
    (
        "algorithm",
        "Los techos casi no difieren; mirá los tiempos de respuesta con la misma carga, donde una petición corta puede quedar detrás de una larga.",
    ),
    (
        "store",
        "Mirá dónde se dobla el rendimiento mientras a los nodos les queda CPU, y qué nombra el informe ahí: el almacén, con las cifras de su cuota.",
    ),
    (
        "connections",
        "Una vez que el almacén está agotado, más conexiones solo mueven la cola de los nodos al almacén, que entonces responde menos. Un almacén lejano necesita más antes de agotarse: cada una lleva una pregunta y espera el camino. Mirá qué nombra el informe.",
    ),
    (
        "index",
        "Con un índice casi no importa cuántas filas hay; un recorrido cuesta diez veces más con diez veces más filas.",
    ),
    (
        "sessions",
        "Mirá las sesiones que se pierden cuando muere un nodo: con afinidad, las del nodo muerto; con un almacén o un token, ninguna; sin afinidad se pierde una sesión en casi cada petición, aunque nadie muera. Y mirá cuánto rendimiento cuesta cada una.",
    ),
    (
        "login",
        "Mirá los inicios de sesión por segundo según la dirección: bajan cuando crece la memoria por las pasadas. Y mirá el p99 de /whoami mientras tanto: los hashes los calcula el pool de hilos, pero gastan la cuota de CPU de todo el nodo.",
    ),
    (
        "autoscale",
        "Mirá los segundos fuera del objetivo contra las unidades·segundo que se pagaron, y dónde el tamaño queda atrás de la carga.",
    ),
    (
        "nested",
        "Mirá dónde a los nodos les falta lugar en una máquina, y cuántos segundos fuera del objetivo cuesta que arranque una máquina.",
    ),
    (
        "containers",
        "Compará rendimiento y tiempo de respuesta con la misma cuota: un contenedor es un proceso con espacios de nombres y un grupo de control. Lo que difiere es el camino de los paquetes.",
    ),
    (
        "waf",
        "Compará las tasas y la CPU del propio balanceador: mirar cada palabra de cada petición cuesta muchas veces lo que cuesta pasarla, sea que un ataque se rechace o solo se anote. La lista corta de HAProxy cuesta poco, y rechaza poco: scripts/attack.sh muestra cuán poco.",
    ),
    (
        "shards",
        "Mirá el rendimiento junto a la cantidad de shards, y qué nombra el informe como límite de cada uno: el único almacén, y después los propios nodos.",
    ),
    (
        "cache",
        "Compará el rendimiento con claves de Zipf y con claves uniformes, y mirá qué nombra el informe como límite de cada una: el almacén, los nodos o el balanceador. Las respuestas viejas son el precio.",
    ),
    (
        "stale",
        "Mirá las respuestas viejas, y al lado el rendimiento. Con una caché compartida, una escritura saca la fila para todos los nodos; con una en cada nodo, los demás guardan la fila vieja hasta que se le acaba el tiempo.",
    ),
    (
        "binary",
        "Con una fila no importa nada más que la propia petición. Con muchas, compará las tasas y la CPU de una respuesta. El tamaño de cada forma está en la guía de laboratorio.",
    ),
    (
        "recursion",
        "El doble de CPU vale, a lo sumo, el doble de respuestas. La recursión hace un millón de llamadas para lo que dan 28 sumas.",
    ),
    (
        "edge",
        "Compará los tiempos de respuesta, primero la mediana: cerca, lejos, y lejos con una caché que está cerca. Después mirá cuántas peticiones llegan todavía a los nodos. Con claves uniformes casi todas hacen el camino entero, y la caché solo cuesta.",
    ),
    (
        "bigger-store",
        "Compará los dos con cada cantidad de unidades. Los shards cuestan memoria, un servidor cada uno, y una consulta a todos; el almacén grande termina en la máquina más grande.",
    ),
    (
        "replicas",
        "Compará uno, dos y tres servidores con la misma parte de escrituras. Y mirá el límite de cada uno: qué servidor se agota, el primario o todos.",
    ),
];

fn entry(name: &str) -> Option<&'static Translation> {
    EXPERIMENTS.iter().find(|(known, ..)| *known == name)
}

/// The plan's question. Where it is not the one of the experiment that the product has under this name, it stays as it is.
pub fn question(plan: &Plan) -> Text {
    let own = embedded(&plan.experiment).is_some_and(|experiment| experiment.question == plan.question);
    match entry(&plan.experiment).filter(|_| own) {
        Some((_, question, _)) => Text::new(&plan.question, *question),
        None => Text::as_written(&plan.question),
    }
}

/// What the experiment asks to look at; empty where it asks nothing.
pub fn look_at(plan: &Plan) -> Text {
    let own = embedded(&plan.experiment).is_some_and(|experiment| experiment.look_at == plan.look_at);
    match LOOK_AT.iter().find(|(known, _)| own && *known == plan.experiment) {
        Some((_, spanish)) => Text::new(&plan.look_at, *spanish),
        None => Text::as_written(&plan.look_at),
    }
}

/// What an arm is called in a sentence.
pub fn label(plan: &Plan, arm: &str) -> Text {
    let english = plan.arm(arm).map_or(arm, Arm::label);
    let spanish = embedded(&plan.experiment).and_then(|experiment| {
        let at = experiment.arms.iter().position(|own| own.name == arm && own.label() == english)?;
        entry(&plan.experiment)?.2.get(at)
    });
    spanish.map_or_else(|| Text::name(english), |spanish| Text::new(english, *spanish))
}

/// The word of a scale, of one and of several. `None` for the scale of somebody else's experiment, which keeps its own.
pub fn scale_word(name: &str, one: bool) -> Option<&'static str> {
    Some(match (name, one) {
        ("units", true) => "unidad",
        ("units", false) => "unidades",
        ("nodes", true) => "nodo",
        ("nodes", false) => "nodos",
        ("connections", true) => "conexión",
        ("connections", false) => "conexiones",
        ("store-units", true) => "unidad del almacén",
        ("store-units", false) => "unidades del almacén",
        ("kibibytes", true) => "kibibyte",
        ("kibibytes", false) => "kibibytes",
        ("rows", true) => "fila",
        ("rows", false) => "filas",
        _ => return None,
    })
}

/// What a scale counts, at an axis.
pub fn scale_name(plan: &Plan) -> Text {
    let english = &plan.scale_name;
    Text::new(english, scale_word(english, false).unwrap_or(english))
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
            assert!(LOOK_AT.iter().any(|(known, _)| known == name), "{name}: what to look at, in Spanish");
            let scale = &experiment.plan(Size::Quick).scale_name;
            assert!(scale.is_empty() || scale_word(scale, false).is_some(), "{name}: '{scale}' has no word in Spanish");
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
