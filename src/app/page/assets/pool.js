// The pool drawn as what it is: a cell a thread, a bar for the queue, and who was turned away.

import { h, put, attr, figure, width } from './dom.js';
import { count, duration, milliseconds, short } from './format.js';
import { reason } from './model.js';
import { t } from './words.js';

const MOST_CELLS = 240;

/** Cells of a pool, at most 240: beyond that one cell stands for several threads. `update(threads, active)`. */
export function cells() {
  const element = h('div', { class: 'cells', 'aria-hidden': 'true' });
  const update = (threads, active) => {
    const size = Math.max(1, Math.ceil((threads ?? 0) / MOST_CELLS));
    const wanted = Math.ceil((threads ?? 0) / size);
    while (element.children.length > wanted) element.lastChild.remove();
    while (element.children.length < wanted) element.append(h('i'));
    attr(element, 'data-density', wanted <= 16 ? 'few' : wanted <= 64 ? 'some' : 'many');
    const busy = Math.ceil((active ?? 0) / size);
    for (let index = 0; index < wanted; index += 1) attr(element.children[index], 'class', index < busy ? 'busy' : null);
    return size;
  };
  return { element, update };
}

/** The panel of the thread pool. */
export function poolPanel() {
  const grid = cells();
  const threads = h('p', { class: 'lead', id: 'pool-threads' });
  const scale = h('p', { class: 'small' });
  const bar = h('i', { class: 'r-pool' });
  const queued = h('span', { id: 'pool-queued' });
  const keys = ['rejected', 'expired', 'completed', 'saturated', 'wait50', 'wait99'];
  const values = Object.fromEntries(keys.map((key) => [key, h('b', { id: `pool-${key}` })]));
  const element = h('section', { class: 'panel pool', id: 'panel-pool' },
    h('h2', null, t('pool.title')), threads, grid.element, scale,
    h('div', { class: 'queue' }, h('span', { class: 'small' }, t('pool.queue')), h('div', { class: 'meter' }, bar), queued),
    h('dl', { class: 'facts' }, keys.map((key) => h('div', null, h('dt', null, t(`pool.${key}`)), h('dd', null, values[key])))));
  return {
    element,
    update({ stats }) {
      const pool = stats?.pool ?? {};
      const size = grid.update(pool.threads, pool.active);
      put(threads, t(pool.threads === 1 ? 'pool.thread' : 'pool.threads', { active: count(pool.active), threads: count(pool.threads) }));
      put(scale, size > 1 ? t('pool.cell', { count: size }) : '');
      const full = pool.queue_capacity > 0 && pool.queued >= pool.queue_capacity;
      put(queued, full ? t('pool.full') : t('pool.queued', { queued: count(pool.queued), capacity: count(pool.queue_capacity) }));
      // A single waiting request must be seen, however long the queue may grow.
      const share = pool.queue_capacity > 0 ? (100 * pool.queued) / pool.queue_capacity : 0;
      width(bar, pool.queued > 0 ? Math.max(2, share) : 0);
      attr(element, 'data-state', full ? 'full' : null);
      attr(element, 'data-saturated', full || pool.saturated === true);
      const wait = pool.queue_wait_milliseconds ?? {};
      figure(values.rejected, short(pool.rejected_total), reason(stats, 'pool') ?? t('why.source'));
      figure(values.expired, short(pool.expired_total), reason(stats, 'pool') ?? t('why.source'));
      figure(values.completed, short(pool.completed_total), reason(stats, 'pool') ?? t('why.source'));
      figure(values.saturated, duration(pool.saturated_seconds_total), reason(stats, 'pool') ?? t('why.source'));
      figure(values.wait50, milliseconds(wait.p50), t('why.window'));
      figure(values.wait99, milliseconds(wait.p99), t('why.window'));
    },
  };
}
