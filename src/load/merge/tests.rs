//! What is merged, on tables.

use super::super::fixture::outcome;
use super::*;
use crate::results::load::{ClockOffset, ErrorKind, InvalidCause, JointStart, LoadMode, TargetInfo};

/// An outcome with these response times, in nanoseconds.
fn part(times: &[u64]) -> LoadOutcome {
    let mut all = histogram();
    times.iter().for_each(|time| all.record(*time).unwrap());
    let encoded = EncodedHistogram::of(&all);
    let of_node = Subtotal {
        requests: times.len() as u64,
        ok: times.len() as u64,
        histogram: encoded.clone(),
        ..Subtotal::default()
    };
    LoadOutcome {
        requests_total: times.len() as u64,
        requests_ok: times.len() as u64,
        latency_milliseconds: percentiles(&all),
        histograms: Some(Histograms { latency: encoded, ..Histograms::default() }),
        node_details: [("node1".to_owned(), of_node)].into(),
        start: Some(JointStart {
            at_unix_seconds: 1e9,
            late_milliseconds: 0.0,
            node_clock: Some(ClockOffset { milliseconds: 0.0, within_milliseconds: 5.0 }),
        }),
        ..outcome()
    }
}

fn named(parts: &[LoadOutcome]) -> Vec<LoadPart> {
    parts.iter().zip("abcdefgh".chars()).map(|(part, name)| (format!("{name}.json"), part.clone())).collect()
}

#[test]
fn users_of_all_parts_are_counted() {
    let with = |users, users_that_lost| LoadOutcome {
        sessions: Some(SessionsOutcome { users, users_that_lost, lost_total: 2 * users_that_lost }),
        ..part(&[1])
    };
    let merged = merge(&named(&[with(64, 16), part(&[1]), with(36, 0)])).unwrap();
    assert_eq!(merged.sessions, Some(SessionsOutcome { users: 100, users_that_lost: 16, lost_total: 32 }));
    assert_eq!(merge(&named(&[part(&[1])])).unwrap().sessions, None);
}

#[test]
fn handshakes_of_all_parts_are_counted_and_timed() {
    let with = |resumed_total, verified, times: &[u64]| {
        let mut histogram = histogram();
        times.iter().for_each(|time| histogram.record(*time).unwrap());
        let versions = [("TLS 1.3".to_owned(), times.len() as u64)].into();
        let handshakes_total = times.len() as u64;
        let mut part = part(&[1]);
        part.tls = Some(TlsOutcome { verified, resumption: true, handshakes_total, resumed_total, versions });
        part.histograms.as_mut().unwrap().handshake = EncodedHistogram::of(&histogram);
        part
    };
    let merged = merge(&named(&[with(1, true, &[1_000_000, 2_000_000]), with(2, false, &[9_000_000; 3])])).unwrap();
    let tls = merged.tls.unwrap();
    assert_eq!((tls.handshakes_total, tls.resumed_total, tls.verified, tls.versions["TLS 1.3"]), (5, 3, false, 5));
    let times = merged.handshake_milliseconds.unwrap();
    assert!((times.p50 - 9.0).abs() < 0.1 && (times.mean - 6.0).abs() < 0.1, "{times:?}");
    let error = merge(&named(&[with(0, true, &[1]), part(&[1])])).unwrap_err().to_string();
    assert!(error.contains("plain HTTP and HTTPS"), "{error}");
}

#[test]
fn percentiles_are_those_of_one_histogram_of_all_samples() {
    let mut random = fastrand::Rng::with_seed(22);
    let mut all = histogram();
    let parts: Vec<LoadOutcome> = [1000, 10, 30_000]
        .into_iter()
        .zip([1.0, 50.0, 3.0])
        .map(|(count, scale)| {
            let times: Vec<u64> = (0..count).map(|_| (-random.f64().max(1e-9).ln() * scale * 1e6) as u64).collect();
            times.iter().for_each(|time| all.record(*time).unwrap());
            part(&times)
        })
        .collect();
    let merged = merge(&named(&parts)).unwrap();
    assert_eq!(merged.latency_milliseconds, percentiles(&all));
    assert_eq!(merged.spectrum, spectrum(&all));
    assert_eq!(merged.node_details["node1"].latency_milliseconds, percentiles(&all));
    assert_eq!(merged.requests_total, 31_010);
    // Sums of sums are the same: two first, then the third.
    let two = merge(&named(&parts[..2])).unwrap();
    let again = merge(&[("two".to_owned(), two), ("c.json".to_owned(), parts[2].clone())]).unwrap();
    assert_eq!(again.latency_milliseconds, merged.latency_milliseconds);
    let names: Vec<_> = again.generators.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["a.json", "b.json", "c.json"]);
    assert_eq!(again.generator.verdict, Validity::Valid, "{}", again.generator.reason);
}

#[test]
fn counts_and_rates_are_added() {
    let mut first = part(&[1_000_000; 10]);
    first.errors = [(ErrorKind::Refused, 2)].into();
    let mut second = part(&[2_000_000; 30]);
    second.errors = [(ErrorKind::Refused, 1), (ErrorKind::TimedOut, 4)].into();
    let merged = merge(&named(&[first, second])).unwrap();
    assert_eq!(merged.errors, [(ErrorKind::Refused, 3), (ErrorKind::TimedOut, 4)].into());
    assert_eq!((merged.rate, merged.max_connections, merged.connections), (Some(200.0), Some(20), None));
    assert_eq!((merged.throughput_per_second, merged.generator.threads), (199.8, 2));
    assert_eq!((merged.littles_law.in_flight, merged.littles_law.holds), (Some(2.0), Some(true)));
    assert_eq!(merged.generator.verdict, Validity::Valid, "{}", merged.generator.reason);
}

#[test]
fn one_that_was_not_sound_marks_the_whole() {
    type Spoil = fn(&mut LoadOutcome);
    let cases: [(&str, Spoil); 6] = [
        ("b.json: requests were sent late", |part| {
            part.generator.verdict = Validity::GeneratorBound;
            part.generator.cause = Some(InvalidCause::Late);
            part.generator.reason = "requests were sent late".to_owned();
        }),
        ("b.json does not say when it began", |part| part.start = None),
        ("different moments", |part| part.start.as_mut().unwrap().at_unix_seconds += 1.0),
        ("130 ms apart", |part| part.start.as_mut().unwrap().late_milliseconds = 130.0),
        ("2500 ms apart", |part| {
            part.start.as_mut().unwrap().node_clock =
                Some(ClockOffset { milliseconds: -2500.0, within_milliseconds: 5.0 });
        }),
        ("for 11.0 s and another one for 21.0 s", |part| part.duration_seconds = 20.0),
    ];
    for (says, spoil) in cases {
        let mut parts = [part(&[1]), part(&[2])];
        spoil(&mut parts[1]);
        let merged = merge(&named(&parts)).unwrap().generator;
        assert_eq!((merged.verdict, merged.cause.is_some()), (Validity::GeneratorBound, true), "{says}");
        assert!(merged.reason.contains(says), "{says}: {}", merged.reason);
    }
    // What the clocks allow for.
    let mut near = [part(&[1]), part(&[2])];
    near[1].start.as_mut().unwrap().late_milliseconds = 105.0;
    assert_eq!(merge(&named(&near)).unwrap().generator.verdict, Validity::Valid);
}

#[test]
fn the_timeline_is_by_second_of_one_clock() {
    let second = |second, offered| crate::results::load::TimelineSecond {
        second,
        offered,
        answered: offered,
        ..Default::default()
    };
    let mut parts = [part(&[1]), part(&[2])];
    parts[0].timeline = vec![second(0, 10), second(1, 20)];
    parts[1].timeline = vec![second(0, 1), second(1, 2)];
    let offered = |parts: &[LoadOutcome]| -> Vec<u64> {
        merge(&named(parts)).unwrap().timeline.iter().map(|second| second.offered).collect()
    };
    assert_eq!(offered(&parts), [11, 22]);
    // The clock of its machine is a second behind, so it began a second later.
    parts[1].start.as_mut().unwrap().node_clock = Some(ClockOffset { milliseconds: 980.0, within_milliseconds: 5.0 });
    assert_eq!(offered(&parts), [10, 21, 2]);
    parts[1].timeline.clear();
    assert!(offered(&parts).is_empty());
}

#[test]
fn what_is_no_part_of_one_load_is_refused() {
    type Spoil = fn(&mut LoadOutcome);
    let target = |url: &str| vec![TargetInfo { url: url.to_owned(), weight: 1, method: None }];
    let mut first = part(&[1]);
    first.targets = target("http://a:1/x");
    let mut elsewhere = first.clone();
    elsewhere.targets = target("http://b:2/x");
    merge(&named(&[first.clone(), elsewhere])).unwrap();
    let cases: [(&str, Spoil); 5] = [
        ("requests", |part| part.targets[0].url = "http://a:1/y".to_owned()),
        ("closed and open", |part| part.mode = LoadMode::Closed),
        ("timeouts", |part| part.timeout_seconds = 1.0),
        ("no histograms", |part| part.histograms = None),
        ("changing", |part| part.profile = Some(vec![(0.0, 1.0)])),
    ];
    for (says, spoil) in cases {
        let mut second = first.clone();
        spoil(&mut second);
        let error = merge(&named(&[first.clone(), second])).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("b.json"), "{says}: {error}");
    }
    assert_eq!(merge(&[]), Err(NotOneLoad::Nothing));
    let mut broken = first;
    broken.histograms = serde_json::from_str(r#"{"latency": "HISTFAAA"}"#).unwrap();
    assert!(matches!(merge(&named(&[broken])), Err(NotOneLoad::Unreadable(..))));
}
