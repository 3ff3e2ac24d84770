//! The readers and the window on trees of fake kernel files: machines that this one is not.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use webapp::kernel::Root;
use webapp::stats::{Collector, NodeReading, Sample, Unavailable, Window, window};

fn node() -> NodeReading {
    let mut node = NodeReading::default();
    node.pool.threads = 2;
    node
}

/// A folder that stands for `/`.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, path: &str, text: &str) -> &Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// A sample that was taken at `seconds`.
    fn sample(&self, seconds: f64) -> Sample {
        let mut collector = Collector::new(Root::at(self.0.path()), "127.0.0.1:3000".parse().unwrap());
        Sample { monotonic_seconds: seconds, ..collector.sample(node) }
    }

    /// The window of one second in which `change` happened.
    fn window(&self, change: impl FnOnce(&Self)) -> (Window, Unavailable) {
        let before = self.sample(0.0);
        change(self);
        let (window, unavailable) = window(Some(&before), &self.sample(1.0));
        assert_eq!(unexplained(&serde_json::to_value(&window).unwrap(), &unavailable), NOTHING);
        (window, unavailable)
    }
}

const NOTHING: [String; 0] = [];

/// Places of the figures that are `null` without a reason at that place, or at one around it.
fn unexplained(figures: &Value, unavailable: &Unavailable) -> Vec<String> {
    fn walk(value: &Value, place: &str, unavailable: &Unavailable, found: &mut Vec<String>) {
        let inside = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
        if unavailable.contains_key(place) {
            return;
        }
        match value {
            Value::Null => found.push(place.to_owned()),
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| walk(value, &inside(name), unavailable, found));
            }
            Value::Array(items) => {
                for item in items {
                    let name = ["device", "interface", "path"].iter().find_map(|name| item.get(name)?.as_str());
                    // One CPU lacks what all of them lack.
                    let around = place.rsplit_once('.').map_or("", |(around, _)| around);
                    walk(item, &name.map_or(around.to_owned(), inside), unavailable, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(figures, "", unavailable, &mut found);
    found
}

#[test]
fn a_null_without_a_reason_is_found() {
    let figures = json!({"a": {"b": null, "c": 1}, "disks": [{"device": "vda", "await": null}], "d": {"e": null}});
    let unavailable = [("d".to_owned(), "why".to_owned())].into();
    assert_eq!(unexplained(&figures, &unavailable), ["a.b", "disks.vda.await"]);
}

#[test]
fn this_machine_has_a_figure_or_a_reason_for_everything() {
    let mut collector = Collector::new(Root::real(), "127.0.0.1:1".parse().unwrap());
    let before = collector.sample(node);
    std::thread::sleep(Duration::from_millis(100));
    let (window, unavailable) = window(Some(&before), &collector.sample(node));
    assert_eq!(unexplained(&serde_json::to_value(&window).unwrap(), &unavailable), NOTHING);
}

#[test]
fn an_empty_machine_has_reasons_and_no_figures() {
    let (window, unavailable) = Tree::new().window(|_| {});
    assert_eq!(window.cpu.shares.user, None);
    assert_eq!(window.memory.total_bytes, None);
    assert_eq!(window.disks, None);
    for place in [
        "cpu",
        "memory",
        "pressure.cpu",
        "pressure.io",
        "disks",
        "network",
        "cgroup.cpu_quota_cores",
        "cgroup.memory_used_bytes",
    ] {
        assert!(unavailable[place].contains("no such file"), "{place}: {}", unavailable[place]);
    }
}

#[test]
fn a_counter_that_went_back_counts_as_nothing() {
    let tree = Tree::new();
    tree.put("proc/stat", "cpu  100 0 100 1000 500 0 0 0 0 0\ncpu0 100 0 100 1000 500 0 0 0 0 0\n");
    let (window, _) = tree.window(|tree| {
        tree.put("proc/stat", "cpu  150 0 100 1050 400 0 0 0 0 0\ncpu0 150 0 100 1050 400 0 0 0 0 0\n");
    });
    assert_eq!(window.cpu.shares.user, Some(50.0));
    assert_eq!(window.cpu.shares.iowait, Some(0.0));
    assert_eq!(window.cpu.shares.idle, Some(50.0));
    assert_eq!(window.cpu.shares.busy, Some(50.0));
}

#[test]
fn cpus_come_and_go() {
    let tree = Tree::new();
    tree.put("proc/stat", "cpu  1000 0 0 1000\ncpu0 500 0 0 500\ncpu1 500 0 0 500\n");
    let (window, _) = tree.window(|tree| {
        tree.put("proc/stat", "cpu  9000 0 0 1075\ncpu0 525 0 0 575\ncpu2 8475 0 0 500\n");
    });
    assert_eq!(window.cpu.cores, Some(2));
    assert_eq!(window.cpu.per_core.iter().map(|core| core.core).collect::<Vec<_>>(), [0]);
    assert_eq!(window.cpu.shares.user, Some(25.0));
    assert_eq!(window.cpu.shares.steal, None, "a column that the kernel lacks");
}

#[test]
fn a_truncated_file_is_no_figure() {
    let tree = Tree::new();
    tree.put("proc/stat", "cpu  100 0 10").put("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 5");
    let (window, unavailable) = tree.window(|_| {});
    assert_eq!(window.cpu.cores, None);
    assert!(unavailable["cpu"].contains("cut short"), "{}", unavailable["cpu"]);
    assert_eq!(window.memory.total_bytes, Some(1_024_000));
    assert_eq!(window.memory.available_bytes, None);
    assert_eq!(window.memory.used_bytes, None);
}

#[test]
fn pressure_without_full() {
    let tree = Tree::new();
    // Both kinds are undefined for the CPUs of a whole machine: a kernel before 5.13 says nothing, later ones say 0.
    tree.put("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\nfull total=0\n");
    tree.put("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n");
    let (window, unavailable) = tree.window(|tree| {
        tree.put("proc/pressure/cpu", "some avg10=99.00 avg60=0.00 avg300=0.00 total=1250000\nfull total=0\n");
    });
    assert_eq!(window.pressure.cpu.some_percent, Some(25.0));
    assert_eq!((window.pressure.cpu.full_percent, window.pressure.io.full_percent), (None, None));
    assert!(unavailable["pressure.cpu.full_percent"].contains("no meaning"));
    assert!(unavailable["pressure.io.full_percent"].contains("no line 'full'"));
    assert!(unavailable["pressure.memory"].contains("no such file"));
}

#[test]
fn a_disk_that_appears_has_no_rates_yet() {
    let vda = "254 0 vda 100 0 2000 50 10 0 80 20 0 100 200\n";
    let tree = Tree::new();
    tree.put("proc/diskstats", vda);
    let (window, _) = tree.window(|tree| {
        let grown = "254 0 vda 110 0 2200 150 10 0 80 20 0 600 700\n254 1 vda1 9 0 9 9 9 0 9 9 0 9 9\n";
        tree.put(
            "proc/diskstats",
            &format!("{grown}254 16 vdb 5 0 5 5 5 0 5 5 0 5 5\n7 0 loop0 1 0 1 1 1 0 1 1 0 1 1\n"),
        );
        tree.put("sys/block/vda/size", "1\n").put("sys/block/vdb/size", "1\n").put("sys/block/loop0/size", "1\n");
    });
    let disks = window.disks.unwrap();
    assert_eq!(disks.iter().map(|disk| &*disk.device).collect::<Vec<_>>(), ["vda", "vdb"]);
    assert_eq!(disks[0].reads_per_second, Some(10.0));
    assert_eq!(disks[0].read_bytes_per_second, Some(102_400.0));
    assert_eq!(disks[0].await_milliseconds, Some(10.0));
    assert_eq!(disks[0].utilization, Some(50.0));
    assert_eq!(disks[1].utilization, None);
}

#[test]
fn cgroup_v1_in_split_hierarchies() {
    let tree = Tree::new();
    tree.put("proc/self/cgroup", "3:cpuacct:/unit\n2:cpu:/unit\n1:name=systemd:/\n0::/\n").put(
        "proc/self/mountinfo",
        "1 0 0:1 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n2 0 0:2 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n",
    );
    let unit = "sys/fs/cgroup/cpu/unit";
    tree.put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n").put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    tree.put(&format!("{unit}/cpu.cfs_quota_us"), "25000\n").put(&format!("{unit}/cpu.cfs_period_us"), "100000\n");
    tree.put(&format!("{unit}/cpu.stat"), "nr_periods 10\nnr_throttled 2\nthrottled_time 1000000000\n");
    tree.put("sys/fs/cgroup/cpuacct/unit/cpuacct.usage", "1000000000\n");
    let (window, unavailable) = tree.window(|tree| {
        tree.put(&format!("{unit}/cpu.stat"), "nr_periods 20\nnr_throttled 10\nthrottled_time 1600000000\n");
        tree.put("sys/fs/cgroup/cpuacct/unit/cpuacct.usage", "1240000000\n");
    });
    let cgroup = window.cgroup;
    assert_eq!((cgroup.version, cgroup.path.as_deref()), (Some(1), Some("/unit")));
    assert_eq!(cgroup.cpu_quota_cores, Some(0.25));
    assert_eq!(cgroup.cpu_usage_cores, Some(0.24));
    assert_eq!(cgroup.cpu_quota_utilization, Some(96.0));
    assert_eq!(cgroup.throttled_percent, Some(80.0));
    assert_eq!(cgroup.throttled_window_percent, Some(80.0));
    assert_eq!(cgroup.throttled_seconds_total, Some(1.6));
    let reason = &unavailable["cgroup.memory_limit_bytes"];
    assert!(reason.contains("no cgroup2 mount"), "{reason}");
}

#[test]
fn cgroup_v2_where_the_parent_throttles_and_the_child_is_tighter() {
    let tree = Tree::new();
    tree.put("proc/self/cgroup", "0::/slice/unit\n");
    tree.put("proc/self/mountinfo", "1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
    let put = |folder: &str, file: &str, text: &str| {
        tree.put(&format!("sys/fs/cgroup{folder}/{file}"), text);
    };
    put("", "cgroup.controllers", "cpu memory\n");
    put("", "cpu.stat", "usage_usec 5\n");
    for (folder, quota, limit) in
        [("/slice", "100000 100000\n", "200000000\n"), ("/slice/unit", "50000 100000\n", "max\n")]
    {
        put(folder, "cgroup.type", "domain\n");
        put(folder, "cgroup.controllers", "cpu memory\n");
        put(folder, "cpu.max", quota);
        put(folder, "cpu.stat", "usage_usec 1000000\nnr_periods 10\nnr_throttled 0\nthrottled_usec 0\n");
        put(folder, "memory.max", limit);
        put(folder, "memory.high", "max\n");
        put(folder, "memory.current", "150000000\n");
        put(folder, "memory.stat", "inactive_file 50000000\n");
        put(folder, "memory.events", "oom 0\noom_kill 1\n");
    }
    let (window, _) = tree.window(|_| {
        put("/slice", "cpu.stat", "usage_usec 2000000\nnr_periods 20\nnr_throttled 9\nthrottled_usec 500000\n");
        put("/slice/unit", "cpu.stat", "usage_usec 1100000\nnr_periods 20\nnr_throttled 0\nthrottled_usec 0\n");
        put("/slice", "memory.events", "oom 1\noom_kill 2\n");
    });
    let cgroup = window.cgroup;
    assert_eq!((cgroup.version, cgroup.path.as_deref()), (Some(2), Some("/slice/unit")));
    assert_eq!((cgroup.cpu_quota_cores, cgroup.cpu_quota_utilization), (Some(0.5), Some(20.0)));
    assert_eq!(cgroup.throttled_path.as_deref(), Some("/slice"));
    assert_eq!((cgroup.throttled_quota_cores, cgroup.throttled_percent), (Some(1.0), Some(90.0)));
    assert_eq!((cgroup.memory_limit_bytes, cgroup.memory_utilization), (Some(200_000_000), Some(50.0)));
    assert_eq!((cgroup.oom_kills_total, cgroup.oom_kills), (Some(2), Some(1)));
}
