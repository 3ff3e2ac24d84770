// The stores that the nodes share: at a node its connections and how long the store takes, in the cluster one card for each store.

import { h, put, attr, figure, keyed } from './dom.js';
import { count, milliseconds, percent, short } from './format.js';
import { storesOf } from './model.js';
import { cells } from './pool.js';
import { t } from './words.js';

/** The panel of a node's connections to its store; hidden where the rows are in the node. */
export function storePanel() {
  const grid = cells();
  const connections = h('p', { class: 'lead', id: 'store-connections' });
  const targets = h('div', { class: 'small', id: 'store-targets' });
  const keys = ['waiting', 'response50', 'response99', 'wait99', 'saturated', 'errors'];
  const values = Object.fromEntries(keys.map((key) => [key, h('b', { id: `store-${key}` })]));
  const element = h('section', { class: 'panel pool', id: 'panel-store', hidden: true },
    h('h2', null, t('store.title')), connections, grid.element, targets,
    h('dl', { class: 'facts' }, keys.map((key) => h('div', null, h('dt', null, t(`store.${key}`)), h('dd', null, values[key])))));
  return {
    element,
    update({ stats }) {
      const store = stats?.store ?? {};
      attr(element, 'hidden', !(store.connections > 0));
      grid.update(store.connections, store.in_use);
      put(connections, t('store.connections', { in_use: count(store.in_use), connections: count(store.connections) }));
      attr(element, 'data-saturated', store.waiting > 0 && store.in_use >= store.connections);
      keyed(targets, store.targets ?? [], (one) => one.url, () => ({ element: h('p') })).forEach(({ element: line }, index) => {
        const one = store.targets[index];
        put(line, one.up ? `${one.url}: ${t('store.up')}` : `${one.url}: ${t('store.away')} (${one.problem ?? ''})`);
        attr(line, 'data-bad', !one.up);
      });
      figure(values.waiting, count(store.waiting), t('why.source'));
      figure(values.response50, milliseconds(store.response_milliseconds?.p50), t('why.window'));
      figure(values.response99, milliseconds(store.response_milliseconds?.p99), t('why.window'));
      figure(values.wait99, milliseconds(store.queue_wait_milliseconds?.p99), t('why.window'));
      figure(values.saturated, percent(store.saturated_percent), t('why.window'));
      figure(values.errors, short(store.errors_total), t('why.source'));
    },
  };
}

function card(store) {
  const state = h('span', { class: 'chip' });
  const said = h('p', { class: 'small said' });
  const keys = ['in_use', 'waiting', 'response50', 'errors'];
  const values = Object.fromEntries(keys.map((key) => [key, h('b')]));
  const element = h('article', { class: 'card', 'data-store': store.url },
    h('header', null, h('i', { class: 'swatch r-store' }), h('span', { class: 'name' }, store.kind), state), said,
    h('dl', { class: 'kpis' }, keys.map((key) => h('div', null, h('dt', null, t(`store.${key}`)), h('dd', null, values[key])))));
  const update = (now) => {
    put(said, now.url);
    // Nodes may differ: one of them reaches the store and another does not.
    put(state, now.up === now.nodes ? t('store.up') : t('store.away-for', { nodes: now.nodes - now.up, total: now.nodes }));
    attr(element, 'data-state', now.up === now.nodes ? 'ready' : 'gone');
    attr(element, 'data-saturated', now.waiting > 0);
    figure(values.in_use, `${count(now.in_use)} / ${count(now.connections)}`, t('why.source'));
    figure(values.waiting, count(now.waiting), t('why.source'));
    figure(values.response50, milliseconds(now.response50), t('why.window'));
    figure(values.errors, short(now.errors), t('why.source'));
  };
  return { element, update };
}

/** A card for each store that nodes share; `update(nodes)`. */
export function storeCards() {
  const element = h('div', { class: 'cards', id: 'stores', hidden: true });
  return {
    element,
    update(nodes) {
      const stores = storesOf(nodes);
      attr(element, 'hidden', stores.length === 0);
      keyed(element, stores, (store) => store.url, card).forEach((one, index) => one.update(stores[index]));
    },
  };
}
