// The page's arithmetic, on tables: no browser needed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, duration, milliseconds, percent, rate } from '../../src/app/page/assets/format.js';
import { serverTiming } from '../../src/app/page/assets/load.js';
import { byNode, clusterVerdict, demoTotal, fullness, growth, networkRate, niceCeiling, pointOf, quantile, reason, shaped, shapedPoints, shares, stateOf, storesOf, worstP99 } from '../../src/app/page/assets/model.js';
import { evidence } from '../../src/app/page/assets/hero.js';
import { RESOURCES } from '../../src/app/page/assets/resources.js';
import { keys, languages, preferred, speak, t } from '../../src/app/page/assets/words.js';
import { normal } from '../../src/app/page/assets/add.js';

const at = (second, rest = {}) => ({ sampled_at: new Date(1_790_000_000_000 + second * 1000).toISOString(), ...rest });

test('a store that several nodes share is one, with the sums of its nodes', () => {
  const node = (reachable, connections, up, p50, targets = [{ kind: 'mysql', url: 'mysql://db', up }]) => ({
    reachable, stats: shaped({ store: { connections, in_use: 1, waiting: 2, errors_total: 3, response_milliseconds: { p50 }, targets } }),
  });
  const own = node(true, 0, true, 1, [{ kind: 'memory', url: 'memory', up: true }]);
  const [store, ...none] = storesOf([node(true, 4, true, 5), node(true, 4, false, 7), node(false, 4, true, 99), own]);
  assert.deepEqual(none, []);
  assert.deepEqual(store, { url: 'mysql://db', kind: 'mysql', nodes: 2, up: 1, connections: 8, in_use: 2, waiting: 4, errors: 6, response50: 7 });
  assert.deepEqual(storesOf([own, { reachable: true, stats: shaped({ store: { connections: 2, targets: 'none' } }) }]), []);
});

test('both languages say the same things, with the same values', () => {
  assert.deepEqual(keys('es'), keys('en'));
  for (const key of keys('en')) {
    const holes = (name) => {
      speak(name);
      return [...t(key).matchAll(/\{\w+\}/g)].map(([hole]) => hole).sort();
    };
    assert.deepEqual(holes('es'), holes('en'), key);
  }
  speak('en');
});

test('only demo addresses count as work', () => {
  const endpoints = [{ path: '/fib', kind: 'demo', count: 3, p99: 4 }, { path: '/io', kind: 'demo', count: 2, p99: 7 },
    { path: '/stats', kind: 'monitoring', count: 50, p99: 90 }, { path: '/', kind: 'page', count: 9, p99: 80 }];
  assert.equal(demoTotal({ requests: { endpoints } }), 5);
  assert.equal(worstP99({ requests: { endpoints } }), 7);
});

test('the language is the first preference that the page speaks', () => {
  for (const [wishes, language] of [[['es-AR', 'en'], 'es'], [['fr', 'es'], 'es'], [['EN-us'], 'en'], [['fr'], 'en'], [[], 'en'], [undefined, 'en']]) {
    assert.equal(preferred(wishes), language);
  }
});

test('figures for people; what is not known stays null', () => {
  assert.deepEqual([null, undefined, NaN].map(percent), [null, null, null]);
  assert.deepEqual([0, 0.34, 9.94, 9.96, 100].map(percent), ['0 %', '0.3 %', '9.9 %', '10 %', '100 %']);
  assert.deepEqual([0, 0.0042, 0.34, 4.21, 41.7, 999, 1234, 12_345].map(milliseconds), ['0 ms', '0.004 ms', '0.34 ms', '4.2 ms', '42 ms', '999 ms', '1.23 s', '12.3 s']);
  assert.deepEqual([0, 999, 1500, 2.5e9].map((value) => bytes(value)), ['0 B', '999 B', '1.5 kB', '2.5 GB']);
  assert.deepEqual([0.2, 59, 60, 3700, 90_061].map(duration), ['0 s', '59 s', '1 min', '1 h 1 min', '1 d 1 h']);
  assert.deepEqual([0, 1.25, 1234, 123_456].map(rate), ['0', '1.3', '1,234', '123 k']);
});

test('growth of counters: a restart or a missing sample gives nothing, never a made-up 0', () => {
  const total = (stats) => stats.requests?.total;
  for (const [now, before, expected] of [
    [at(2, { requests: { total: 30 } }), at(0, { requests: { total: 10 } }), 10],
    [at(2, { requests: { total: 5 } }), at(0, { requests: { total: 10 } }), null],
    [at(2, { requests: { total: 30 } }), null, null],
    [at(0, { requests: { total: 30 } }), at(0, { requests: { total: 10 } }), null],
    [at(2, {}), at(0, { requests: { total: 10 } }), null],
  ]) assert.equal(growth(now, before, total), expected);
});

test('a point of history from nothing is made of nulls', () => {
  const { t: time, ...rest } = pointOf(at(0), null);
  assert.equal(time, 1_790_000_000);
  assert.ok(Object.values(rest).every((value) => value === null), JSON.stringify(rest));
});

test('stats of another shape are unknown, not a fault', () => {
  for (const told of [null, 'x', 7, []]) assert.equal(shaped(told), null);
  const odd = shaped({ cpu: 'x', disks: 3, network: [null, 'x', { interface: 'eth0' }], requests: { endpoints: [{ path: 5 }, 'x'] }, pool: [], unavailable: null, bottleneck: 1 });
  assert.deepEqual([odd.disks, odd.network, odd.requests.endpoints, odd.cpu.per_core], [null, [{ interface: 'eth0' }], [], null]);
  assert.ok(Object.values(fullness(odd)).every((full) => full === null));
  assert.equal(pointOf(odd, null).p99_milliseconds, null);
  assert.equal(reason(odd, 'cpu.user'), null);
  const whole = { cpu: { busy: 1, per_core: [{ busy: 1 }], load_average: [1, 2, 3] }, disks: [], network: null, requests: { endpoints: [{ path: '/fib' }] } };
  assert.deepEqual([odd.bottleneck.resource, shaped({ bottleneck: { resource: 'pool', evidence: 'x' } }).bottleneck], ['none', { resource: 'pool', evidence: 'x', evidence_es: null }]);
  assert.deepEqual(shapedPoints([null, 7, { t: 'x' }, { t: 1, user: 'x', busy: 2, bottleneck: 'cpu' }, { t: 2, bottleneck: 'x' }]), [{ t: 1, user: null, busy: 2, bottleneck: 'cpu' }, { t: 2, bottleneck: null }]);
  assert.deepEqual(shapedPoints({}), []);
  assert.deepEqual(shaped(whole).cpu, whole.cpu);
  assert.deepEqual([shaped(whole).disks, shaped(whole).network, shaped(whole).requests], [[], null, whole.requests]);
});

test('how full a resource is, and where that is not known', () => {
  const nothing = Object.fromEntries(RESOURCES.map((resource) => [resource, null]));
  assert.deepEqual(fullness({}), nothing);
  assert.deepEqual(fullness(null), nothing);
  assert.deepEqual(fullness({ resources: { cpu: 40, io: null, memory: 'x', luck: 7 } }), { ...nothing, cpu: 40 });
});

test('every resource has its words in every language', () => {
  for (const resource of RESOURCES) {
    for (const name of languages) for (const kind of ['limit', 'name']) assert.ok(keys(name).includes(`${kind}.${resource}`), `${name} ${kind}.${resource}`);
  }
  speak('es');
  assert.equal(t('limit.cpu-quota'), 'El límite es la cuota de CPU');
  speak('en');
  assert.equal(t('name.io'), 'disk I/O');
});

test('the sentence under the headline is the node\'s own, in the page\'s language', () => {
  const stats = { bottleneck: { resource: 'cpu-quota', evidence: 'cpu-quota: 74 % of periods throttled', evidence_es: 'cpu-quota: 74 % de los períodos frenados' } };
  assert.equal(evidence(stats), '74 % of periods throttled.');
  speak('es');
  assert.equal(evidence(stats), '74 % de los períodos frenados.');
  assert.equal(evidence({ bottleneck: { resource: 'io', evidence: 'io: vda 97 % busy', evidence_es: null } }), 'Vda 97 % busy.', 'a node that has no Spanish yet');
  speak('en');
});

test('the loopback is told apart from the network', () => {
  const stats = { network: [{ interface: 'lo', transmit_bytes_per_second: 9 }, { interface: 'eth0', transmit_bytes_per_second: 2 }, { interface: 'eth1', transmit_bytes_per_second: null }] };
  assert.equal(networkRate(stats, 'transmit_bytes_per_second'), 2);
  assert.equal(networkRate(stats, 'transmit_bytes_per_second', true), 9);
  assert.equal(networkRate({ network: stats.network.slice(0, 1) }, 'transmit_bytes_per_second'), null);
});

test('the reason for n/a is looked up from the narrowest place to the widest', () => {
  const stats = { unavailable: { pressure: 'PSI is off', 'cgroup.cpu_quota_cores': 'no quota' } };
  assert.equal(reason(stats, 'pressure.cpu.full_percent'), 'PSI is off');
  assert.equal(reason(stats, 'cgroup.cpu_quota_cores'), 'no quota');
  assert.equal(reason(stats, 'cgroup.version'), null);
});

test('what a node is doing', () => {
  for (const [node, state] of [
    [{ reachable: true, ready: true }, 'ready'], [{ reachable: true, ready: null }, 'ready'], [{ reachable: true, ready: false }, 'draining'],
    [{ reachable: false, error: 'refused' }, 'gone'], [{ reachable: false, error: 'asking' }, 'asking'],
    [{ reachable: false, error: 'timeout', stats: {}, age: 2 }, 'slow'], [{ reachable: false, error: 'timeout', stats: {}, age: 9 }, 'gone'], [{ reachable: false, error: 'timeout' }, 'gone'],
  ]) assert.equal(stateOf(node), state);
});

test('shares of the last ten seconds', () => {
  const node = (counts, reachable = true) => ({ reachable, demo: counts.map((count, t_) => ({ t: t_, count })) });
  assert.deepEqual(shares([node([0, 30]), node([5, 15]), node([0, 99], false)]), [75, 25, 0]);
  // The same rate seen over windows of different lengths is the same share.
  assert.deepEqual(shares([node([0, 10, 20, 30]), node([0, 10])]), [50, 50]);
  assert.equal(shares([node([7, 7]), node([])]), null);
});

test('the verdict on a cluster', () => {
  const ready = (resource) => ({ reachable: true, ready: true, stats: { bottleneck: { resource } } });
  const gone = { reachable: false, error: 'refused', stats: { bottleneck: { resource: 'pool' } } };
  const verdict = clusterVerdict([ready('cpu'), ready('cpu-quota'), ready('cpu-quota'), gone]);
  assert.deepEqual([verdict.total, verdict.serving, verdict.gone.length, verdict.resource, verdict.some], [4, 3, 1, 'cpu-quota', 2]);
  assert.equal(clusterVerdict([ready('none')]).resource, 'none');
});

test('nodes whose clocks disagree stand on one time line', () => {
  const node = (offset, rates) => ({ points: rates.map((value, index) => ({ t: offset + index, requests_per_second: value })) });
  const nodes = [node(1000, [1, 2, 3]), node(7000.4, [10, 20, 30])];
  const points = byNode(nodes, (point) => point.requests_per_second, (one) => one.points.at(-1).t, 50);
  assert.deepEqual(points, [{ t: 48, values: [1, 10] }, { t: 49, values: [2, 20] }, { t: 50, values: [3, 30] }]);
});

test('scales and quantiles', () => {
  assert.deepEqual([0, 0.3, 1, 1.1, 2.4, 3, 5, 7, 99, 101].map(niceCeiling), [1, 0.4, 1, 2, 4, 4, 6, 8, 100, 200]);
  assert.deepEqual([0.5, 0.99, 1].map((q) => quantile([1, 2, 3, 4], q)), [2, 4, 4]);
  assert.equal(quantile([], 0.5), null);
});

test('Server-Timing', () => {
  assert.equal(serverTiming('queue;dur=1.5, work;dur=20', 'work'), 20);
  assert.equal(serverTiming('queue;dur=1.5, work;dur=20', 'queue'), 1.5);
  assert.equal(serverTiming('myqueue;dur=1', 'queue'), null);
  assert.equal(serverTiming(null, 'queue'), null);
});

test('addresses as people type them', () => {
  for (const [typed, url] of [['192.168.56.12:3000', 'http://192.168.56.12:3000'], [' http://node1:3000/stats ', 'http://node1:3000'], ['https://node1', null], ['', null], ['javascript:alert(1)', null], ['::', null]]) {
    assert.equal(normal(typed), url, typed);
  }
});
