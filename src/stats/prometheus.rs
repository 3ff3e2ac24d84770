//! The figures as Prometheus text (exposition format 0.0.4): base units, `_total` for counters, `_ratio` from 0 to 1.

use std::fmt::Write;

use super::model::Stats;

/// Writes every figure that is known; one that is not is left out, as Prometheus expects.
pub fn text(stats: &Stats) -> String {
    let mut out = String::with_capacity(8 * 1024);
    let window = &stats.window;
    let mut metric = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
    };
    metric(
        "webapp_cpu_busy_ratio",
        "gauge",
        "Share of CPU time that was not idle.",
        window.cpu.shares.busy.map(|x| x / 100.0),
    );
    metric("webapp_pool_threads", "gauge", "Threads of the worker pool.", Some(window.pool.threads as f64));
    metric("webapp_pool_active_threads", "gauge", "Threads at work.", Some(window.pool.active as f64));
    metric("webapp_requests_total", "counter", "Requests answered.", Some(window.requests.total as f64));
    out
}
