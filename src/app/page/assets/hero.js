// The top of either view: what is the limit, in words, large; what it has been; how much is served.

import { h, put, attr, figure, width } from './dom.js';
import { ribbon } from './chart.js';
import { byteRate, cores, count, duration, milliseconds, percent, rate } from './format.js';
import { RESOURCES, busiestDisk, fullest, fullness, memoryPercent, networkRate, reason, withoutQuota, worstP99 } from './model.js';
import { language, t } from './words.js';

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;

const name = (resource) => t(`name.${resource}`);

/** The sentence under the headline: the server's own in English, made from the same figures in Spanish. */
export function evidence(stats) {
  const { resource = 'none', evidence: said } = stats?.bottleneck ?? {};
  // The server's sentence begins with the resource, which the headline already names.
  if (language() === 'en' && said) return sentence(said.startsWith(`${resource}: `) ? said.slice(resource.length + 2) : said);
  const [most, full] = fullest(stats);
  if (resource === 'none' && most) return t('evidence.most', { resource: name(most), full: percent(full) });
  return t(`evidence.${resource}`, {
    active: count(stats?.pool?.active), threads: count(stats?.pool?.threads), queued: count(stats?.pool?.queued), saturated: percent(stats?.pool?.saturated_percent),
    throttled: percent(stats?.cgroup?.throttled_percent), quota: cores(stats?.cgroup?.cpu_quota_cores),
    busy: percent(stats?.cpu?.busy), cores: cores(stats?.cpu?.cores), iowait: percent(stats?.cpu?.iowait),
    utilization: percent(busiestDisk(stats)), used: percent(memoryPercent(stats)),
    receive: byteRate(networkRate(stats, 'receive_bytes_per_second')), transmit: byteRate(networkRate(stats, 'transmit_bytes_per_second')),
  });
}

/** A headline and its sentence. It is announced to screen readers when it changes, not every second. */
export function headline() {
  const words = h('h1', { id: 'limit', 'aria-live': 'polite' });
  const sentence = h('p', { class: 'evidence', id: 'evidence' });
  const element = h('div', { class: 'headline' }, words, sentence);
  return {
    element,
    update(resource, title, text) {
      put(words, title);
      put(sentence, text);
      attr(element, 'data-resource', resource);
    },
  };
}

/** Large figures in a row: `parts` is `[{ key, label }]`; update takes `{ key: [text, reason] }`. */
export function figures(parts) {
  const values = new Map(parts.map(({ key }) => [key, h('b', { id: `kpi-${key}` })]));
  const element = h('dl', { class: 'kpis' }, parts.map(({ key, label }) => h('div', null, h('dt', null, label), h('dd', null, values.get(key)))));
  return {
    element,
    update(told) {
      for (const [key, [text, why]] of Object.entries(told)) figure(values.get(key), text, why);
    },
  };
}

/** The figures of one node for the row above. */
export function nodeFigures(node) {
  const { stats } = node;
  const last = node.points.at(-1);
  return {
    requests: [rate(last?.requests_per_second), t('why.first')],
    errors: [rate(last?.errors_per_second), t('why.first')],
    p99: [milliseconds(worstP99(stats)), t('why.window')],
    flight: [count(stats?.requests?.in_flight), t('why.source')],
    connections: [count(stats?.connections?.open), t('why.source')],
  };
}

const UNAVAILABLE = { cpu: 'cpu', 'cpu-quota': 'cgroup', io: 'disks', memory: 'memory', network: 'network', pool: 'pool' };

/** A short figure beside a resource's bar. */
function beside(resource, stats, full) {
  if (resource === 'network') {
    const receive = networkRate(stats, 'receive_bytes_per_second');
    const transmit = networkRate(stats, 'transmit_bytes_per_second');
    return receive === null && transmit === null ? null : byteRate((receive ?? 0) + (transmit ?? 0));
  }
  return percent(full[resource]);
}

function why(resource, stats) {
  if (resource === 'cpu-quota') return withoutQuota(stats) ? t('why.quota') : reason(stats, 'cgroup.cpu_quota_cores') ?? t('why.source');
  return reason(stats, UNAVAILABLE[resource]) ?? t('why.source');
}

/** The map of bottlenecks: every resource with its bar, the one that binds marked. */
export function map() {
  const rows = RESOURCES.map((resource) => {
    const bar = h('i', { class: `r-${resource}` });
    const value = h('b');
    const element = h('li', { 'data-resource': resource }, h('span', null, name(resource)), h('div', { class: 'meter' }, bar), value);
    return { resource, element, bar, value };
  });
  const element = h('ul', { class: 'map', 'aria-label': t('map.title') }, rows.map((row) => row.element));
  return {
    element,
    update(stats) {
      const full = fullness(stats);
      for (const { resource, element: row, bar, value } of rows) {
        figure(value, beside(resource, stats, full), why(resource, stats));
        width(bar, full[resource]);
        attr(row, 'data-binds', stats?.bottleneck?.resource === resource);
      }
    },
  };
}

/** Why a node is missing, since when, and what held it then. */
function lastWords(node) {
  const since = node.seenAt ? (performance.now() - node.seenAt) / 1000 : null;
  const words = [t(`error.${node.error ?? 'refused'}`), since === null ? t('state.never') : t('state.last-seen', { ago: duration(since) })];
  const limit = node.stats?.bottleneck?.resource ?? 'none';
  return `${sentence(words.join(', '))}${node.stats ? ` ${t('state.before', { limit: t(`limit.${limit}`) })}` : ''}`;
}

/** The hero of one node: headline, figures, map and ribbon. */
export function nodeHero() {
  const head = headline();
  const kpis = figures(['requests', 'errors', 'p99', 'flight', 'connections'].map((key) => ({ key, label: t(`kpi.${key}`) })));
  const resources = map();
  const past = ribbon({ title: t('ribbon.title'), name, resources: [...RESOURCES, 'none'] });
  const element = h('section', { class: 'hero' }, head.element, kpis.element, resources.element, past.element);
  return {
    element,
    charts: [past],
    update(node, now, state) {
      const resource = state === 'gone' ? 'gone' : node.stats?.bottleneck?.resource ?? 'none';
      if (state === 'gone') head.update(resource, t('cluster.gone', { name: node.name }), lastWords(node));
      else head.update(resource, t(`limit.${resource}`), evidence(node.stats));
      kpis.update(nodeFigures(node));
      resources.update(node.stats);
      past.update(node.points, now);
      attr(element, 'data-resource', resource);
    },
  };
}
