//! Why a run is not valid, in both languages. The English is what the bench wrote; the Spanish is said from the run's own figures.

use crate::bench::foreign;
use crate::design::{Text, both};
use crate::report::usage::sum;
use crate::results::load::{ErrorKind, InvalidCause, Validity};
use crate::results::number::{percent, significant};
use crate::results::run::Run;

/// The reasons of a run, in the order in which the bench judges. Where the figures do not tell as many as were written (a bench
/// of another version), they stay as they were written.
pub fn reasons(run: &Run) -> Vec<Text> {
    let spanish = from_figures(run);
    let written = &run.verdict.reasons;
    if spanish.len() != written.len() {
        return written.iter().map(Text::as_written).collect();
    }
    written.iter().zip(spanish).map(|(english, spanish)| Text::new(english, spanish)).collect()
}

/// What made the generator the limit, where it was.
pub fn generator(run: &Run) -> Option<Text> {
    let generator = &run.load.generator;
    match (generator.verdict, generator.cause) {
        (Validity::Valid, _) => None,
        (Validity::GeneratorBound, None) => Some(Text::as_written(&generator.reason)),
        (Validity::GeneratorBound, Some(cause)) => Some(Text::new(&generator.reason, cause_es(cause))),
    }
}

fn cause_es(cause: InvalidCause) -> &'static str {
    match cause {
        InvalidCause::Nothing => "no se envió nada",
        InvalidCause::Files => "se quedó sin archivos abiertos",
        InvalidCause::Ports => "se quedó sin puertos locales",
        InvalidCause::Unreadable => "no se pudo leer su propio tiempo de CPU",
        InvalidCause::Busy => "uno de sus hilos estuvo ocupado todo el tiempo",
        InvalidCause::Crowded => "todas las CPU de la máquina estaban en uso",
        InvalidCause::Short => "despachó menos peticiones de las que debía",
        InvalidCause::Late => "envió las peticiones, pero tarde",
    }
}

fn from_figures(run: &Run) -> Vec<String> {
    let mut reasons = Vec::new();
    let (machine, load) = (&run.machine, &run.load);
    let (used, quota) = (sum(&run.nodes, |node| node.cpu_cores), sum(&run.nodes, |node| node.quota_cores));
    if let (Some(_), Some((others, cores))) =
        (foreign::reason(machine, used, quota), machine.foreign_cores.zip(machine.cores))
    {
        let said = both!(
            "{others} of {cores}",
            "otros procesos usaron {others} de los {cores} núcleos mientras tanto",
            others = significant(others, 2),
            cores = significant(cores, 2)
        );
        reasons.push(said.es().to_owned());
    }
    reasons.extend(generator(run).map(|why| format!("el generador fue el límite: {}", why.es())));
    if load.requests_ok == 0 {
        reasons.push("ninguna petición fue respondida correctamente".to_owned());
    }
    let failed: u64 =
        load.errors.iter().filter(|(kind, _)| **kind != ErrorKind::SessionLost).map(|(_, count)| count).sum();
    if !run.verdict.valid && run.verdict.reasons.len() > reasons.len() && failed > 0 {
        let share = percent(100.0 * failed as f64 / load.requests_total.max(1) as f64).replace('.', ",");
        reasons.push(format!("fallaron {failed} de {} peticiones ({share} %)", load.requests_total));
    }
    let named: u64 = load.nodes.values().sum();
    if named < load.requests_ok && run.verdict.reasons.len() > reasons.len() {
        reasons.push(format!(
            "{} de {} respuestas no dicen de qué nodo son",
            load.requests_ok - named,
            load.requests_ok
        ));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::results::run::RunVerdict;

    #[test]
    fn reasons_are_said_from_the_figures() {
        let mut run = sample::closed(1, 1, 4, 100.0);
        assert_eq!(reasons(&run), []);
        run.load.generator.verdict = Validity::GeneratorBound;
        run.load.generator.cause = Some(InvalidCause::Late);
        run.load.generator.reason = "99 % were sent 30 ms late".into();
        run.load.errors.insert(ErrorKind::Reset, 50);
        let written =
            ["the generator was the limit: 99 % were sent 30 ms late", "50 of 200 requests failed (50 reset)"];
        run.verdict = RunVerdict { valid: false, reasons: written.map(str::to_owned).to_vec() };
        let told = reasons(&run);
        assert_eq!([told[0].en(), told[1].en()], written);
        assert_eq!(told[0].es(), "el generador fue el límite: envió las peticiones, pero tarde");
        assert_eq!(told[1].es(), "fallaron 50 de 200 peticiones (25 %)");
    }

    #[test]
    fn what_the_figures_do_not_tell_stays_as_it_was_written() {
        let mut run = sample::closed(1, 1, 4, 100.0);
        run.verdict = RunVerdict { valid: false, reasons: vec!["the moon was full".into()] };
        assert_eq!(reasons(&run), [Text::as_written("the moon was full")]);
    }
}
