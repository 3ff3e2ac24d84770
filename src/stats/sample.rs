//! A sample: every counter at one moment, or why it is not there.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::reading::NodeReading;
use crate::kernel::cgroup::{CgroupReader, CgroupReading};
use crate::kernel::cpu::CpuReading;
use crate::kernel::disk::DiskReading;
use crate::kernel::host::Host;
use crate::kernel::memory::MemoryReading;
use crate::kernel::network::InterfaceReading;
use crate::kernel::pressure::{self, Stall};
use crate::kernel::process::ProcessReading;
use crate::kernel::socket::ListenReading;
use crate::kernel::tcp::TcpReading;
use crate::kernel::{ReadError, Reading, Root, Table, clock, cpu, disk, memory, network, process, socket, tcp};

/// Every counter at one moment.
#[derive(Clone, Debug)]
pub struct Sample {
    /// `CLOCK_MONOTONIC`, when the CPU counters were read.
    pub monotonic_seconds: f64,
    /// Wall clock at the same moment, since 1970.
    pub unix_seconds: f64,
    /// `/proc/stat`.
    pub cpu: Reading<CpuReading>,
    /// CPUs that this process may run on.
    pub allowed_cores: Reading<BTreeSet<u32>>,
    /// Load average.
    pub load_average: Reading<[f64; 3]>,
    /// Limits around this process.
    pub cgroup: CgroupReading,
    /// The machine's memory.
    pub memory: Reading<MemoryReading>,
    /// Memory of this process.
    pub resident_bytes: Reading<u64>,
    /// This process's CPU time and threads.
    pub process: Reading<ProcessReading>,
    /// Files it has open.
    pub open_files: Reading<u64>,
    /// Files it may have open; the inner `None` is "unlimited".
    pub open_files_limit: Reading<Option<u64>>,
    /// Stalls for want of a CPU.
    pub pressure_cpu: Reading<Stall>,
    /// Stalls for want of memory.
    pub pressure_memory: Reading<Stall>,
    /// Stalls on disks.
    pub pressure_io: Reading<Stall>,
    /// Whole disks by name.
    pub disks: Reading<Table<DiskReading>>,
    /// Interfaces by name.
    pub network: Reading<Table<InterfaceReading>>,
    /// TCP of the network namespace.
    pub tcp: Reading<TcpReading>,
    /// The accept queue.
    pub listen: Reading<ListenReading>,
    /// What the node told.
    pub node: NodeReading,
}

/// Takes samples, and keeps what pays to be kept between two.
pub struct Collector {
    root: Root,
    listen: SocketAddr,
    cgroups: CgroupReader,
    host: Host,
}

impl Collector {
    /// Reads below `root`; `listen` is the address whose accept queue is looked up.
    pub fn new(root: Root, listen: SocketAddr) -> Self {
        Self { cgroups: CgroupReader::new(root.clone()), host: Host::new(), root, listen }
    }

    /// Takes a sample. What cannot be read stands in it with its reason; nothing fails.
    pub fn sample(&mut self, read_node: impl FnOnce() -> NodeReading) -> Sample {
        let root = &self.root;
        let (monotonic_seconds, cpu) = (clock::monotonic_seconds(), cpu::read(root));
        Sample {
            monotonic_seconds,
            unix_seconds: clock::unix_seconds(),
            cpu,
            allowed_cores: cpu::allowed(root),
            load_average: cpu::load_average(root),
            cgroup: self.cgroups.read(),
            memory: machine_memory(root, &mut self.host),
            resident_bytes: resident_bytes(root, &mut self.host),
            process: process::read(root),
            open_files: process::open_files(root),
            open_files_limit: process::open_files_limit(root),
            pressure_cpu: pressure::read(root, pressure::StallResource::Cpu),
            pressure_memory: pressure::read(root, pressure::StallResource::Memory),
            pressure_io: pressure::read(root, pressure::StallResource::Io),
            disks: disk::read(root),
            network: network::read(root),
            tcp: tcp::read(root),
            listen: socket::read(root, self.listen),
            node: read_node(),
        }
    }
}

/// On the running machine `sysinfo` is asked (it estimates `available` where an old kernel does not tell), and `/proc/meminfo`
/// for the page cache; below another root only the files are there.
fn machine_memory(root: &Root, host: &mut Host) -> Reading<MemoryReading> {
    let files = memory::read(root);
    match root.is_real().then(|| host.memory()).flatten() {
        Some(memory) => Ok(MemoryReading { cached_bytes: files.ok().and_then(|files| files.cached_bytes), ..memory }),
        None => files,
    }
}

fn resident_bytes(root: &Root, host: &mut Host) -> Reading<u64> {
    const PATH: &str = "/proc/self/stat";
    if !root.is_real() {
        return Err(ReadError::malformed(root.path(PATH), "read on the running machine only"));
    }
    host.resident_bytes().ok_or_else(|| ReadError::malformed(root.path(PATH), "sysinfo could not read it"))
}
