//! Where, with what and how it was measured.

use maud::{Markup, html};

use crate::design::{Text, both};
use crate::report::Report;
use crate::results::number::plain;

/// Where, with what and how it was measured.
pub fn manifest(report: &Report) -> Markup {
    let manifest = &report.manifest;
    let machine = &manifest.machine;
    let known = |value: &Option<String>| value.as_ref().map_or_else(unknown, Text::name);
    let memory = |bytes: u64| Text::figure(format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)));
    let mut rows = vec![
        (Text::new("started", "comienzo"), Text::name(&manifest.started_at)),
        (Text::new("machine", "máquina"), known(&machine.hostname)),
        (Text::new("system", "sistema"), known(&machine.system)),
        (Text::name("kernel"), known(&machine.kernel)),
        (
            Text::new("processors", "procesadores"),
            both!(
                "{cpus} × {model}",
                "{cpus} × {model}",
                cpus = machine.cpus.to_string(),
                model = known(&machine.cpu_model)
            ),
        ),
        (Text::new("memory", "memoria"), machine.memory_bytes.map_or_else(unknown, memory)),
    ];
    rows.extend(manifest.limited.iter().map(|limited| {
        let nothing = limited.mechanism.as_deref() == Some("none");
        let by = if nothing { Text::new("nothing", "nada") } else { known(&limited.mechanism) };
        (Text::new("limited by", "limitado por"), by)
    }));
    rows.extend(manifest.versions.iter().map(|(name, version)| (Text::name(name), Text::name(version))));
    rows.extend(manifest.git.iter().map(|git| {
        let revision = Text::name(&git.revision);
        let told =
            if git.modified { both!("{revision}, modified", "{revision}, modificado", revision) } else { revision };
        (Text::new("source", "fuente"), told)
    }));
    rows.extend(report.machine_speed_per_second.iter().map(|speed| {
        let [median, low, high] = [speed.median, speed.low, speed.high].map(plain);
        let told = both!(
            "{median} computations a CPU second, from {low} to {high}",
            "{median} cálculos por segundo de CPU, de {low} a {high}",
            median,
            low,
            high
        );
        (Text::new("speed of the machine", "velocidad de la máquina"), told)
    }));
    let plan = serde_json::to_value(&manifest.plan).unwrap_or_default();
    // The settings are named as manifest.json names them.
    let settings = plan
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (Text::name(name.replace('_', " ")), Text::name(value.to_string())));
    html! {
        dl { @for (name, value) in rows.into_iter().chain(settings) { div { dt { (name) } dd { (value) } } } }
    }
}

fn unknown() -> Text {
    Text::new("unknown", "no se sabe")
}
