// What the figures mean: pure functions of plain data, without the page.

import { RESOURCES } from './resources.js';

/** Seconds of history that are kept and drawn. */
export const SPAN = 300;

const number = (value) => (typeof value === 'number' && Number.isFinite(value) ? value : null);

const sum = (values) => values.reduce((total, value) => total + (number(value) ?? 0), 0);

const most = (values) => {
  const known = values.map(number).filter((value) => value !== null);
  return known.length ? Math.max(...known) : null;
};

/** Unix seconds at which these stats were sampled. */
export const sampledAt = (stats) => number(Date.parse(stats?.sampled_at) / 1000);

/** Growth of a counter a second between two stats; `null` at a restart or without a first sample. */
export function growth(now, before, read) {
  const [from, to] = [number(before && read(before)), number(now && read(now))];
  const seconds = sampledAt(now) - sampledAt(before);
  if (from === null || to === null || !(seconds > 0) || to < from) return null;
  return (to - from) / seconds;
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Parts of the stats that are objects, and lists of objects; by their paths. */
const OBJECTS = ['node', 'cpu', 'cgroup', 'memory', 'process', 'pressure', 'sockets', 'pool', 'store', 'cache', 'connections', 'requests', 'bottleneck', 'resources', 'unavailable'];

/**
 * Stats in the shape that this page reads, whoever sent them: another version's node, or no node at all, must not
 * break the view of the others. What has another shape counts as unknown; no stats at all are `null`.
 */
export function shaped(told) {
  if (!isObject(told)) return null;
  const stats = { ...told };
  const list = (value) => (Array.isArray(value) ? value.filter(isObject) : null);
  for (const key of OBJECTS) if (!isObject(stats[key])) stats[key] = {};
  for (const key of ['disks', 'network']) stats[key] = list(stats[key]);
  stats.cpu = { ...stats.cpu, per_core: list(stats.cpu.per_core), load_average: Array.isArray(stats.cpu.load_average) ? stats.cpu.load_average : null };
  stats.store = { ...stats.store, targets: list(stats.store.targets)?.filter((one) => typeof one.url === 'string') ?? [] };
  const { resource, evidence, evidence_es } = stats.bottleneck;
  const text = (value) => (typeof value === 'string' ? value : null);
  stats.bottleneck = { resource: RESOURCES.includes(resource) ? resource : 'none', evidence: text(evidence), evidence_es: text(evidence_es) };
  stats.requests = { ...stats.requests, endpoints: list(stats.requests.endpoints)?.filter((one) => typeof one.path === 'string') ?? [] };
  return stats;
}

/** The same for a list of points of history. */
export const shapedPoints = (told) => (Array.isArray(told) ? told : []).filter((point) => isObject(point) && number(point.t) !== null).map((point) =>
  Object.fromEntries(Object.entries(point).map(([key, value]) => [key, key === 'bottleneck' && (value === 'none' || RESOURCES.includes(value)) ? value : number(value)])));

const endpoints = (stats) => stats?.requests?.endpoints ?? [];

/** The addresses that do demo work: shares and response times are taken of these, so that health checks and this page do not blur them. */
const demo = (stats) => endpoints(stats).filter((endpoint) => endpoint.kind === 'demo');

/**
 * The stores that the nodes share, each once. Counts are those of all nodes that have it, the response time that of the slowest.
 */
export function storesOf(nodes) {
  const stores = new Map();
  for (const node of nodes.filter(({ reachable, stats }) => reachable && stats?.store?.connections > 0)) {
    const { store } = node.stats;
    for (const target of store.targets.filter(({ kind }) => kind !== 'memory')) {
      const one = stores.get(target.url) ?? { url: target.url, kind: target.kind, nodes: 0, up: 0, connections: 0, in_use: 0, waiting: 0, errors: 0, response50: null };
      one.nodes += 1;
      one.up += target.up === true ? 1 : 0;
      for (const key of ['connections', 'in_use', 'waiting']) one[key] += number(target[key]) ?? number(store[key]) ?? 0;
      one.errors += number(target.errors_total) ?? number(store.errors_total) ?? 0;
      one.response50 = most([one.response50, (target.response_milliseconds ?? store.response_milliseconds)?.p50]);
      stores.set(target.url, one);
    }
  }
  return [...stores.values()];
}

/** Requests that failed, of all addresses, since start. */
export const errorsTotal = (stats) => sum(endpoints(stats).map((endpoint) => endpoint.errors));

/** Demo requests since start. */
export const demoTotal = (stats) => sum(demo(stats).map((endpoint) => endpoint.count));

/** The slowest demo address' p99 of the last minute, in milliseconds. */
export const worstP99 = (stats) => most(demo(stats).map((endpoint) => endpoint.p99));

/** The busiest disk's utilization in percent. */
export const busiestDisk = (stats) => most((stats?.disks ?? []).map((disk) => disk.utilization));

/** Bytes a second over all interfaces but the loopback, or over the loopback alone. */
export function networkRate(stats, field, loopback = false) {
  const some = (stats?.network ?? []).filter((one) => (one.interface === 'lo') === loopback).map((one) => number(one[field]));
  return some.some((one) => one !== null) ? sum(some) : null;
}

/** Memory in use, in percent: of the limit around the node where there is one, else of the machine. */
export function memoryPercent(stats) {
  const group = number(stats?.cgroup?.memory_utilization);
  const total = number(stats?.memory?.total_bytes);
  const used = number(stats?.memory?.used_bytes);
  const machine = used === null || !total ? null : (100 * used) / total;
  return group !== null && stats.cgroup.memory_limit_bytes != null ? group : machine;
}

/** Requests a second over the node's own window, else between two stats. */
const perSecond = (stats, before) => number(stats.requests?.per_second) ?? growth(stats, before, (one) => one.requests?.total);

/** One point of history from fresh stats, in the shape in which the server keeps its own. */
export function pointOf(stats, before) {
  const cpu = stats.cpu ?? {};
  const total = number(stats.memory?.total_bytes);
  const used = number(stats.memory?.used_bytes);
  return {
    t: sampledAt(stats),
    user: number(cpu.user), nice: number(cpu.nice), system: number(cpu.system), iowait: number(cpu.iowait),
    irq: number(cpu.irq), softirq: number(cpu.softirq), steal: number(cpu.steal), idle: number(cpu.idle), busy: number(cpu.busy),
    throttled_percent: number(stats.cgroup?.throttled_percent),
    memory_used_percent: used === null || !total ? null : (100 * used) / total,
    pool_active: number(stats.pool?.active), pool_queued: number(stats.pool?.queued), in_flight: number(stats.requests?.in_flight),
    requests_per_second: perSecond(stats, before),
    errors_per_second: number(stats.requests?.errors_per_second) ?? growth(stats, before, errorsTotal),
    p99_milliseconds: worstP99(stats),
    receive_bytes_per_second: networkRate(stats, 'receive_bytes_per_second'),
    transmit_bytes_per_second: networkRate(stats, 'transmit_bytes_per_second'),
    loopback_bytes_per_second: networkRate(stats, 'transmit_bytes_per_second', true),
    disk_utilization: busiestDisk(stats),
    bottleneck: stats.bottleneck?.resource ?? null,
  };
}

/** CPU as it is drawn: nice counts as user, interrupts as system. */
export const cpuParts = (one) => ({
  user: number(one.user) === null ? null : sum([one.user, one.nice]),
  system: number(one.system) === null ? null : sum([one.system, one.irq, one.softirq]),
  iowait: number(one.iowait),
  steal: number(one.steal),
  idle: number(one.idle),
});

/** Whether the limits around the node were read, and hold no CPU quota. */
export const withoutQuota = (stats) => stats?.cgroup?.version != null && stats.cgroup.cpu_quota_cores == null;

/** How full each resource is, 0-100, or `null` where that is not known: the node's own figures. */
export const fullness = (stats) => Object.fromEntries(RESOURCES.map((resource) => [resource, number(stats?.resources?.[resource])]));

/** Why a figure is missing: the machine's own word under `unavailable`, looked up from the narrowest key to the widest. */
export function reason(stats, path) {
  const entries = stats?.unavailable ?? {};
  for (let parts = path.split('.'); parts.length; parts.pop()) {
    const found = entries[parts.join('.')];
    if (found) return String(found);
  }
  return null;
}

/** What a node is doing: `ready`, `draining`, `slow`, `gone` or `asking`. */
export function stateOf(node) {
  if (node.reachable) return node.ready === false ? 'draining' : 'ready';
  if (node.error === 'asking') return 'asking';
  // A throttled node may answer late: it is called gone only when it has been silent for a while.
  if (node.error === 'timeout' && node.stats && (node.age ?? Infinity) < 5) return 'slow';
  return 'gone';
}

/** Share of the demo requests of the last `window` seconds, by node key; `null` when there were none. */
export function shares(nodes, window = 10) {
  // By rate, not by count: a node's last sample may be a second older than another's, and its window as much shorter.
  const rates = nodes.map((node) => {
    const marks = node.demo ?? [];
    const last = marks.at(-1);
    if (!last || !node.reachable) return 0;
    const first = marks.find((mark) => mark.t >= last.t - window) ?? last;
    return last.t > first.t ? Math.max(0, last.count - first.count) / (last.t - first.t) : 0;
  });
  const total = sum(rates);
  return total > 0 ? rates.map((one) => (100 * one) / total) : null;
}

/** The cluster in one verdict: what to say first, and about how many nodes. */
export function clusterVerdict(nodes) {
  const total = nodes.length;
  const states = nodes.map(stateOf);
  const serving = states.filter((state) => state === 'ready' || state === 'slow').length;
  const gone = nodes.filter((_, index) => states[index] === 'gone');
  const draining = nodes.filter((_, index) => states[index] === 'draining');
  const tally = new Map();
  for (const node of nodes) {
    const resource = node.reachable ? node.stats?.bottleneck?.resource : null;
    if (resource && resource !== 'none') tally.set(resource, (tally.get(resource) ?? 0) + 1);
  }
  const [resource, some] = [...tally].sort((a, b) => b[1] - a[1])[0] ?? ['none', 0];
  return { total, serving, gone, draining, resource, some };
}

/** The value at quantile `q` (0-1) of sorted numbers, nearest rank. */
export const quantile = (sorted, q) => (sorted.length ? sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] : null);

/** The smallest round number that is at least `value`, and has a round half: 1, 2, 4, 6, 8, 10, 20, 40 … */
export function niceCeiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 6, 8, 10].find((one) => one * power >= value * 0.9999);
  return step * power;
}

/**
 * One figure of all nodes on one time line, oldest first: `[{ t, values: [one per node or null] }]`; `read` takes it from a point.
 * Nodes may disagree about the time of day, so each is placed by its age on its own clock (`nowOf`).
 */
export function byNode(nodes, read, nowOf, base) {
  const columns = nodes.map((node) => {
    const now = nowOf(node);
    const column = new Array(SPAN + 1).fill(null);
    for (const point of node.points) {
      const back = Math.round(now - point.t);
      if (back >= 0 && back <= SPAN && number(read(point)) !== null) column[back] = read(point);
    }
    // Samples come about once a second: a second without one, between two with, is no hole.
    for (let back = SPAN - 1; back >= 0; back -= 1) {
      if (column[back] === null && back > 0 && (column[back - 1] !== null || column[back - 2] != null)) column[back] = column[back + 1];
      else if (column[back] === null && back === 0) column[back] = column[1];
    }
    return column;
  });
  const points = [];
  for (let back = SPAN; back >= 0; back -= 1) {
    const values = columns.map((column) => column[back]);
    if (values.some((one) => one !== null)) points.push({ t: base - back, values });
  }
  return points;
}
