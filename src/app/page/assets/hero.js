// The top of either view: what is the limit, in words, large; what it has been; how much is served.

import { h, put, attr, figure, width } from './dom.js';
import { ribbon } from './chart.js';
import { byteRate, count, duration, milliseconds, percent, rate } from './format.js';
import { fullness, networkRate, reason, withoutQuota, worstP99 } from './model.js';
import { RESOURCES } from './resources.js';
import { language, t } from './words.js';

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;

const name = (resource) => t(`name.${resource}`);

/** The sentence under the headline: the node's own. It begins with the resource's name, which the headline says already. */
export function evidence(stats) {
  const { resource = 'none', evidence: english, evidence_es: spanish } = stats?.bottleneck ?? {};
  const said = (language() === 'es' && spanish) || english || '';
  return sentence(said.startsWith(`${resource}: `) ? said.slice(resource.length + 2) : said);
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
  if (resource === 'cpu-quota' && withoutQuota(stats)) return t('why.quota');
  return reason(stats, `resources.${resource}`) ?? t('why.source');
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
