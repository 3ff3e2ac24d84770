//! A clean run, which tests change.

use crate::results::load::{Arrivals, GeneratorUse, LittlesLaw, LoadMode, LoadOutcome, Percentiles, Validity};

/// A run at 100 requests/s for 10 s, without a fault.
pub fn outcome() -> LoadOutcome {
    let latency = Percentiles { mean: 10.0, p50: 8.0, p90: 20.0, p95: 30.0, p99: 90.0, p99_9: 150.0, max: 200.0 };
    LoadOutcome {
        target: "http://a/".into(),
        targets: vec![],
        mode: LoadMode::Open,
        connections: None,
        rate: Some(100.0),
        profile: None,
        arrivals: Some(Arrivals::Constant),
        max_connections: Some(10),
        keepalive: true,
        timeout_seconds: 10.0,
        warmup_seconds: 1.0,
        duration_seconds: 10.0,
        interrupted: false,
        requests_total: 1000,
        requests_ok: 1000,
        errors: Default::default(),
        error_examples: Default::default(),
        status: Default::default(),
        throughput_per_second: 99.9,
        latency_milliseconds: Some(latency),
        latency_uncorrected_milliseconds: Some(latency),
        queue_milliseconds: None,
        work_milliseconds: None,
        spectrum: vec![],
        nodes: Default::default(),
        node_details: Default::default(),
        endpoints: Default::default(),
        sent_total: 1100,
        answered_total: 1100,
        timeline: vec![],
        littles_law: LittlesLaw {
            in_flight: Some(1.0),
            samples: 2000,
            ended_per_second: 100.0,
            mean_seconds: Some(0.01),
            ratio: Some(1.0),
            holds: Some(true),
        },
        generator: GeneratorUse {
            threads: 1,
            cpu_percent: Some(5.0),
            busiest_thread_percent: Some(5.0),
            busiest_thread_waiting_percent: Some(0.0),
            dispatch_lag_milliseconds: None,
            waited_for_connection_total: 0,
            offered_per_second: Some(100.0),
            achieved_per_second: 100.0,
            connections_peak: 3,
            connections_opened_total: 3,
            open_files_limit: Some(1024),
            verdict: Validity::Valid,
            cause: None,
            reason: "room".into(),
        },
    }
}
