// Charts of the last five minutes, drawn as SVG: lines, stacked areas, and a ribbon of what was the limit.
// One crosshair is shared by all of them: pointing at a moment anywhere shows that moment everywhere.

import { h, s, put, attr, figure } from './dom.js';
import { ago, duration } from './format.js';
import { SPAN, niceCeiling } from './model.js';
import { t } from './words.js';

const HEIGHT = 100;
/** A hole of more seconds than this between two points is drawn as a hole. */
const GAP = 3.5;

/** The moment pointed at, in seconds before now, or `null`; and who wants to know. */
const pointer = { back: null, listeners: new Set() };

function pointAt(back) {
  if (back === pointer.back) return;
  pointer.back = back;
  for (const listener of pointer.listeners) listener();
}

/** Takes a drawing out of the shared crosshair, when its view goes away. */
export const forget = (charts) => charts.forEach((chart) => pointer.listeners.delete(chart.redraw));

/** Makes `element` move the crosshair, by pointer and by arrow keys. */
function pointing(element) {
  const at = (event) => {
    const box = element.getBoundingClientRect();
    const share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    pointAt(Math.round((1 - share) * SPAN));
  };
  element.addEventListener('pointermove', at);
  element.addEventListener('pointerdown', at);
  element.addEventListener('pointerleave', () => pointAt(null));
  element.addEventListener('blur', () => pointAt(null));
  element.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: 1, ArrowRight: -1, PageUp: 30, PageDown: -30 }[event.key];
    if (event.key === 'Escape') pointAt(null);
    if (step === undefined) return;
    event.preventDefault();
    pointAt(Math.max(0, Math.min(SPAN, (pointer.back ?? 0) + step)));
  });
}

/**
 * Axes around a plot: the scale on its left (top, middle, zero), moments evenly spread below.
 * `scale(top, format)` and `moments(texts)` write them.
 */
export function axes(plot) {
  const values = ['high', 'middle', 'zero'].map((name) => h('span', { class: name }));
  const below = h('div', { class: 'axis', 'aria-hidden': 'true' });
  return {
    element: h('div', { class: 'frame' }, h('div', { class: 'scale', 'aria-hidden': 'true' }, values), plot, below),
    scale: (top, format) => [top, top / 2, 0].forEach((value, index) => put(values[index], format(value))),
    moments(texts) {
      below.replaceChildren(...texts.map((text) => h('span', null, text)));
      [...below.children].forEach((mark, index) => (mark.style.left = `${(100 * index) / (texts.length - 1)}%`));
    },
  };
}

const minutes = () => ['−5 min', '−4', '−3', '−2', '−1', t('chart.now')];

/** The point nearest to `when`, no further away than a hole may be. */
function nearest(points, when) {
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].t < when) low = middle + 1;
    else high = middle;
  }
  const near = [points[low - 1], points[low]].filter(Boolean).sort((a, b) => Math.abs(a.t - when) - Math.abs(b.t - when))[0];
  return near && Math.abs(near.t - when) <= GAP ? near : null;
}

/** Stretches of points without a hole and with every value known: [{x, ys}]. */
function stretches(points, series, start) {
  const all = [];
  let open = null;
  let last = null;
  for (const point of points) {
    if (point.t < start - 1) continue;
    const ys = series.map((one) => one.value(point));
    if (ys.some((y) => y === null || y === undefined)) {
      open = null;
      continue;
    }
    if (!open || point.t - last > GAP) all.push((open = []));
    open.push({ x: point.t - start, ys });
    last = point.t;
  }
  return all;
}

const at = (x, y) => `${x.toFixed(1)} ${y.toFixed(2)}`;

/** A line through the points; `scale` is the value at the top of the chart. */
function line(points, series, start, scale) {
  return stretches(points, [series], start).map((part) =>
    `M${part.map(({ x, ys: [y] }) => at(x, HEIGHT * (1 - Math.min(1, y / scale)))).join('L')}${part.length === 1 ? 'h.6' : ''}`).join('');
}

/** Stacked areas, one path a series, the first at the bottom. */
function areas(points, series, start, scale) {
  const paths = series.map(() => '');
  for (const part of stretches(points, series, start)) {
    const floors = part.map(() => 0);
    series.forEach((_, index) => {
      const below = part.map(({ x }, i) => at(x, HEIGHT * (1 - Math.min(1, floors[i] / scale))));
      part.forEach(({ ys }, i) => (floors[i] += Math.max(0, ys[index])));
      const above = part.map(({ x }, i) => at(x, HEIGHT * (1 - Math.min(1, floors[i] / scale))));
      paths[index] += `M${above.join('L')}L${below.reverse().join('L')}Z`;
    });
  }
  return paths;
}

/**
 * A chart of the last five minutes.
 *
 * `series`: `[{ key, label, value: point => number|null, shown?, dashed? }]`; `key` is also the colour's class,
 * `shown` gives the legend's value where it differs from what is drawn.
 * `format` turns a value into text; `top` fixes the scale, else it follows the data (at least `least`).
 * `reason(point)` says why a value is missing.
 */
export function timeline({ title, series, format, stacked = false, top = null, least = 1, reason = () => t('why.source'), note = false }) {
  const shapes = series.map((one) => s('path', { class: `${stacked ? 'area' : 'line'} c-${one.key}${one.dashed ? ' dashed' : ''}` }));
  const cross = s('line', { class: 'cross', y1: 0, y2: HEIGHT, hidden: true });
  const svg = s('svg', { viewBox: `0 0 ${SPAN} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    [25, 50, 75].map((y) => s('line', { class: 'grid', x1: 0, x2: SPAN, y1: y, y2: y })),
    [60, 120, 180, 240].map((x) => s('line', { class: 'grid', x1: x, x2: x, y1: 0, y2: HEIGHT })), shapes, cross);
  const values = series.map(() => h('b'));
  const when = h('span', { class: 'when' });
  const plot = h('div', { class: 'plot', tabindex: '0', role: 'img' }, svg);
  const frame = axes(plot);
  frame.moments(minutes());
  const extra = note ? h('p', { class: 'note' }) : null;
  const element = h('section', { class: 'panel chart' },
    h('h2', null, title, when),
    h('ul', { class: 'legend' }, series.map((one, index) =>
      h('li', null, h('i', { class: `swatch c-${one.key}${one.dashed ? ' dashed' : ''}` }), h('span', null, one.label), values[index]))),
    frame.element,
    extra);
  pointing(plot);

  let points = [];
  let now = 0;
  const redraw = () => {
    const back = pointer.back;
    const shown = back === null ? points.at(-1) : nearest(points, now - back);
    const fresh = shown && now - shown.t < SPAN ? shown : null;
    series.forEach((one, index) => {
      const value = fresh ? (one.shown ?? one.value)(fresh) : null;
      figure(values[index], value === null || value === undefined ? null : format(value), reason(fresh));
    });
    put(when, back === null ? '' : ago(back));
    attr(cross, 'hidden', back === null);
    attr(cross, 'x1', SPAN - (back ?? 0));
    attr(cross, 'x2', SPAN - (back ?? 0));
    attr(plot, 'aria-label', `${title}. ${series.map((one, index) => `${one.label}: ${values[index].textContent}`).join(', ')}`);
  };
  pointer.listeners.add(redraw);

  /** Draws `all` with `time` (seconds) at the right edge. */
  const update = (all, time) => {
    points = all;
    now = time;
    const start = now - SPAN;
    let scale = top;
    if (scale === null) {
      const visible = points.filter((point) => point.t >= start);
      const heights = visible.map((point) => {
        const ys = series.map((one) => one.value(point) ?? 0);
        return stacked ? ys.reduce((sum, y) => sum + y, 0) : Math.max(...ys);
      });
      scale = niceCeiling(Math.max(least, ...heights));
    }
    frame.scale(scale, format);
    const paths = stacked ? areas(points, series, start, scale) : series.map((one) => line(points, one, start, scale));
    shapes.forEach((shape, index) => attr(shape, 'd', paths[index]));
    redraw();
  };
  return { element, update, redraw, extra };
}

/** A small line without axes, for cards; `value` picks what is drawn, and all cards are drawn to one `scale`. */
export function spark(value) {
  const shape = s('path', { class: 'line c-own' });
  const under = s('path', { class: 'under c-own' });
  const element = s('svg', { class: 'spark', viewBox: `0 0 ${SPAN} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, under, shape);
  const series = { value };
  return {
    element,
    update(points, now, scale) {
      const start = now - SPAN;
      attr(shape, 'd', line(points, series, start, scale));
      attr(under, 'd', areas(points, [series], start, scale)[0]);
    },
  };
}

/** A ribbon: for each second of the last five minutes, what was the limit; and for how long each of `resources` was. */
export function ribbon({ title, name, resources }) {
  const strip = s('g');
  const cross = s('line', { class: 'cross', y1: 0, y2: 10, hidden: true });
  const svg = s('svg', { viewBox: `0 0 ${SPAN} 10`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, strip, cross);
  const plot = h('div', { class: 'strip', tabindex: '0', role: 'img' }, svg);
  const said = h('span', { class: 'when' });
  const times = resources.map((resource) => ({ resource, text: h('span') }));
  const legend = h('ul', { class: 'legend' }, times.map(({ resource, text }) => h('li', null, h('i', { class: `swatch r-${resource}` }), text)));
  const frame = axes(plot);
  frame.moments(minutes());
  const element = h('div', { class: 'ribbon' }, h('div', { class: 'small' }, h('span', null, title), said, legend), frame.element);
  pointing(plot);

  let points = [];
  let now = 0;
  const redraw = () => {
    const back = pointer.back;
    const shown = back === null ? null : nearest(points, now - back);
    put(said, back === null ? '' : `${ago(back)} · ${shown?.bottleneck ? name(shown.bottleneck) : 'n/a'}`);
    attr(cross, 'hidden', back === null);
    attr(cross, 'x1', SPAN - (back ?? 0));
    attr(cross, 'x2', SPAN - (back ?? 0));
  };
  pointer.listeners.add(redraw);

  const update = (all, time) => {
    points = all;
    now = time;
    const start = now - SPAN;
    const runs = [];
    for (const point of points) {
      if (point.t < start || !point.bottleneck) continue;
      const last = runs.at(-1);
      if (last && last.resource === point.bottleneck && point.t - last.to <= GAP) last.to = point.t;
      else runs.push({ resource: point.bottleneck, from: point.t, to: point.t });
    }
    strip.replaceChildren(...runs.map((run, index) => {
      // A run lasts until the next one begins, unless a hole lies between.
      const next = runs[index + 1]?.from;
      const end = next !== undefined && next - run.to <= GAP ? next : Math.min(run.to + 1, now);
      return s('rect', { class: `r-${run.resource}`, x: (run.from - start).toFixed(1), width: Math.max(0.5, end - run.from).toFixed(1), y: 0, height: 10 });
    }));
    const seconds = new Map();
    for (const run of runs) seconds.set(run.resource, (seconds.get(run.resource) ?? 0) + run.to - run.from + 1);
    for (const { resource, text } of times) {
      const time = seconds.get(resource);
      put(text, time ? `${name(resource)} ${duration(Math.round(time))}` : '');
      attr(text.parentElement, 'hidden', !time);
    }
    attr(plot, 'aria-label', `${title}: ${times.map(({ text }) => text.textContent).filter(Boolean).join(', ')}`);
    redraw();
  };
  return { element, update, redraw };
}
