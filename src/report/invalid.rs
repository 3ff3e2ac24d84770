//! Why a run is not valid, in both languages.

use crate::design::Text;
use crate::report::usage::sum;
use crate::results::invalid::{InvalidReason, Judged};
use crate::results::run::Run;

/// The reasons that the bench wrote. It wrote the English of its judgement alone, so the run is judged again: what is found to be
/// written is said in both languages. What a bench of another version wrote stays as it is.
pub fn reasons(run: &Run) -> Vec<Text> {
    let judged = Judged {
        load: &run.load,
        machine: &run.machine,
        quota_cores: sum(&run.nodes, |node| node.quota_cores).filter(|_| run.scaling.is_none()),
        // What was not held against the run is not among what was written.
        overload_expected: false,
        names_expected: true,
    };
    let known: Vec<Text> = judged.reasons().iter().map(InvalidReason::words).collect();
    let both = |written: &String| known.iter().find(|text| text.en() == written).cloned();
    run.verdict.reasons.iter().map(|written| both(written).unwrap_or_else(|| Text::as_written(written))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::results::load::{ErrorKind, InvalidCause, Validity};
    use crate::results::run::RunVerdict;

    #[test]
    fn what_was_written_is_said_in_both_languages() {
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
        // What was not written is not said, however the figures look.
        run.verdict.reasons.truncate(1);
        assert_eq!(reasons(&run), told[..1]);
    }

    #[test]
    fn what_the_figures_do_not_tell_stays_as_it_was_written() {
        let mut run = sample::closed(1, 1, 4, 100.0);
        run.verdict = RunVerdict { valid: false, reasons: vec!["the moon was full".into()] };
        assert_eq!(reasons(&run), [Text::as_written("the moon was full")]);
    }
}
