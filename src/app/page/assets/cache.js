// The node's cache: what it spared, and what it holds. Hidden where the node has none.

import { h, put, attr, figure } from './dom.js';
import { count, memory, percent, short } from './format.js';
import { reason } from './model.js';
import { t } from './words.js';

/** The panel of a node's cache. */
export function cachePanel() {
  const share = h('p', { class: 'lead', id: 'cache-share' });
  const place = h('p', { class: 'small', id: 'cache-place' });
  const keys = ['hits', 'misses', 'collapsed', 'entries', 'bytes', 'evicted'];
  const values = Object.fromEntries(keys.map((key) => [key, h('b', { id: `cache-${key}` })]));
  const element = h('section', { class: 'panel', id: 'panel-cache', hidden: true }, h('h2', null, t('cache.title')), share, place,
    h('dl', { class: 'facts' }, keys.map((key) => h('div', null, h('dt', null, t(`cache.${key}`)), h('dd', null, values[key])))));
  return {
    element,
    update({ stats }) {
      const cache = stats?.cache ?? {};
      attr(element, 'hidden', typeof cache.kind !== 'string');
      put(share, t('cache.share', { share: percent(cache.hit_percent) ?? '–' }));
      put(place, typeof cache.problem === 'string' ? `${cache.url}: ${t('store.away')} (${cache.problem})` : `${cache.url}`);
      attr(place, 'data-bad', typeof cache.problem === 'string');
      const why = (key) => reason(stats, `cache.${key}`) ?? t('why.source');
      for (const key of ['hits', 'misses', 'collapsed']) figure(values[key], short(cache[`${key}_total`]), t('why.source'));
      figure(values.entries, count(cache.entries), why('entries'));
      figure(values.bytes, memory(cache.bytes), why('bytes'));
      figure(values.evicted, short(cache.evicted_total), why('evicted_total'));
    },
  };
}
