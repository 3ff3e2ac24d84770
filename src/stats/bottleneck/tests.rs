//! The judgement on a table of windows.

use super::*;
use crate::stats::model::{Disk, Interface};

fn quiet() -> Window {
    let mut window = Window { window_seconds: Some(1.0), ..Window::default() };
    window.cpu.shares.busy = Some(10.0);
    window.cpu.shares.iowait = Some(0.0);
    window.cpu.cores = Some(2);
    window.cpu.allowed_cores = Some(2);
    window.cpu.allowed_busy = Some(10.0);
    window.memory.used_percent = Some(30.0);
    window.memory.total_bytes = Some(8_000_000_000);
    window.pool.threads = 2;
    window.pool.saturated_percent = Some(0.0);
    window
}

fn throttled(window: &mut Window) {
    window.cgroup.throttled_percent = Some(74.0);
    window.cgroup.throttled_window_percent = Some(74.0);
    window.cgroup.throttled_quota_cores = Some(0.25);
}

fn saturated(window: &mut Window) {
    window.pool.saturated_percent = Some(100.0);
    window.pool.queued = 5;
}

fn starved(window: &mut Window, connections: u64) {
    window.store.connections = connections;
    window.store.utilization = Some(99.0);
    window.store.saturated_percent = Some(98.0);
    window.store.waiting = 23;
    window.store.response_milliseconds.p50 = Some(12.0);
    window.store.response_milliseconds.p99 = Some(80.5);
    window.store.response_percent = Some(21.0);
}

fn busy(window: &mut Window) {
    window.cpu.shares.busy = Some(99.0);
}

fn disk(window: &mut Window, used: f64, waited: f64) {
    window.disks = Some(vec![Disk { device: "vda".into(), utilization: Some(used), ..Disk::default() }]);
    window.pressure.io.some_percent = Some(waited);
}

fn link(window: &mut Window, used: f64) {
    let interface = Interface {
        interface: "eth0".into(),
        utilization: Some(used),
        speed_bytes_per_second: Some(125_000_000),
        ..Interface::default()
    };
    window.network = Some(vec![interface]);
}

type Case = (&'static str, fn(&mut Window), Resource, &'static str);

const CASES: &[Case] = &[
    ("quiet", |_| {}, Resource::None, "none: the memory is used most, 30 %"),
    ("cpu", busy, Resource::Cpu, "cpu: 99 % busy on 2 cores"),
    ("cpu below the mark", |w| w.cpu.shares.busy = Some(89.9), Resource::None, "none: the CPUs are used most, 90 %"),
    (
        "one allowed core of two",
        |w| {
            w.cpu.shares.busy = Some(50.0);
            w.cpu.allowed_cores = Some(1);
            w.cpu.allowed_busy = Some(98.0);
        },
        Resource::Cpu,
        "cpu: 98 % busy on 1 core",
    ),
    (
        "stolen",
        |w| {
            busy(w);
            w.process.cpu_percent = Some(12.0);
            w.cpu.runnable = Some(1);
            w.cpu.shares.steal = Some(40.0);
        },
        Resource::Cpu,
        "cpu: 99 % busy on 2 cores (this node uses 0.1), 1 task ready to run, 40 % taken by the hypervisor",
    ),
    ("quota", throttled, Resource::CpuQuota, "cpu-quota: 74 % of periods throttled at 0.25 cores"),
    (
        "quota for a moment",
        |w| {
            throttled(w);
            w.cgroup.throttled_window_percent = Some(9.0);
        },
        Resource::None,
        "none: the memory is used most, 30 %",
    ),
    (
        "quota before cpu and pool",
        |w| {
            throttled(w);
            busy(w);
            saturated(w);
        },
        Resource::CpuQuota,
        "cpu-quota: 74 % of periods throttled at 0.25 cores",
    ),
    (
        "cpu before pool",
        |w| {
            busy(w);
            saturated(w);
        },
        Resource::Cpu,
        "cpu: 99 % busy on 2 cores",
    ),
    (
        "io by pressure",
        |w| disk(w, 60.0, 80.0),
        Resource::Io,
        "io: tasks waited for a disk 80 % of the time, vda 60 % busy",
    ),
    (
        "io by a full disk",
        |w| disk(w, 97.0, 25.0),
        Resource::Io,
        "io: tasks waited for a disk 25 % of the time, vda 97 % busy",
    ),
    ("write-back nobody waits for", |w| disk(w, 100.0, 5.0), Resource::None, "none: the disk vda is used most, 100 %"),
    (
        "io without pressure figures",
        |w| w.cpu.shares.iowait = Some(60.0),
        Resource::Io,
        "io: the CPUs idled for a disk 60 % of the time",
    ),
    (
        "memory limit",
        |w| {
            w.cgroup.memory_utilization = Some(96.0);
            w.cgroup.memory_binding_limit_bytes = Some(64_000_000);
        },
        Resource::Memory,
        "memory: 96 % of the limit of 64 MB in use",
    ),
    (
        "memory before io",
        |w| {
            w.pressure.memory.some_percent = Some(30.0);
            disk(w, 100.0, 90.0);
        },
        Resource::Memory,
        "memory: tasks stalled on memory 30 % of the time",
    ),
    (
        "killed",
        |w| w.cgroup.oom_kills = Some(1),
        Resource::Memory,
        "memory: 1 process of the group killed for want of memory in this window",
    ),
    ("network", |w| link(w, 95.0), Resource::Network, "network: eth0 carries 95 % of its 1000 Mbit/s"),
    ("network below the mark", |w| link(w, 80.0), Resource::None, "none: the link eth0 is used most, 80 %"),
    (
        "pool",
        saturated,
        Resource::Pool,
        "pool: all 2 threads at work and jobs waiting 100 % of the time, 5 waiting now",
    ),
    (
        "pool that refuses",
        |w| w.pool.rejected = Some(3),
        Resource::Pool,
        "pool: all 2 threads at work and jobs waiting 0 % of the time, 0 waiting now, 3 jobs refused in this window: the queue was full",
    ),
    (
        "store",
        |w| starved(w, 4),
        Resource::Store,
        "store: all 4 connections in use and requests waiting 98 % of the time, 23 waiting now; the store answers in 12.0 ms \
         (p99 80.5), 21 % of what a request waits for it",
    ),
    (
        "store that refuses, before the pool that waits for it",
        |w| {
            starved(w, 1);
            saturated(w);
            w.store.saturated_percent = Some(10.0);
            w.store.rejected = Some(2);
            w.store.response_percent = None;
            w.store.response_milliseconds.p50 = None;
        },
        Resource::Store,
        "store: the one connection in use and requests waiting 10 % of the time, 23 waiting now, 2 requests refused in this \
         window: too many waited",
    ),
    (
        "connections in use and nobody waits",
        |w| {
            starved(w, 4);
            w.store.saturated_percent = Some(5.0);
        },
        Resource::None,
        "none: the connections to the store are used most, 99 %",
    ),
    (
        "cpu before store",
        |w| {
            busy(w);
            starved(w, 4);
        },
        Resource::Cpu,
        "cpu: 99 % busy on 2 cores",
    ),
    ("first window", |w| w.window_seconds = None, Resource::None, "none: the first window has not ended yet"),
];

#[test]
fn a_table_of_windows() {
    for (name, change, resource, evidence) in CASES {
        let mut window = quiet();
        change(&mut window);
        let judgement = judge(&window);
        assert_eq!((judgement.resource, &*judgement.evidence), (*resource, *evidence), "{name}");
    }
}

/// The names that serde takes for a resource, from what it says of one that does not exist.
fn known_to_serde() -> Vec<String> {
    let error = serde_json::from_str::<Resource>("\"?\"").unwrap_err().to_string();
    error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_lists_of_resources_are_complete() {
    assert_eq!(known_to_serde(), Resource::ALL.map(Resource::name));
    for resource in Resource::ALL.into_iter().filter(|resource| *resource != Resource::None) {
        assert!(CHECKS.contains(&resource), "{resource:?} is never checked");
        assert_eq!(resource.rule().unwrap().resource, resource);
    }
}

#[test]
fn both_languages_tell_the_same_figures() {
    let figures = |text: &str| {
        let digits = |part: &str| part.trim_matches(|c: char| !c.is_ascii_digit()).replace(',', ".");
        let mut all: Vec<String> = text.split([' ', '(']).map(digits).filter(|part| !part.is_empty()).collect();
        all.sort();
        all
    };
    for (name, change, ..) in CASES {
        let mut window = quiet();
        change(&mut window);
        let Bottleneck { evidence, evidence_es, .. } = judge(&window);
        assert_eq!(figures(&evidence), figures(&evidence_es), "{name}: {evidence} / {evidence_es}");
    }
}

#[test]
fn how_full_each_resource_is() {
    let mut window = quiet();
    window.cgroup.cpu_quota_cores = Some(0.25);
    window.process.cpu_percent = Some(20.0);
    window.cgroup.memory_utilization = Some(90.0);
    disk(&mut window, 8.0, 0.0);
    window.sockets.listen_queue = Some(1);
    window.sockets.listen_queue_limit = Some(4);
    let mut unavailable = Unavailable::from([("pool".to_owned(), "why".to_owned())]);
    let used = resources(&window, &mut unavailable);
    let shown: Vec<_> = used.iter().map(|(resource, used)| (resource.name(), *used)).collect();
    assert_eq!(
        shown,
        [
            ("cpu", Some(10.0)),
            ("cpu-quota", Some(80.0)),
            ("io", Some(8.0)),
            ("memory", Some(90.0)),
            ("network", Some(25.0)),
            ("pool", None),
            ("store", None),
        ]
    );
    assert_eq!(unavailable["resources.pool"], "why");
    let notes = [("cgroup.cpu_quota_cores".to_owned(), "no quota".to_owned())];
    let mut unavailable = Unavailable::from(notes);
    resources(&Window::default(), &mut unavailable);
    assert_eq!(unavailable["resources.cpu-quota"], "no quota");
    assert!(unavailable.contains_key("resources.io"), "every null has a reason");
}

#[test]
fn a_window_without_any_figure() {
    let window = Window { window_seconds: Some(1.0), ..Window::default() };
    assert_eq!(judge(&window).evidence, "none: no figure of this machine could be read");
}
