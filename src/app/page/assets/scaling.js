// What the autoscaler of this cluster does, while there is one: how many units are wanted and ready, and why.

import { h, put, attr, keyed } from './dom.js';
import { count, duration } from './format.js';
import { t } from './words.js';

const known = (value) => (typeof value === 'number' && Number.isFinite(value) ? value : null);
const text = (value) => (typeof value === 'string' ? value : '');

function line() {
  const change = h('b');
  const ago = h('span', { class: 'when' });
  const reason = h('span', { lang: 'en' });
  return { element: h('li', null, change, ' ', ago, ' ', reason), change, ago, reason };
}

/** Builds the panel; `update(told)` shows what `/cluster` says, or hides the panel. */
export function scalingPanel() {
  const size = h('b', { id: 'scaling-size', 'aria-live': 'polite' });
  const machines = h('span', { class: 'small' });
  const reason = h('p', { class: 'small', lang: 'en' });
  const none = h('p', { class: 'small' }, t('scaling.none'));
  const changes = h('ol', { class: 'changes', 'aria-label': t('scaling.changes') });
  const element = h('section', { class: 'panel scaling', id: 'scaling', hidden: true },
    h('h2', null, t('scaling.title')), h('p', null, size, ' ', machines), reason, none, changes);
  return {
    element,
    update(told) {
      attr(element, 'hidden', !told);
      if (!told) return;
      put(size, t('scaling.size', { ready: count(known(told.ready)) ?? '?', wanted: count(known(told.wanted)) ?? '?' }));
      const under = told.machines;
      put(machines, under ? t('scaling.machines', { ready: count(known(under.ready)) ?? '?', booting: count(known(under.booting)) ?? '?' }) : '');
      put(reason, text(told.reason));
      const list = Array.isArray(told.changes) ? told.changes : [];
      attr(none, 'hidden', list.length > 0);
      // The newest stands first, so a place is not a change: what it says is put in anew.
      keyed(changes, list, (_, index) => String(index), line).forEach((part, index) => {
        const { units, wanted, age_seconds: age, reason: why } = list[index];
        put(part.change, `${count(known(units)) ?? '?'} → ${count(known(wanted)) ?? '?'}`);
        put(part.ago, t('scaling.ago', { time: duration(known(age)) ?? '?' }));
        put(part.reason, text(why));
      });
    },
  };
}
