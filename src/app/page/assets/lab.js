// Buttons to feel it: a load from this browser, and what this browser sees of it.

import { h, put, attr, figure } from './dom.js';
import { count, duration, milliseconds, rate } from './format.js';
import { feed } from './feed.js';
import { niceCeiling, quantile } from './model.js';
import { axes } from './chart.js';
import { run } from './load.js';
import { t } from './words.js';

const ENDPOINTS = {
  fib: { path: (value) => `/fib?number=${value}`, values: [20, 25, 30, 32, 35, 38], chosen: 30, unit: (value) => `fib(${value})` },
  sleep: { path: (value) => `/sleep?seg=${value}`, values: [0.1, 0.5, 1, 2], chosen: 0.5, unit: (value) => `${value} s` },
  io: { path: (value) => `/io?mb=${value}`, values: [1, 4, 16, 64], chosen: 4, unit: (value) => `${value} MB` },
};
const MOST_DOTS = 4000;

/** One load's results: figures, and a dot for each answer. */
function lane() {
  const keys = ['rate', 'p50', 'p99', 'max', 'queue', 'errors'];
  const values = Object.fromEntries(keys.map((key) => [key, h('b', { 'data-lane': key })]));
  const name = h('h3');
  const nodes = h('p', { class: 'small' });
  const canvas = h('canvas', { class: 'dots', role: 'img' });
  const frame = axes(h('div', { class: 'plot' }, canvas));
  const element = h('div', { class: 'lane' }, name,
    h('dl', { class: 'kpis' }, keys.map((key) => h('div', null, h('dt', null, t(`lab.${key}`)), h('dd', null, values[key])))),
    frame.element, nodes);
  let answers = [];
  let seconds = 1;
  let began = 0;
  let ended = null;

  const sorted = () => answers.filter((one) => one.ok).map((one) => one.milliseconds).sort((a, b) => a - b);

  return {
    element,
    begin(label, length, kind) {
      answers = [];
      seconds = length;
      began = performance.now();
      ended = null;
      put(name, label);
      attr(element, 'data-kind', kind);
      frame.moments([0, length / 2, length].map((second) => milliseconds(1000 * second)));
    },
    add: (answer) => answers.push(answer),
    end: () => (ended = performance.now()),
    median: () => quantile(sorted(), 0.5),
    slowest: () => Math.max(1, ...answers.map((one) => one.milliseconds)),
    draw(scale) {
      const times = sorted();
      const waits = answers.map((one) => one.queue).filter((one) => one !== null).sort((a, b) => a - b);
      const elapsed = ((ended ?? performance.now()) - began) / 1000;
      figure(values.rate, elapsed > 0.3 ? rate(times.length / elapsed) : null, t('why.window'));
      figure(values.p50, milliseconds(quantile(times, 0.5)), t('why.window'));
      figure(values.p99, milliseconds(quantile(times, 0.99)), t('why.window'));
      figure(values.max, milliseconds(times.at(-1) ?? null), t('why.window'));
      figure(values.queue, milliseconds(quantile(waits, 0.5)), t('why.window'));
      put(values.errors, count(answers.length - times.length));
      attr(values.errors, 'data-bad', answers.length > times.length);
      const tally = new Map();
      for (const one of answers) if (one.node) tally.set(one.node, (tally.get(one.node) ?? 0) + 1);
      const said = [...tally].sort().map(([node, times_]) => `${node} ${count(times_)}`).join(' · ');
      put(nodes, said ? `${t('lab.done', { count: count(answers.length) })}; ${t('lab.nodes')}: ${said}` : '');
      const ceiling = niceCeiling(scale);
      frame.scale(ceiling, milliseconds);
      attr(canvas, 'aria-label', `${t('lab.dots')}. p50 ${values.p50.textContent}, p99 ${values.p99.textContent}`);
      paint(canvas, answers, Math.max(seconds, elapsed), ceiling);
    },
  };
}

function paint(canvas, answers, seconds, ceiling) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
  if (!wide) return;
  if (canvas.width !== Math.round(wide * ratio)) canvas.width = Math.round(wide * ratio);
  if (canvas.height !== Math.round(high * ratio)) canvas.height = Math.round(high * ratio);
  const style = getComputedStyle(canvas);
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, wide, high);
  context.fillStyle = style.borderTopColor;
  for (const share of [0.25, 0.5, 0.75]) context.fillRect(0, Math.round(high * share), wide, 1);
  const step = Math.ceil(answers.length / MOST_DOTS);
  for (let index = 0; index < answers.length; index += step) {
    const { at, milliseconds: took, ok } = answers[index];
    const [x, y] = [3 + (at / seconds) * (wide - 6), high - 3 - Math.min(1, took / ceiling) * (high - 6)];
    context.fillStyle = ok ? style.color : style.outlineColor;
    context.globalAlpha = 0.75;
    context.fillRect(x - 2, y - 2, ok ? 4 : 6, ok ? 4 : 6);
  }
}

const choice = (name, label, values, chosen, text, onchange) => {
  const select = h('select', { id: `lab-${name}`, onchange }, values.map((value) => h('option', { value, selected: value === chosen }, text(value))));
  return { select, element: h('label', { class: 'field' }, h('span', null, label), select) };
};

/** The panel; `element` stays the same through all views, so a run goes on while one looks elsewhere. */
export function labPanel() {
  let stop = null;
  const endpoint = choice('endpoint', t('lab.endpoint'), Object.keys(ENDPOINTS), 'fib', (key) => `/${key}`, () => offer());
  const value = choice('value', t('lab.value'), [], null, String, () => terminal());
  const concurrency = choice('concurrency', t('lab.concurrency'), [], null, String);
  const seconds = choice('seconds', t('lab.seconds'), [5, 10, 20, 30], 10, String);
  const start = h('button', { type: 'button', class: 'main', id: 'lab-start', onclick: () => (stop ? stop.abort() : single()) }, t('lab.start'));
  const compare = h('button', { type: 'button', id: 'lab-compare', 'aria-describedby': 'lab-note', onclick: () => both() }, t('lab.compare'));
  const status = h('span', { class: 'status', role: 'status', id: 'lab-status' });
  const lanes = [lane(), lane()];
  const verdict = h('p', { class: 'lead', id: 'lab-verdict', role: 'status' });
  const results = h('div', { class: 'lanes', hidden: true }, lanes.map((one) => one.element));
  const bound = h('span');
  const command = h('code', { id: 'lab-command' });
  const copy = h('button', {
    type: 'button', class: 'quiet',
    async onclick() {
      // The clipboard is only there on a secure origin; elsewhere the text is selected, ready to be copied.
      if (navigator.clipboard) await navigator.clipboard.writeText(command.textContent).catch(() => {});
      getSelection().selectAllChildren(command);
      put(copy, t('lab.copied'));
      setTimeout(() => put(copy, t('lab.copy')), 1500);
    },
  }, t('lab.copy'));
  const element = h('section', { class: 'panel lab', id: 'panel-lab' }, h('h2', null, t('lab.title')),
    h('div', { class: 'controls' }, endpoint.element, value.element, concurrency.element, seconds.element, start, compare, status),
    h('p', { class: 'small', id: 'lab-note' }, t('lab.compare-note')), verdict, results, h('p', { class: 'small terminal' }, bound, ' ', command, ' ', copy));

  function terminal(path = ENDPOINTS[endpoint.select.value].path(value.select.value)) {
    put(command, `webapp load --connections 200 --duration 10s '${location.origin}${path}'`);
  }

  function offer() {
    const { values, chosen, unit } = ENDPOINTS[endpoint.select.value];
    value.select.replaceChildren(...values.map((one) => h('option', { value: one, selected: one === chosen }, unit(one))));
    terminal();
  }

  let offered = 0;
  function offerConcurrency() {
    if (offered === feed.most) return;
    offered = feed.most;
    const choices = offered > 6 ? [1, 2, 4, 8, 16, 32, 64] : [1, 2, 3, 4, 5, 6];
    concurrency.select.replaceChildren(...choices.map((one) => h('option', { value: one, selected: one === Math.min(16, offered) }, String(one))));
    put(bound, t('lab.bound', { most: offered }));
  }

  /** Runs the given lanes side by side and keeps their figures fresh until all have ended. */
  async function go(runs) {
    if (stop) return;
    stop = new AbortController();
    const length = Number(seconds.select.value);
    put(start, t('lab.stop'));
    attr(compare, 'disabled', true);
    put(verdict, '');
    attr(results, 'hidden', null);
    attr(results, 'data-lanes', runs.length);
    attr(lanes[1].element, 'hidden', runs.length < 2);
    const began = performance.now();
    runs.forEach((one, index) => lanes[index].begin(one.label, length, one.kind));
    const draw = () => {
      const scale = Math.max(...runs.map((_, index) => lanes[index].slowest()));
      runs.forEach((_, index) => lanes[index].draw(scale));
    };
    const tick = setInterval(() => {
      put(status, t('lab.running', { left: duration(Math.max(0, length - (performance.now() - began) / 1000)) }));
      draw();
    }, 200);
    await Promise.all(runs.map((one, index) => run({ ...one, seconds: length, signal: stop.signal, took: lanes[index].add }).then(lanes[index].end)));
    clearInterval(tick);
    stop = null;
    draw();
    put(status, t('lab.ended'));
    put(start, t('lab.start'));
    attr(compare, 'disabled', null);
  }

  function single() {
    const { path, unit } = ENDPOINTS[endpoint.select.value];
    const url = path(value.select.value);
    const many = Number(concurrency.select.value);
    return go([{ label: `${url} × ${many}`, kind: endpoint.select.value, url, concurrency: many, credentials: 'same-origin', unit }]);
  }

  async function both() {
    // One connection is left for the figures of this page.
    const many = Math.min(Number(concurrency.select.value), feed.most > 6 ? 64 : 5);
    const pause = endpoint.select.value === 'sleep' ? value.select.value : '0.5';
    const url = (model) => `/sleep?seg=${pause}&model=${model}`;
    terminal(url('sync'));
    await go([
      { label: `sync · ${url('sync')} × ${many}`, kind: 'sync', url: url('sync'), concurrency: many, credentials: 'same-origin' },
      { label: `async · ${url('async')} × ${many}`, kind: 'async', url: url('async'), concurrency: many, credentials: 'omit' },
    ]);
    const [sync, async_] = lanes.map((one) => one.median());
    if (sync === null || async_ === null) return;
    const threads = Math.max(...feed.nodes.filter((node) => node.reachable).map((node) => node.stats?.pool?.threads ?? 0));
    if (sync > 1.3 * async_) put(verdict, t('lab.verdict', { factor: rate(sync / async_), threads: count(threads) }));
    else if (threads >= many) put(verdict, t('lab.verdict-same', { threads: count(threads), concurrency: many }));
    else put(verdict, t('lab.verdict-little', { sync: milliseconds(sync), async: milliseconds(async_) }));
  }

  document.addEventListener('visibilitychange', () => document.hidden && stop?.abort());
  offer();
  offerConcurrency();
  return { element, update: offerConcurrency, end: () => stop?.abort() };
}
