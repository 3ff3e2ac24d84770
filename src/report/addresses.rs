//! What each address of a mix did at a point: rates and response times that the figures of all requests together hide.

use serde::Serialize;

use super::usage::median;
use crate::results::load::{Percentiles, Subtotal};
use crate::results::run::Run;

/// One address: medians over the runs of one level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AddressUse {
    /// Its path, with its method where that is not GET.
    pub address: String,
    /// Correct answers a second.
    pub goodput_per_second: f64,
    /// Median response time, in milliseconds.
    pub p50_milliseconds: Option<f64>,
    /// Its 99th percentile.
    pub p99_milliseconds: Option<f64>,
}

/// What each address did in these runs; empty where there is but one.
pub fn of(runs: &[&Run]) -> Vec<AddressUse> {
    let Some(first) = runs.first().filter(|run| run.load.endpoints.len() > 1) else { return Vec::new() };
    let one = |address: &String| {
        let part = |run: &Run| -> Option<Subtotal> { run.load.endpoints.get(address).cloned() };
        let latency =
            |of: fn(&Percentiles) -> f64| median(runs, |run| part(run)?.latency_milliseconds.as_ref().map(of));
        let rate = |run: &Run| {
            let seconds = Some(run.load.duration_seconds).filter(|seconds| *seconds > 0.0)?;
            Some(part(run)?.ok as f64 / seconds)
        };
        Some(AddressUse {
            address: address.clone(),
            goodput_per_second: median(runs, rate)?,
            p50_milliseconds: latency(|latency| latency.p50),
            p99_milliseconds: latency(|latency| latency.p99),
        })
    };
    first.load.endpoints.keys().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Report, findings, sample};

    fn part(ok: u64, p99: f64) -> Subtotal {
        let latency_milliseconds = Some(Percentiles { p50: p99 / 2.0, p99, ..Percentiles::default() });
        Subtotal { requests: ok + 1, ok, latency_milliseconds, ..Subtotal::default() }
    }

    #[test]
    fn each_address_of_a_mix_has_its_figures() {
        let mut results = sample::results();
        let alone = Report::of(&results, None).unwrap();
        assert!(alone.points.iter().all(|point| point.addresses.is_empty()));
        for run in &mut results.runs {
            run.load.endpoints =
                [("POST /login".to_owned(), part(40, 300.0)), ("/whoami".to_owned(), part(44, 30.0))].into();
        }
        let report = Report::of(&results, None).unwrap();
        let addresses = &report.points[0].addresses;
        assert_eq!(addresses.iter().map(|it| &*it.address).collect::<Vec<_>>(), ["/whoami", "POST /login"]);
        assert_eq!((addresses[1].goodput_per_second, addresses[1].p99_milliseconds), (20.0, Some(300.0)));
        let logins = "Logins a second at 1 unit, 2 units and 4 units: 20.0, 20.0 and 20.0 with one big node; 20.0, 20.0 and 20.0 with many small nodes.";
        assert!(
            report.headline.en().contains(logins) && !alone.headline.en().contains("Logins"),
            "{:?}",
            report.headline
        );
        let text = findings::text(&report);
        assert!(text.contains("by address:") && text.contains("POST /login"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn what_no_run_has_is_left_out() {
        assert!(of(&[]).is_empty() && of(&[&sample::closed(1, 1, 8, 100.0)]).is_empty());
    }
}
