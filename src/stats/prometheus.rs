//! The figures as Prometheus text (exposition format 0.0.4): base units, `_total` for counters, `_ratio` from 0 to 1.
//!
//! A figure that is not known is left out. Labels come from fixed lists, from routes, and from the machine's own CPUs, disks and
//! interfaces, and from the URL of the store without its secrets; nothing that a client wrote is ever one.

mod store;

use std::fmt::Write;

use super::bottleneck::Resource;
use super::model::{CacheStats, QueueWait, Stats, Window};
use super::raw::Raw;
use crate::kernel::pressure::Stall;

/// A value and its labels.
type LabelledValue<'a> = (Vec<(&'static str, &'a str)>, Option<f64>);

/// Writes every figure that is known.
pub fn text(stats: &Stats) -> String {
    let mut out = PrometheusText(String::with_capacity(16 * 1024));
    let node = &stats.node;
    let info = [("name", &*node.name), ("version", &node.version), ("model", &node.model), ("engine", &node.engine)];
    out.family("webapp_node_info", "gauge", "The node; always 1.", [(info.to_vec(), Some(1.0))]);
    let started = (stats.raw.unix_seconds - node.uptime_seconds).round();
    out.gauge("process_start_time_seconds", "When the node started, since 1970.", Some(started).filter(|at| *at > 0.0));
    out.gauge("webapp_uptime_seconds", "Time since the node started.", Some(node.uptime_seconds));
    out.gauge("webapp_window_seconds", "Length of the window behind every ratio.", stats.window.window_seconds);
    let binds = Resource::ALL.map(|resource| {
        (vec![("resource", resource.name())], Some(f64::from(u8::from(resource == stats.bottleneck.resource))))
    });
    out.family("webapp_bottleneck", "gauge", "1 for the resource that binds.", binds);
    let used = ratio(stats.bottleneck.utilization);
    out.gauge("webapp_bottleneck_used_ratio", "How much of it is in use; of the fullest where none binds.", used);
    let used = stats.resources.iter().map(|(resource, used)| (vec![("resource", resource.name())], ratio(*used)));
    out.family("webapp_resource_used_ratio", "gauge", "How full each resource is.", used);
    cpu(&mut out, &stats.window, &stats.raw);
    cgroup(&mut out, &stats.window);
    memory(&mut out, &stats.window);
    pressure(&mut out, &stats.raw);
    disks(&mut out, &stats.raw);
    network(&mut out, &stats.window, &stats.raw);
    process(&mut out, &stats.window);
    pool(&mut out, &stats.window);
    requests(&mut out, &stats.window);
    store::families(&mut out, &stats.window.store);
    cache(&mut out, &stats.window.cache);
    out.0
}

struct PrometheusText(String);

impl PrometheusText {
    fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) {
        self.family(name, "gauge", help, [(Vec::new(), value)]);
    }

    fn counter(&mut self, name: &str, help: &str, value: Option<f64>) {
        self.family(name, "counter", help, [(Vec::new(), value)]);
    }

    fn histogram(&mut self, name: &str, help: &str, waits: &QueueWait) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} histogram");
        for bucket in &waits.histogram {
            let _ = writeln!(self.0, "{name}_bucket{{le=\"{}\"}} {}", bucket.at_most / 1e3, bucket.count);
        }
        let _ = writeln!(self.0, "{name}_bucket{{le=\"+Inf\"}} {}", waits.count);
        let sum = seconds(Some(waits.sum)).unwrap_or_default();
        let _ = writeln!(self.0, "{name}_sum {sum}\n{name}_count {}", waits.count);
    }

    fn family<'a>(&mut self, name: &str, kind: &str, help: &str, series: impl IntoIterator<Item = LabelledValue<'a>>) {
        let mut described = false;
        for (labels, value) in series {
            let Some(value) = value.filter(|value| value.is_finite()) else { continue };
            // Writing to a String cannot fail.
            if !described {
                let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
                described = true;
            }
            self.0.push_str(name);
            for (index, (label, text)) in labels.iter().enumerate() {
                let opening = if index == 0 { '{' } else { ',' };
                let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                let _ = write!(self.0, "{opening}{label}=\"{text}\"");
            }
            let closing = if labels.is_empty() { "" } else { "}" };
            let _ = writeln!(self.0, "{closing} {value}");
        }
    }
}

fn count(value: u64) -> Option<f64> {
    Some(value as f64)
}

/// Percentages have two decimals, milliseconds three; dividing whole numbers leaves no trail of digits behind them.
fn ratio(percent: Option<f64>) -> Option<f64> {
    percent.map(|percent| (percent * 100.0).round() / 1e4)
}

fn seconds(milliseconds: Option<f64>) -> Option<f64> {
    milliseconds.map(|milliseconds| (milliseconds * 1e3).round() / 1e6)
}

fn number(value: Option<u64>) -> Option<f64> {
    value.map(|value| value as f64)
}

fn cpu(out: &mut PrometheusText, window: &Window, raw: &Raw) {
    let cpu = &window.cpu;
    let shares = &cpu.shares;
    let states = [
        ("user", shares.user),
        ("nice", shares.nice),
        ("system", shares.system),
        ("iowait", shares.iowait),
        ("irq", shares.irq),
        ("softirq", shares.softirq),
        ("steal", shares.steal),
        ("idle", shares.idle),
    ];
    let series = states.map(|(mode, share)| (vec![("mode", mode)], ratio(share)));
    out.family("webapp_host_cpu_ratio", "gauge", "Share of the machine's CPU time by mode.", series);
    let ticks = raw.cpu.map(|ticks| {
        let (user, nice, system, idle) = (Some(ticks.user), Some(ticks.nice), Some(ticks.system), Some(ticks.idle));
        [
            ("user", user),
            ("nice", nice),
            ("system", system),
            ("iowait", ticks.iowait),
            ("irq", ticks.irq),
            ("softirq", ticks.softirq),
            ("steal", ticks.steal),
            ("idle", idle),
        ]
    });
    let in_seconds = |ticks: Option<u64>| number(ticks).map(|ticks| ticks / raw.ticks_per_second.max(1) as f64);
    let series = ticks.into_iter().flatten().map(|(mode, ticks)| (vec![("mode", mode)], in_seconds(ticks)));
    out.family("webapp_host_cpu_seconds_total", "counter", "The machine's CPU time by mode.", series);
    out.gauge("webapp_host_cpu_busy_ratio", "Share that was neither idle nor iowait.", ratio(shares.busy));
    let cores: Vec<(String, Option<f64>)> =
        cpu.per_core.iter().map(|core| (core.core.to_string(), ratio(core.shares.busy))).collect();
    let series = cores.iter().map(|(core, busy)| (vec![("cpu", &**core)], *busy));
    out.family("webapp_host_cpu_core_busy_ratio", "gauge", "The same by CPU.", series);
    out.gauge("webapp_host_cpus", "CPUs online.", number(cpu.cores));
    out.gauge("webapp_host_allowed_cpus", "CPUs that this process may run on.", number(cpu.allowed_cores));
    out.gauge("webapp_host_allowed_cpu_busy_ratio", "Busy share of those.", ratio(cpu.allowed_busy));
    out.gauge("webapp_host_runnable_tasks", "Tasks running or ready to run.", number(cpu.runnable));
    out.gauge("webapp_host_blocked_tasks", "Tasks waiting for a disk.", number(cpu.blocked));
    for (index, (name, help)) in [
        ("webapp_host_load1", "Load average of one minute."),
        ("webapp_host_load5", "Load average of five minutes."),
        ("webapp_host_load15", "Load average of fifteen minutes."),
    ]
    .into_iter()
    .enumerate()
    {
        out.gauge(name, help, cpu.load_average.map(|load| load[index]));
    }
}

fn cgroup(out: &mut PrometheusText, window: &Window) {
    let cgroup = &window.cgroup;
    out.gauge("webapp_cgroup_cpu_quota_cores", "Tightest CPU quota.", cgroup.cpu_quota_cores);
    out.gauge("webapp_cgroup_cpu_quota_used_ratio", "CPU time used of it.", ratio(cgroup.cpu_quota_utilization));
    out.gauge("webapp_cgroup_cpu_used_cores", "CPU time used by the group of that quota.", cgroup.cpu_usage_cores);
    let throttled = ratio(cgroup.throttled_percent);
    out.gauge("webapp_cgroup_throttled_periods_ratio", "Of the periods with work, those throttled.", throttled);
    let throttled = ratio(cgroup.throttled_window_percent);
    out.gauge("webapp_cgroup_throttled_window_ratio", "Of all periods of the window, those throttled.", throttled);
    out.counter("webapp_cgroup_throttled_seconds_total", "Time throttled, over CPUs.", cgroup.throttled_seconds_total);
    out.gauge("webapp_cgroup_memory_limit_bytes", "Tightest memory limit.", number(cgroup.memory_limit_bytes));
    out.gauge("webapp_cgroup_memory_used_bytes", "Memory, page cache included.", number(cgroup.memory_used_bytes));
    let used = ratio(cgroup.memory_utilization);
    out.gauge("webapp_cgroup_memory_used_ratio", "Working set of the limit.", used);
    out.gauge(
        "webapp_cgroup_memory_working_set_bytes",
        "Memory less cache that is given up first.",
        number(cgroup.memory_working_set_bytes),
    );
    out.counter(
        "webapp_cgroup_oom_kills_total",
        "Processes killed for want of memory.",
        number(cgroup.oom_kills_total),
    );
}

fn memory(out: &mut PrometheusText, window: &Window) {
    let memory = &window.memory;
    out.gauge("webapp_host_memory_total_bytes", "The machine's memory.", number(memory.total_bytes));
    out.gauge("webapp_host_memory_available_bytes", "To be had without swapping.", number(memory.available_bytes));
    out.gauge("webapp_host_memory_cached_bytes", "Page cache and the like.", number(memory.cached_bytes));
    out.gauge("webapp_host_memory_used_ratio", "All but what is available.", ratio(memory.used_percent));
    out.gauge("webapp_host_swap_total_bytes", "All swap.", number(memory.swap_total_bytes));
    out.gauge("webapp_host_swap_used_bytes", "Swap in use.", number(memory.swap_used_bytes));
}

fn pressure(out: &mut PrometheusText, raw: &Raw) {
    // All tasks stalled for a CPU: that has no meaning for a whole machine.
    let cpu = raw.pressure.cpu.map(|stall| Stall { full_microseconds: None, ..stall });
    let stalls = [("cpu", cpu), ("memory", raw.pressure.memory), ("io", raw.pressure.io)];
    let mut family = |name: &str, help: &str, total: fn(&Stall) -> Option<u64>| {
        let in_seconds = |stall: Option<Stall>| stall.as_ref().and_then(total).map(|micros| micros as f64 / 1e6);
        let series = stalls.map(|(resource, stall)| (vec![("resource", resource)], in_seconds(stall)));
        out.family(name, "counter", help, series);
    };
    family("webapp_host_pressure_waiting_seconds_total", "Time in which a task stalled.", |stall| {
        stall.some_microseconds
    });
    family("webapp_host_pressure_stalled_seconds_total", "Time in which all tasks stalled.", |stall| {
        stall.full_microseconds
    });
}

fn disks(out: &mut PrometheusText, raw: &Raw) {
    let mut family = |name: &str, help: &str, value: fn(&crate::kernel::disk::DiskReading) -> f64| {
        let series = raw.disks.iter().map(|(device, disk)| (vec![("device", &**device)], Some(value(disk))));
        out.family(name, "counter", help, series);
    };
    family("webapp_disk_reads_total", "Reads completed.", |disk| disk.reads as f64);
    family("webapp_disk_writes_total", "Writes completed.", |disk| disk.writes as f64);
    family("webapp_disk_read_bytes_total", "Bytes read.", |disk| disk.read_bytes as f64);
    family("webapp_disk_written_bytes_total", "Bytes written.", |disk| disk.write_bytes as f64);
    family("webapp_disk_busy_seconds_total", "Time with a request under way.", |disk| {
        disk.busy_milliseconds as f64 / 1e3
    });
    family("webapp_disk_read_seconds_total", "Time that reads took, summed over them.", |disk| {
        disk.read_milliseconds as f64 / 1e3
    });
    family("webapp_disk_write_seconds_total", "Time that writes took, summed over them.", |disk| {
        disk.write_milliseconds as f64 / 1e3
    });
    family("webapp_disk_queue_seconds_total", "Time multiplied by the requests under way.", |disk| {
        disk.weighted_milliseconds as f64 / 1e3
    });
}

fn network(out: &mut PrometheusText, window: &Window, raw: &Raw) {
    let mut family = |name: &str, help: &str, value: fn(&crate::kernel::network::InterfaceReading) -> u64| {
        let series = raw.network.iter().map(|(name, read)| (vec![("interface", &**name)], count(value(read))));
        out.family(name, "counter", help, series);
    };
    family("webapp_network_receive_bytes_total", "Bytes received.", |read| read.receive_bytes);
    family("webapp_network_transmit_bytes_total", "Bytes sent.", |read| read.transmit_bytes);
    family("webapp_network_errors_total", "Bad packets.", |read| read.errors);
    family("webapp_network_drops_total", "Packets dropped.", |read| read.drops);
    let series =
        raw.network.iter().map(|(name, read)| (vec![("interface", &**name)], number(read.speed_bytes_per_second)));
    out.family("webapp_network_speed_bytes", "gauge", "Bytes a second that the link can carry.", series);
    let tcp = raw.tcp.unwrap_or_default();
    out.counter("webapp_tcp_sent_segments_total", "Segments sent by the machine.", number(tcp.out_segments));
    out.counter("webapp_tcp_resent_segments_total", "Segments sent again.", number(tcp.retransmitted_segments));
    let sockets = &window.sockets;
    out.gauge("webapp_listen_queue", "Connections waiting to be accepted.", number(sockets.listen_queue));
    out.gauge("webapp_listen_queue_limit", "How many may wait.", number(sockets.listen_queue_limit));
    out.counter(
        "webapp_listen_overflows_total",
        "Connections dropped before accept.",
        number(sockets.listen_overflows_total),
    );
}

fn process(out: &mut PrometheusText, window: &Window) {
    let process = &window.process;
    out.counter("process_cpu_seconds_total", "CPU time of this process.", process.cpu_seconds_total);
    out.gauge(
        "process_resident_memory_bytes",
        "Memory of this process in RAM.",
        number(window.memory.process_resident_bytes),
    );
    out.gauge("process_threads", "Threads of this process.", number(process.threads));
    out.gauge("process_open_fds", "Files it has open.", number(process.open_files));
    out.gauge("process_max_fds", "Files it may have open.", number(process.open_files_limit));
}

fn pool(out: &mut PrometheusText, window: &Window) {
    let pool = &window.pool;
    out.gauge("webapp_pool_threads", "Threads of the worker pool.", count(pool.threads));
    out.gauge("webapp_pool_active_threads", "Threads at work.", count(pool.active));
    out.gauge("webapp_pool_peak_active_threads", "Most threads ever at work at once.", count(pool.peak_active));
    out.gauge("webapp_pool_queued_jobs", "Jobs waiting.", count(pool.queued));
    out.gauge("webapp_pool_queue_capacity_jobs", "Jobs that may wait.", count(pool.queue_capacity));
    out.gauge("webapp_pool_used_ratio", "Thread time at work, of all.", ratio(pool.utilization));
    out.counter("webapp_pool_busy_seconds_total", "Thread time at work.", Some(pool.busy_seconds_total));
    out.counter(
        "webapp_pool_saturated_seconds_total",
        "Time with no thread free and jobs waiting.",
        Some(pool.saturated_seconds_total),
    );
    out.counter("webapp_pool_completed_jobs_total", "Jobs done.", count(pool.completed_total));
    out.counter("webapp_pool_rejected_jobs_total", "Jobs refused: the queue was full.", count(pool.rejected_total));
    out.counter("webapp_pool_expired_jobs_total", "Jobs dropped unrun.", count(pool.expired_total));
    out.gauge("webapp_pool_saturated_ratio", "Time of the window in which that was so.", ratio(pool.saturated_percent));
    let wait = &pool.queue_wait_milliseconds;
    out.histogram("webapp_pool_queue_wait_seconds", "Wait of jobs for a thread.", wait);
    let series = [("0.5", wait.p50), ("0.99", wait.p99)]
        .map(|(percentile, wait)| (vec![("percentile", percentile)], seconds(wait)));
    out.family("webapp_pool_recent_queue_wait_seconds", "gauge", "Wait for a thread, last minute.", series);
}

fn cache(out: &mut PrometheusText, cache: &CacheStats) {
    let Some((kind, url)) = cache.kind.as_deref().zip(cache.url.as_deref()) else { return };
    let up = Some(f64::from(u8::from(cache.problem.is_none())));
    let labels = vec![("kind", kind), ("url", url)];
    out.family("webapp_cache_up", "gauge", "1 when the cache answered the last time it was asked.", [(labels, up)]);
    let results = [("hit", cache.hits_total), ("miss", cache.misses_total), ("collapsed", cache.collapsed_total)];
    let series = results.map(|(result, total)| (vec![("result", result)], count(total)));
    out.family("webapp_cache_answers_total", "counter", "Answers by what the cache had of them.", series);
    let hits = ratio(cache.hit_percent);
    out.gauge("webapp_cache_hit_ratio", "Of the answers of the window, those not worked out for their request.", hits);
    out.gauge("webapp_cache_entries", "Entries in the node.", number(cache.entries));
    out.gauge("webapp_cache_bytes", "What they take.", number(cache.bytes));
    out.counter("webapp_cache_evicted_total", "Entries that had to go for want of room.", number(cache.evicted_total));
    out.counter("webapp_cache_errors_total", "Questions that a server did not answer.", count(cache.errors_total));
}

fn requests(out: &mut PrometheusText, window: &Window) {
    let connections = &window.connections;
    out.gauge("webapp_connections_open", "Client connections.", count(connections.open));
    out.gauge("webapp_connections_peak", "Most ever open at once.", count(connections.peak));
    out.counter("webapp_connections_accepted_total", "Connections accepted.", count(connections.accepted_total));
    out.counter("webapp_connections_rejected_total", "Connections turned away.", count(connections.rejected_total));
    let errors = count(connections.accept_errors_total);
    out.counter("webapp_accept_errors_total", "Failures to accept a connection.", errors);
    out.gauge("webapp_requests_in_flight", "Requests under way.", count(window.requests.in_flight));
    let panics = count(window.requests.panics_total);
    out.counter("webapp_panics_total", "Requests answered with 500 because their handler panicked.", panics);
    let endpoints = &window.requests.endpoints;
    let series = endpoints.iter().map(|endpoint| (vec![("path", &*endpoint.path)], count(endpoint.count)));
    out.family("webapp_requests_total", "counter", "Requests answered, by route.", series);
    let series = endpoints.iter().map(|endpoint| (vec![("path", &*endpoint.path)], count(endpoint.errors)));
    out.family("webapp_request_errors_total", "counter", "Of them, with 4xx or 5xx.", series);
    let series = endpoints.iter().flat_map(|endpoint| {
        [("0.5", endpoint.p50), ("0.9", endpoint.p90), ("0.99", endpoint.p99)]
            .map(|(percentile, time)| (vec![("path", &*endpoint.path), ("percentile", percentile)], seconds(time)))
    });
    out.family("webapp_response_time_seconds", "gauge", "Response time, last minute.", series);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_unknown_figures_left_out() {
        let mut stats = Stats::default();
        stats.node.name = "a\"b\\c".into();
        stats.resources = Resource::ALL.map(|resource| (resource, Some(50.0))).into();
        let text = text(&stats);
        assert!(text.contains(r#"name="a\"b\\c""#), "{text}");
        assert!(text.contains("webapp_bottleneck{resource=\"none\"} 1\n"), "{text}");
        for resource in Resource::ALL {
            for family in ["webapp_bottleneck", "webapp_resource_used_ratio"] {
                let series = format!("{family}{{resource=\"{}\"}}", resource.name());
                assert!(text.contains(&series), "{series}");
            }
        }
        assert!(!text.contains("webapp_host_cpu_ratio"), "{text}");
        assert!(!text.contains("NaN"), "{text}");
    }
}
