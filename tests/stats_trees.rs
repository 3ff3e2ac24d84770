//! The readers and the window on trees of fake kernel files: machines that this one is not.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use webapp::kernel::{self, Root};
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

/// One line of a kernel file that is not as its manual page says costs that line, and no other figure.
#[test]
fn one_bad_line_costs_that_line() {
    let tree = Tree::new();
    let root = Root::at(tree.0.path());

    tree.put("proc/stat", "cpu  9 0 0 1\ncpu0 5 0 0 x\ncpu1 4 0 0 1\nnonsense\nprocs_running x\nprocs_blocked 2\n");
    let cpu = kernel::cpu::read(&root).unwrap();
    assert_eq!((cpu.total.user, cpu.cores.len(), cpu.runnable, cpu.blocked), (9, 1, None, Some(2)));
    tree.put("proc/stat", "cpu  9 0 0 -1\ncpu0 5 0 0 1\ncpu1 4 0 0 1\n");
    assert_eq!(kernel::cpu::read(&root).unwrap().total.all(), 11, "the sum stands in for the line that is bad");

    tree.put(
        "proc/meminfo",
        "MemTotal: many kB\nMemAvailable: 5 kB\n?\nCached: 99999999999999999999 kB\nSwapTotal: 2 kB\nSwapFree: 1 kB\n",
    );
    let memory = kernel::memory::read(&root).unwrap();
    assert_eq!((memory.total_bytes, memory.available_bytes), (None, Some(5_120)));
    assert_eq!((memory.cached_bytes, memory.swap_used_bytes), (None, Some(1_024)));

    tree.put(
        "proc/diskstats",
        "254 0 vda 1 0 8 5 1 0 8 2 0 1 2\n254 16 vdb 1 0 8 five\n254 32 vdc 2 0 8 5 1 0 8 2 0 1 2\n",
    );
    let disks = kernel::disk::read(&root).unwrap();
    assert_eq!((disks.rows.len(), &*disks.unread), (2, &["254 16 vdb 1 0 8 five".to_owned()][..]));

    let counters = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
    let interfaces = format!("h\nh\n    lo: {counters}\nibr10:30: {counters}\n  eth0: one 2 3\n  eth1:{counters}\n");
    tree.put("proc/net/dev", &interfaces);
    let network = kernel::network::read(&root).unwrap();
    assert_eq!(network.rows.keys().collect::<Vec<_>>(), ["eth1", "ibr10:30", "lo"]);
    assert_eq!((network.rows["ibr10:30"].receive_bytes, network.rows["ibr10:30"].transmit_bytes), (1, 9));
    assert_eq!(network.unread, ["eth0: one 2 3"]);

    tree.put("proc/pressure/io", "some avg10=0.00 total=x\nfull avg10=0.00 total=7\n");
    let stall = kernel::pressure::read(&root, kernel::pressure::StallResource::Io).unwrap();
    assert_eq!((stall.some_microseconds, stall.full_microseconds), (None, Some(7)));

    tree.put("proc/net/snmp", "Tcp: odd\nTcp: InSegs OutSegs RetransSegs\nTcp: 5 6 x\n");
    tree.put("proc/net/netstat", "TcpExt: ListenOverflows\nTcpExt: ListenDrops ListenOverflows\nTcpExt: 3 4\n");
    let tcp = kernel::tcp::read(&root).unwrap();
    assert_eq!((tcp.out_segments, tcp.retransmitted_segments), (Some(6), None));
    assert_eq!((tcp.listen_overflows, tcp.listen_drops), (Some(4), Some(3)));

    tree.put(
        "proc/self/limits",
        "Limit  Soft  Hard\n\u{fffd}\nMax open files            1024                 4096                 files\n",
    );
    assert_eq!(kernel::process::open_files_limit(&root), Ok(Some(1_024)));
    tree.put("proc/self/limits", "Max open files            unlimited            unlimited            files\n");
    assert_eq!(kernel::process::open_files_limit(&root), Ok(None));
    tree.put("proc/self/limits", "Max open files            1e3                  4096                 files\n");
    assert!(kernel::process::open_files_limit(&root).is_err(), "not a number is not unlimited");

    tree.put("proc/self/status", "Name:\twebapp\n\nCpus_allowed:\tzz\nCpus_allowed_list:\t0-1\n");
    assert_eq!(kernel::cpu::allowed(&root).unwrap().len(), 2);

    tree.put("proc/self/cgroup", "nonsense\n0::/unit\n:\n");
    tree.put("proc/self/mountinfo", "x\n1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n2 0 - cgroup\n");
    let unit = "sys/fs/cgroup/unit";
    for (file, text) in [
        ("cgroup.type", "domain\n"),
        ("cgroup.controllers", "cpu memory\n"),
        ("cpu.max", "50000 100000\n"),
        ("cpu.stat", "usage_usec many\nnr_periods 10\n?\nnr_throttled 2\n"),
        ("memory.max", "1000\n"),
        ("memory.current", "500\n"),
        ("memory.stat", "anon x\ninactive_file 100\n"),
        ("memory.events", "oom\noom_kill 1\n"),
    ] {
        tree.put(&format!("{unit}/{file}"), text);
    }
    let groups = kernel::cgroup::CgroupReader::new(root).read();
    let cpu = &groups.cpu.unwrap().levels[0];
    assert_eq!((cpu.quota_cores, cpu.usage_seconds, cpu.throttled_periods), (Some(0.5), None, Some(2)));
    let memory = &groups.memory.unwrap().levels[0];
    assert_eq!((memory.limit_bytes, memory.inactive_file_bytes, memory.oom_kills), (Some(1_000), Some(100), Some(1)));
}

#[test]
fn a_file_of_something_else_is_an_error() {
    let tree = Tree::new();
    let root = Root::at(tree.0.path());
    tree.put("proc/diskstats", "this is\nanother file\n").put("proc/net/dev", "h\nh\nno colon\n");
    assert!(kernel::disk::read(&root).unwrap_err().to_string().ends_with("bad line 'this is'"));
    assert!(kernel::network::read(&root).unwrap_err().to_string().ends_with("bad line 'no colon'"));
}

#[test]
fn a_line_that_was_left_out_is_told() {
    let tree = Tree::new();
    tree.put("proc/diskstats", "254 0 vda 1 0 8 5 1 0 8 2 0 1 2\nodd\n");
    let (window, unavailable) = tree.window(|_| {});
    assert_eq!(window.disks.unwrap().len(), 1);
    assert_eq!(unavailable["disks.unread"], "/proc/diskstats: not understood and left out: 'odd'");
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
