// The view of a cluster: all nodes side by side, who serves how much, who is draining or gone.

import { h, put, attr, figure, width, keyed } from './dom.js';
import { forget, spark, timeline } from './chart.js';
import { cores, count, duration, milliseconds, percent, perSecond, rate } from './format.js';
import { byNode, clusterVerdict, fullness, niceCeiling, reason, shares, stateOf, worstP99 } from './model.js';
import { RESOURCES } from './resources.js';
import { feed, nowOf } from './feed.js';
import { figures, headline } from './hero.js';
import { cells } from './pool.js';
import { storeCards } from './store.js';
import { t } from './words.js';

/** The colour class of the node at `index`; there are eight, then they come round again. */
const colour = (index) => `n-${index % 8}`;

/** The link to a node's own view. */
export const nodeLink = (node) => `#/node/${encodeURIComponent(node.name)}`;

function sumOf(values) {
  const known = values.filter((value) => typeof value === 'number');
  return known.length ? known.reduce((total, value) => total + value, 0) : null;
}

function sentence(verdict, nodes) {
  const quota = sumOf(nodes.map((node) => (node.reachable ? node.stats?.cgroup?.cpu_quota_cores : null)));
  const parts = [t('cluster.serving', { serving: verdict.serving, total: verdict.total })];
  if ((verdict.gone.length || verdict.draining.length) && verdict.resource !== 'none') {
    parts.push(`${t('cluster.on-some', { limit: t(`limit.${verdict.resource}`), some: verdict.some, total: verdict.total })}.`);
  }
  if (quota !== null) parts.push(t('cluster.cores', { cores: cores(quota) }));
  return parts.join(' ');
}

function title(verdict) {
  const limit = t(`limit.${verdict.resource}`);
  if (verdict.gone.length === 1) return t('cluster.gone', { name: verdict.gone[0].name });
  if (verdict.gone.length > 1) return t('cluster.gone-many', { gone: verdict.gone.length, total: verdict.total });
  if (verdict.draining.length) return t('cluster.draining', { name: verdict.draining.map((node) => node.name).join(', ') });
  if (verdict.resource === 'none') return t('cluster.all-well', { total: verdict.total });
  return t(verdict.some === verdict.total ? 'cluster.on-all' : 'cluster.on-some', { limit, some: verdict.some, total: verdict.total });
}

function shareBar() {
  const bar = h('div', { class: 'share', role: 'img' });
  const note = h('span', { class: 'when' });
  const element = h('div', { class: 'sharing' }, h('p', { class: 'small' }, t('cluster.share'), note), bar);
  const make = () => {
    const label = h('span');
    return { element: h('div', null, label), label };
  };
  return {
    element,
    update(nodes, parts) {
      put(note, parts ? t('cluster.share-note') : t('cluster.no-requests'));
      const shown = nodes.map((node, index) => ({ node, index, share: parts?.[index] ?? 0 }));
      keyed(bar, shown, ({ node }) => node.key, make).forEach(({ element: part, label }, at) => {
        attr(part, 'class', colour(shown[at].index));
        width(part, shown[at].share);
        put(label, shown[at].share >= 6 ? `${shown[at].node.name} ${percent(shown[at].share)}` : '');
      });
      attr(bar, 'aria-label', shown.map(({ node, share }) => `${node.name} ${percent(share)}`).join(', '));
    },
  };
}

const METERS = ['cpu', 'cpu-quota', 'io', 'memory'];

function card(node, index) {
  const link = h('a', { class: 'name', href: nodeLink(node) }, node.name);
  const state = h('span', { class: 'chip' });
  const limit = h('p', { class: 'limit' });
  const said = h('p', { class: 'small said' });
  const served = h('b');
  const share = h('b');
  const p99 = h('b');
  const flight = h('b');
  const line = spark((point) => point.requests_per_second);
  const scaled = h('p', { class: 'when' });
  const meters = METERS.map((resource) => ({ resource, bar: h('i', { class: `r-${resource}` }), value: h('b') }));
  const grid = cells();
  const pool = h('span');
  const element = h('article', { class: `card ${colour(index)}`, 'data-node': node.name },
    h('header', null, h('i', { class: 'swatch c-own' }), link, state), limit, said,
    scaled, line.element,
    h('dl', { class: 'kpis' }, [['kpi.requests', served], ['cluster.part', share], ['latency.p99', p99], ['kpi.flight', flight]]
      .map(([key, value]) => h('div', null, h('dt', null, t(key)), h('dd', null, value)))),
    h('ul', { class: 'map' }, meters.map(({ resource, bar, value }) => h('li', { 'data-resource': resource }, h('span', null, t(`name.${resource}`)), h('div', { class: 'meter' }, bar), value))),
    h('div', { class: 'pool' }, h('p', { class: 'small' }, pool), grid.element));
  const update = (now, part, top) => {
    const { stats } = node;
    const status = stateOf(node);
    const here = node.reachable ? stats : null;
    put(link, node.name);
    attr(link, 'href', nodeLink(node));
    put(state, t(`state.${status}`));
    attr(element, 'data-state', status);
    const resource = here?.bottleneck?.resource ?? 'none';
    attr(element, 'data-resource', here ? resource : null);
    put(limit, here ? t(`limit.${resource}`) : t(`error.${node.error ?? 'refused'}`));
    const since = node.seenAt ? (performance.now() - node.seenAt) / 1000 : null;
    put(said, here ? node.url.replace(/^https?:\/\//, '') : since === null ? t('state.never') : t('state.last-seen', { ago: duration(since) }));
    figure(served, here ? rate(node.points.at(-1)?.requests_per_second) : null, here ? t('why.first') : t('why.gone'));
    figure(share, here && part !== null ? percent(part) : null, here ? t('cluster.no-requests') : t('why.gone'));
    figure(p99, milliseconds(worstP99(here)), here ? t('why.window') : t('why.gone'));
    figure(flight, count(here?.requests?.in_flight), t('why.gone'));
    const full = fullness(here);
    for (const { resource: key, bar, value } of meters) {
      const quota = key === 'cpu-quota' && here;
      figure(value, percent(full[key]), !here ? t('why.gone') : quota ? t('why.quota') : reason(stats, `resources.${key}`) ?? t('why.source'));
      width(bar, full[key]);
    }
    attr(element, 'data-saturated', here?.pool?.saturated === true);
    line.update(node.points, now, top);
    put(scaled, t('cluster.spark', { top: perSecond(top) }));
    grid.update(stats?.pool?.threads, here?.pool?.active);
    put(pool, here ? `${t(here.pool?.threads === 1 ? 'pool.thread' : 'pool.threads', { active: count(here.pool?.active), threads: count(here.pool?.threads) })} · ${t('pool.waiting')} ${count(here.pool?.queued)}` : '');
  };
  return { element, update };
}

/** What the two charts draw, a line a node. */
const FIGURES = [(point) => point.requests_per_second, (point) => point.p99_milliseconds];

/** Builds the view; `update(nodes)` shows them. */
export function clusterView(lab) {
  const head = headline();
  const kpis = figures([['requests', t('kpi.requests')], ['errors', t('kpi.errors')], ['p99', t('kpi.p99')], ['flight', t('kpi.flight')], ['connections', t('kpi.connections')]].map(([key, label]) => ({ key, label })));
  const share = shareBar();
  const hero = h('section', { class: 'hero' }, head.element, kpis.element, share.element);
  const place = h('div', { class: 'grid' });
  const cards = h('div', { class: 'cards' });
  const stores = storeCards();
  const element = h('div', { class: 'cluster' }, hero, lab, cards, stores.element, place);
  let charts = [];
  let drawn = '';

  // A chart has one series a node: another set of nodes is another chart.
  const ensureCharts = (nodes) => {
    const wanted = nodes.map((node) => `${node.key} ${node.name}`).join('\n');
    if (wanted === drawn) return;
    drawn = wanted;
    forget(charts);
    const series = (value, dashed) => nodes.map((node, index) => ({ key: `own ${colour(index)}`, label: node.name, value: value(index), shown: (point) => point.values[index], dashed: dashed && index % 2 === 1 }));
    charts = [
      timeline({ title: t('cluster.by-node'), format: perSecond, stacked: true, least: 10, reason: () => t('why.gone'), series: series((index) => (point) => point.values[index] ?? 0, false) }),
      timeline({ title: t('cluster.p99-by-node'), format: milliseconds, least: 10, reason: () => t('why.window'), series: series((index) => (point) => point.values[index], true) }),
    ];
    charts[0].element.id = 'panel-by-node';
    charts[1].element.id = 'panel-p99-by-node';
    place.replaceChildren(...charts.map((chart) => chart.element));
  };

  return {
    element,
    update(nodes) {
      const verdict = clusterVerdict(nodes);
      const parts = shares(nodes);
      const live = nodes.filter((node) => node.reachable);
      const last = (field) => sumOf(live.map((node) => node.points.at(-1)?.[field]));
      head.update(verdict.gone.length ? 'gone' : verdict.draining.length ? 'draining' : verdict.resource, title(verdict), sentence(verdict, nodes));
      attr(hero, 'data-resource', verdict.gone.length ? 'gone' : RESOURCES.includes(verdict.resource) ? verdict.resource : 'none');
      const p99s = live.map((node) => worstP99(node.stats)).filter((value) => value !== null);
      kpis.update({
        requests: [rate(last('requests_per_second')), t('why.first')],
        errors: [rate(last('errors_per_second')), t('why.first')],
        p99: [p99s.length ? milliseconds(Math.max(...p99s)) : null, t('why.window')],
        flight: [count(sumOf(live.map((node) => node.stats?.requests?.in_flight))), t('why.gone')],
        connections: [count(sumOf(live.map((node) => node.stats?.connections?.open))), t('why.gone')],
      });
      share.update(nodes, parts);
      // One scale for the small lines of all cards: side by side they must compare.
      const top = niceCeiling(Math.max(10, ...nodes.flatMap((node) => node.points.map((point) => point.requests_per_second ?? 0))));
      keyed(cards, nodes, (node) => node.key, card).forEach((one, index) => one.update(nowOf(nodes[index]), parts?.[index] ?? null, top));
      stores.update(nodes);
      ensureCharts(nodes);
      const base = nowOf(feed.self ?? live[0] ?? nodes[0]);
      FIGURES.forEach((read, index) => charts[index].update(byNode(nodes, read, nowOf, base), base));
    },
    end: () => forget(charts),
  };
}
