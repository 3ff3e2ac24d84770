//! What a plan takes for granted, and what it cannot know: plain words.

use super::evidence::ArmEvidence;
use super::figure::{Class, Figure};
use super::limits;
use super::proposal::CapacityPlan;
use super::size::TIER_USE;
use super::usable::UsableSource;
use crate::design::{Text, both};
use crate::results::number::{percent, significant};
use crate::results::prices::Prices;

/// What must be so for the plan to hold.
pub fn assumes(evidence: &ArmEvidence, plan: &CapacityPlan) -> Vec<Text> {
    let paths: Vec<&str> = evidence.plan.work.iter().map(|request| request.path.as_str()).collect();
    let mut all = vec![both!(
        "requests and answers are like those that were measured ({paths})",
        "las peticiones y las respuestas son como las que se midieron ({paths})",
        paths = Text::name(paths.join(", "))
    )];
    all.push(match plan.node_cores {
        None => Text::new(
            "nodes are like those that were measured, without a CPU limit of their own",
            "los nodos son como los que se midieron, sin un límite de CPU propio",
        ),
        Some(cores) => both!(
            "a node has {cores} cores, as fast as those that were measured",
            "un nodo tiene {cores} núcleos, tan rápidos como los que se midieron",
            cores = significant(cores, 2)
        ),
    });
    if plan.nodes.interval_95[1] > f64::from(plan.cell_nodes) {
        let store = if plan.stores.is_some() { Text::new(" and the store", " y el almacén") } else { Text::default() };
        all.push(both!(
            "beyond {nodes} the nodes stand in cells of that size, which share nothing but balancers{store}; the fitted law is used within a \
             cell only",
            "más allá de {nodes}, los nodos forman celdas de ese tamaño, que no comparten más que los balanceadores{store}; la ley ajustada se usa \
             solo dentro de una celda",
            nodes = nodes(plan.cell_nodes),
            store
        ));
    }
    all.push(response_times(plan.usable_source));
    all.extend(tiers(plan));
    let zones = if plan.goal.zones > 1 {
        both!(", or one of {zones} zones,", ", o faltar una de {zones} zonas,", zones = plan.goal.zones)
    } else {
        Text::default()
    };
    all.push(both!(
        "at the peak {nodes} may be dead{zones} and one node in 100 (one at least) restarts; they may use up the headroom",
        "en el pico puede haber {nodes} fuera de servicio{zones} y uno de cada 100 nodos (por lo menos uno) se reinicia; pueden gastar la reserva",
        nodes = nodes(plan.goal.survive),
        zones
    ));
    all
}

fn nodes(count: u32) -> Text {
    match count {
        1 => Text::new("1 node", "1 nodo"),
        _ => both!("{count} nodes", "{count} nodos", count),
    }
}

fn response_times(source: UsableSource) -> Text {
    match source {
        UsableSource::Simulated => Text::new(
            "users act independently of each other (random arrivals); response times are simulated with the measured work and the CPU \
             quota's periods",
            "los usuarios actúan sin ponerse de acuerdo (llegadas al azar); los tiempos de respuesta se simulan con el trabajo medido y los \
             períodos de la cuota de CPU",
        ),
        UsableSource::Ladder | UsableSource::LadderAlone => Text::new(
            "response times grow with load as the open ladder measured them, at its equal gaps; random arrivals are worse",
            "los tiempos de respuesta crecen con la carga como los midió la escalera abierta, con sus intervalos iguales; las llegadas al azar \
             son peores",
        ),
        UsableSource::Assumed => Text::new(
            "70 % of the ceiling meets the objective: nothing that was measured tells",
            "el 70 % del techo cumple el objetivo: nada de lo que se midió lo dice",
        ),
    }
}

/// What is taken for granted of balancers and stores.
fn tiers(plan: &CapacityPlan) -> Vec<Text> {
    let several = |figure: Option<Figure>| figure.is_some_and(|figure| figure.interval_95[1] > 1.0);
    let one = plan.balancers.is_some().then(|| {
        both!(
            "a balancer has one core, is used up to {share} %, and costs as much CPU for a request as in the busiest run; at high rates it \
             usually costs less",
            "un balanceador tiene un núcleo, se usa hasta el {share} %, y gasta por petición tanta CPU como en la corrida más cargada; con \
             tasas altas suele costar menos",
            share = percent(100.0 * TIER_USE)
        )
    });
    let balancers = several(plan.balancers).then(|| {
        Text::new(
            "several balancers share the load evenly; what stands before them (DNS, layer 4) was not measured",
            "varios balanceadores se reparten la carga por igual; lo que está delante de ellos (DNS, capa 4) no se midió",
        )
    });
    let stores = several(plan.stores).then(|| {
        Text::new(
            "several stores share the requests evenly; no request needs two of them, and copying between them is free",
            "varios almacenes se reparten las peticiones por igual; ninguna petición necesita dos, y copiar entre ellos es gratis",
        )
    });
    [one, balancers, stores].into_iter().flatten().collect()
}

/// What these runs do not tell.
pub fn cannot_know(evidence: &ArmEvidence, plan: &CapacityPlan, prices: Option<&Prices>) -> Vec<Text> {
    let mut all = Vec::new();
    match &*evidence.sizes {
        [_] => all.push(Text::new(
            "one size of node was measured side by side with no other: whether several of them share anything is not known",
            "se midió un solo tamaño, sin otro al lado: no se sabe si varios nodos comparten algo",
        )),
        [one, two] => all.push(both!(
            "only two sizes ({one} and {two} nodes) were measured: they cannot tell contention from coherency, so whether and where a larger \
             cell would bend is not known; a third size would tell",
            "se midieron solo dos tamaños ({one} y {two} nodos): no permiten distinguir contención de coherencia, así que no se sabe si una celda \
             más grande se doblaría, ni dónde; un tercer tamaño lo diría",
            one = one.nodes,
            two = two.nodes
        )),
        _ => {}
    }
    for left in &evidence.left_out {
        all.push(both!(
            "at {nodes} the limit was not the nodes ({evidence}), so these runs say nothing about nodes there",
            "con {nodes} el límite no fueron los nodos ({evidence}), así que esas corridas no dicen nada de los nodos",
            nodes = nodes(left.size.nodes),
            evidence = left.size.evidence
        ));
    }
    for size in evidence.sizes.iter().filter(|size| !size.is_limit) {
        all.push(both!(
            "at {nodes} more connections might have brought more: its ceiling is a lower bound",
            "con {nodes}, más conexiones podrían haber dado más: su techo es una cota inferior",
            nodes = nodes(size.nodes)
        ));
    }
    if plan.nodes.class == Class::Scenario {
        all.push(Text::new(
            "a scenario's interval holds the chance of the measured runs alone, not what nobody measured: networks, discovery, deployments \
             and logs of that many nodes",
            "el intervalo de un caso hipotético tiene solo el azar de las corridas medidas, no lo que nadie midió: redes, descubrimiento, \
             despliegues y registros de tantos nodos",
        ));
    }
    if plan.balancers.is_none() {
        all.push(Text::new(
            "no balancer was measured with these nodes, so none is counted",
            "con estos nodos no se midió ningún balanceador, así que no se cuenta ninguno",
        ));
    }
    if limits::store_name(evidence).is_none() {
        all.push(Text::new(
            "the nodes shared no store: a store, where the real service has one, is missing here",
            "los nodos no compartían ningún almacén: si el servicio real tiene uno, aquí falta",
        ));
    } else if evidence.store_runs().all(|(_, store)| store.quota_cores.is_none()) {
        all.push(Text::new(
            "the store had no CPU limit; it is counted as if it had one core",
            "el almacén no tenía límite de CPU; se cuenta como si tuviera un núcleo",
        ));
    }
    if prices.is_some() && plan.cost.is_none() {
        all.push(no_price(evidence, plan));
    }
    all
}

fn no_price(evidence: &ArmEvidence, plan: &CapacityPlan) -> Text {
    let units = |count: u32| match count {
        1 => Text::new("1 unit", "1 unidad"),
        _ => both!("{count} units", "{count} unidades", count),
    };
    let store = if plan.stores.is_some() {
        both!(" or of {units}", " o de {units}", units = evidence.store_units())
    } else {
        Text::default()
    };
    both!(
        "the prices know no machine of {units}{store}, so no cost is told",
        "los precios no conocen ninguna máquina de {units}{store}, así que no se dice ningún costo",
        units = units(evidence.node_units),
        store
    )
}
