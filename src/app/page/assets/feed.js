// The live feed: asks this server once a second for the cluster (a lone node is a cluster of one),
// keeps five minutes of history for each node, and starts over by itself after a break.

import { SPAN, demoTotal, pointOf, sampledAt, shaped, shapedPoints } from './model.js';

const PERIOD = 1000;
const TIMEOUT = 4000;
/** Seconds without an answer after which the page says that it is stale. */
const STALE = 3;
/** Milliseconds by which an answer must be later to be believed against its own clock. */
const CLOCK_SET = 3000;

// No credentials: these requests then use connections of their own, so that a load
// started on this page cannot hold them up (a browser opens six connections to one address).
const ask = { credentials: 'omit', cache: 'no-store', headers: { Accept: 'application/json' } };

/** What is known of the server; `nodes` in the order in which the server names them. */
export const feed = { nodes: [], self: null, autoscale: null, answeredAt: null, refused: null, most: 6 };

let extra = [];
let historyWanted = true;
let listener = () => {};

/** Seconds since the server last answered, or `null` before the first answer. */
export const silence = () => (feed.answeredAt === null ? null : (performance.now() - feed.answeredAt) / 1000);

/** Has the server been silent for too long? */
export const stale = () => feed.answeredAt !== null && silence() > STALE;

/** The right edge of `node`'s charts: its own clock, carried on by ours since its last sample. */
export function nowOf(node) {
  const last = node.points.at(-1);
  if (!last) return 0;
  const since = (performance.now() - (node.seenAt ?? performance.now())) / 1000;
  return last.t + (since > 2 ? since : 0);
}

/** Addresses typed in, to be shown beside what the server knows. */
export function setExtra(urls) {
  extra = urls;
  historyWanted = true;
}

function address() {
  const query = new URLSearchParams();
  if (historyWanted) query.set('history', String(SPAN));
  if (extra.length) query.set('peers', extra.join(','));
  const text = query.toString();
  return text ? `/cluster?${text}` : '/cluster';
}

/** Puts the server's points of the past in front of those that came live. */
function merge(node, points) {
  const usable = shapedPoints(points);
  if (usable.length === 0) return;
  const [first, last] = [usable[0].t, usable.at(-1).t];
  node.points = [...node.points.filter((point) => point.t < first - 0.5), ...usable, ...node.points.filter((point) => point.t > last + 0.5)];
}

function take(told, known) {
  const node = known ?? { key: told.url, points: [], demo: [], stats: null, seenAt: null };
  node.url = String(told.url ?? '');
  node.self = told.self === true;
  node.reachable = told.reachable === true;
  node.ready = told.ready ?? null;
  node.error = told.error ?? null;
  node.age = told.age_seconds ?? null;
  const stats = shaped(told.stats);
  if (stats) {
    const seenAt = performance.now() - 1000 * (told.age_seconds ?? 0);
    // Through a balancer every answer may come from another node, and one knows its peers a little later than the
    // other: only what is newer counts. What is older by its own clock and yet came later is from a clock set back.
    const newer = node.stats === null || sampledAt(stats) > sampledAt(node.stats);
    const setBack = !newer && seenAt > node.seenAt + CLOCK_SET;
    if (newer || setBack) {
      const point = pointOf(stats, setBack ? null : node.stats);
      if (setBack) node.points = node.points.filter(({ t }) => t < point.t);
      const last = node.points.at(-1);
      node.before = node.stats;
      node.stats = stats;
      node.seenAt = seenAt;
      if (point.t !== null && (!last || point.t > last.t + 0.2)) node.points.push(point);
      node.demo.push({ t: point.t, count: demoTotal(stats) });
      if (node.demo.length > 30) node.demo.shift();
    }
  }
  if (told.history) merge(node, told.history.points);
  const edge = (node.points.at(-1)?.t ?? 0) - SPAN - 5;
  while (node.points.length && node.points[0].t < edge) node.points.shift();
  node.name = String(told.name ?? node.stats?.node?.name ?? node.url.replace(/^https?:\/\//, ''));
  return node;
}

async function once() {
  const withHistory = historyWanted;
  const url = address();
  const response = await fetch(url, { ...ask, signal: AbortSignal.timeout(TIMEOUT) });
  if (response.status === 403 && extra.length) {
    feed.refused = (await response.json()).detail ?? '403';
    extra = [];
    return;
  }
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const told = await response.json();
  // A break in the feed leaves a hole that the server's own history fills.
  if (withHistory) historyWanted = false;
  else if (silence() !== null && silence() > 5) historyWanted = true;
  const known = new Map(feed.nodes.map((node) => [node.key, node]));
  feed.nodes = told.nodes.map((one) => {
    if (!known.has(one.url)) historyWanted = historyWanted || !withHistory;
    else if (one.reachable && known.get(one.url).reachable === false) historyWanted = true;
    return take(one, known.get(one.url));
  });
  feed.autoscale = typeof told.autoscale === 'object' ? told.autoscale : null;
  feed.self = feed.nodes.find((node) => node.self) ?? null;
  feed.answeredAt = performance.now();
  const entry = performance.getEntriesByName(new URL(url, location.href).href).at(-1);
  if (entry) feed.most = entry.nextHopProtocol === 'h2' || entry.nextHopProtocol === 'h3' ? 64 : 6;
  performance.clearResourceTimings();
}

async function turn() {
  const began = performance.now();
  try {
    if (!document.hidden) await once();
  } catch {
    // Nothing to do but to try again: the page shows how long the server has been silent.
  }
  setTimeout(turn, Math.max(100, PERIOD - (performance.now() - began)));
  listener();
}

/** Starts asking; calls `changed` after every turn, answered or not. */
export function start(changed) {
  listener = changed;
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && silence() > 5) historyWanted = true;
  });
  turn();
}
