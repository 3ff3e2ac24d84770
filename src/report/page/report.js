// What the page does beyond showing: remembers language and theme, sorts tables, tells the values of charts, shows the runs behind
// a figure second by second. Without it nothing that matters is missing.
(() => {
  'use strict';
  // The first screen is laid out first: what is below it, when the page has been read.
  addEventListener('load', () => {
    document.documentElement.dataset.shown = '';
    if (location.hash.length > 1) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  });

  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Where a file may not keep anything, the choice holds until the page is closed.
  const memory = {
    get(key) {
      try {
        return localStorage.getItem(`webapp-report-${key}`);
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        localStorage.setItem(`webapp-report-${key}`, value);
      } catch {
        // Nothing is lost but the memory of it.
      }
    },
  };

  // The title, and labels that are heard only: the page has them in English, with the Spanish beside them.
  function label(from = document) {
    const spanish = document.documentElement.lang === 'es';
    for (const one of all('[data-es]', from)) {
      const read = () => (one.tagName === 'TITLE' ? one.textContent : one.getAttribute('aria-label'));
      if (!spanish && one.dataset.en === undefined) continue;
      one.dataset.en ??= read();
      const text = spanish ? one.dataset.es : one.dataset.en;
      if (one.tagName === 'TITLE') one.textContent = text;
      else one.setAttribute('aria-label', text);
    }
  }

  function choose(group, value) {
    const input = document.getElementById(`${group}-${value}`);
    if (!input) return;
    input.checked = true;
    if (group === 'language') {
      document.documentElement.lang = value;
      label();
    } else document.documentElement.dataset.theme = value;
  }

  const preferred = (navigator.languages ?? []).map((tag) => tag.slice(0, 2)).find((tag) => tag === 'en' || tag === 'es');
  choose('language', memory.get('language') ?? preferred ?? 'en');
  choose('theme', memory.get('theme') ?? 'auto');
  for (const input of all('.switch input')) {
    input.addEventListener('change', () => {
      memory.set(input.name, input.value);
      choose(input.name, input.value);
    });
  }

  /** What a cell is sorted by: its number where it has one. */
  function sortKey(cell) {
    const value = cell?.querySelector('.value') ?? cell;
    const text = (value?.querySelector('[lang="en"]') ?? value)?.textContent.trim() ?? '';
    const number = Number.parseFloat(text.replace(/^[≥+ ]+/, '').replaceAll(',', ''));
    return Number.isNaN(number) ? text : number;
  }

  function compare(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    if (typeof a === 'number') return -1;
    if (typeof b === 'number') return 1;
    return a.localeCompare(b);
  }

  function sort(table, column) {
    const head = table.tHead.rows[0].cells[column];
    const down = head.getAttribute('aria-sort') === 'ascending';
    all('th', table.tHead).forEach((one) => one.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    for (const body of table.tBodies) {
      const rows = [...body.rows].map((row, index) => ({ row, index, key: sortKey(row.cells[column]) }));
      rows.sort((a, b) => (down ? compare(b.key, a.key) : compare(a.key, b.key)) || a.index - b.index);
      body.append(...rows.map(({ row }) => row));
    }
  }

  function sortable(table) {
    if (table.tHead.querySelector('button')) return;
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (head.tagName !== 'TH') return;
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...head.childNodes);
      button.addEventListener('click', () => sort(table, column));
      head.append(button);
    });
  }

  // The largest table stands in a <noscript>, which a browser with a script does not read: half of the page. It is put in its
  // place when there is nothing else to do, or when somebody wants it.
  function complete() {
    for (const place of all('[data-later]')) {
      const table = document.createRange().createContextualFragment(place.querySelector('noscript').textContent);
      place.removeAttribute('data-later');
      place.replaceChildren(table);
      all('table[data-sortable]', place).forEach(sortable);
      label(place);
    }
  }
  const idle = globalThis.requestIdleCallback ?? ((work) => setTimeout(work, 1));
  // Buttons in the heads change the layout of every table: after the page is shown.
  addEventListener('load', () => idle(() => {
    all('table[data-sortable]').forEach(sortable);
    complete();
  }));
  addEventListener('beforeprint', complete);
  all('details:has([data-later])').forEach((details) => details.addEventListener('toggle', complete));

  // A figure leads to its runs: what is folded opens.
  function unfold() {
    if (location.hash.startsWith('#runs-')) complete();
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target && target.closest('details:not([open])');
    if (!folded) return;
    folded.open = true;
    target.scrollIntoView();
  }
  addEventListener('hashchange', unfold);
  unfold();

  // Elements of text, never of markup.
  const SVG = 'http://www.w3.org/2000/svg';
  function make(namespace, tag, attributes, children) {
    const element = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }
  const h = (tag, attributes = {}, ...children) => make(null, tag, attributes, children);
  const s = (tag, attributes = {}, ...children) => make(SVG, tag, attributes, children);

  const WORDS = {
    en: {
      chart: 'Values: left and right arrows move, up and down choose a line, Enter opens its runs.',
      runs: 'Runs behind this figure', close: 'Close', seconds: 'Second by second', spread: 'Response times', count: 'answers', of: 'answers within this step',
      node: 'CPU of {name}, % of its quota', service: 'CPU of {name}, % of its quota', balancer: 'CPU of the balancer, % of a core',
      machine: 'CPU of the machine, %', throttled: 'Periods throttled, %', pool: 'Threads of the pool in use, %',
      choose: 'Show run', highest: 'highest {value} %', none: 'Nothing was sampled in this run.', answers: '{count} answers from {low} to {high} ms',
    },
    es: {
      chart: 'Valores: las flechas izquierda y derecha mueven, arriba y abajo eligen una línea, Intro abre sus corridas.',
      runs: 'Corridas detrás de esta cifra', close: 'Cerrar', seconds: 'Segundo a segundo', spread: 'Tiempos de respuesta', count: 'respuestas', of: 'respuestas en este tramo',
      node: 'CPU de {name}, % de su cuota', service: 'CPU de {name}, % de su cuota', balancer: 'CPU del balanceador, % de un núcleo',
      machine: 'CPU de la máquina, %', throttled: 'Períodos frenados, %', pool: 'Hilos del pool en uso, %',
      choose: 'Ver corrida', highest: 'máximo {value} %', none: 'En esta corrida no se tomó ninguna muestra.', answers: '{count} respuestas de {low} a {high} ms',
    },
  };
  const language = () => (document.getElementById('language-es')?.checked ? 'es' : 'en');
  const number = (value) => value.toLocaleString(language() === 'es' ? 'es-AR' : 'en-US');
  const told = (text) => (Array.isArray(text) ? text[language() === 'es' ? 1 : 0] : text);
  const t = (key, values = {}) => WORDS[language()][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

  /** Makes a chart tell its values: by pointer, by touch and by keyboard. */
  function chart(figure) {
    const read = ([x, label, value, detail = '', runs = null]) => ({ x, label, value, detail, runs });
    const series = JSON.parse(figure.querySelector('.readings').textContent).map(([group, name, points]) => ({ group, name, points: points.map(read) }));
    const plot = figure.querySelector('.plot');
    const svg = plot.querySelector('svg');
    const [, , width, height] = svg.getAttribute('viewBox').split(' ').map(Number);
    const cross = s('path', { class: 'cross', d: `M0 36V${height - 56}` });
    cross.style.display = 'none';
    svg.append(cross);
    const tip = h('div', { class: 'tip', role: 'status', hidden: '' });
    plot.append(tip);
    let places = [];
    let at = -1;
    let row = 0;

    const shown = () => series.filter((one) => figure.querySelector(`input[data-s="${one.group}"]`)?.checked !== false);
    const gather = () => {
      const xs = new Set(shown().flatMap((one) => one.points.map((point) => point.x)));
      places = [...xs].sort((a, b) => a - b);
    };
    const rows = () => shown().flatMap((one) => {
      const point = one.points.find((candidate) => candidate.x === places[at]);
      return point ? [{ one, point }] : [];
    });

    function hide() {
      at = -1;
      tip.hidden = true;
      cross.style.display = 'none';
    }

    function tell(next) {
      gather();
      if (places.length === 0) return hide();
      at = Math.max(0, Math.min(places.length - 1, next));
      const lines = rows();
      row = Math.max(0, Math.min(lines.length - 1, row));
      cross.style.display = '';
      cross.setAttribute('transform', `translate(${places[at]} 0)`);
      tip.replaceChildren(h('b', {}, told(lines[0]?.point.label ?? '')), ...lines.map(({ one, point }, index) => {
        const group = svg.querySelector(`g[data-s="${one.group}"]`);
        return h('div', { class: `${group?.getAttribute('class') ?? ''}${index === row ? ' chosen' : ''}` },
          h('i', { class: 'dot' }), ` ${told(one.name)}: `, h('b', {}, told(point.value)), point.detail ? ` (${told(point.detail)})` : '');
      }));
      tip.hidden = false;
      const left = (places[at] / width) * svg.clientWidth;
      const wide = Math.min(tip.offsetWidth, plot.clientWidth);
      tip.style.left = `${Math.max(0, Math.min(plot.clientWidth - wide, left > plot.clientWidth / 2 ? left - wide - 12 : left + 12))}px`;
    }

    function nearest(event) {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * width;
      gather();
      let best = 0;
      places.forEach((place, index) => {
        if (Math.abs(place - x) < Math.abs(places[best] - x)) best = index;
      });
      return best;
    }

    const point = (event) => {
      if (!event.target.closest?.('.tip')) tell(nearest(event));
    };
    plot.addEventListener('pointermove', point);
    plot.addEventListener('pointerdown', point);
    plot.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && hide());
    plot.addEventListener('blur', hide);
    plot.addEventListener('keydown', (event) => {
      const last = places.length - 1;
      const to = { ArrowRight: at + 1, ArrowLeft: at < 0 ? Infinity : at - 1, Home: 0, End: Infinity }[event.key];
      if (event.key === 'Escape') hide();
      else if (event.key === 'Enter' && at >= 0) {
        const chosen = rows()[row]?.point.runs ?? null;
        if (chosen !== null) openRuns(chosen, plot);
      } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
        row += event.key === 'ArrowDown' ? 1 : -1;
        tell(at < 0 ? 0 : at);
      } else if (to !== undefined) tell(Math.min(to, Math.max(last, Number.isFinite(to) ? to : last)));
      else return;
      event.preventDefault();
    });
    figure.addEventListener('change', (event) => {
      for (const group of all(`g[data-s="${event.target.dataset.s}"]`, svg)) group.style.display = event.target.checked ? '' : 'none';
      if (at >= 0) tell(at);
    });
    gather();
  }
  // A chart is made to tell its values when it is first touched: a page with many of them opens sooner.
  for (const figure of all('figure.answers')) {
    const plot = figure.querySelector('.plot');
    plot.tabIndex = 0;
    plot.setAttribute('role', 'group');
    plot.setAttribute('aria-label', WORDS.en.chart);
    plot.dataset.es = WORDS.es.chart;
    let made = false;
    const awake = () => {
      if (!made) chart(figure);
      made = true;
    };
    for (const event of ['focusin', 'pointerover', 'change']) figure.addEventListener(event, awake, { capture: true, once: true });
  }

  label();

  const perRun = () => {
    perRun.held ??= JSON.parse(document.getElementById('seconds')?.textContent ?? '[]');
    return perRun.held;
  };

  /** A small chart of one line over the seconds of a run. */
  function small(name, values) {
    const most = Math.max(100, ...values.filter((value) => value !== null));
    const step = 200 / Math.max(1, values.length - 1);
    let path = '';
    let open = false;
    values.forEach((value, second) => {
      if (value !== null) path += `${open ? 'L' : 'M'}${(second * step).toFixed(1)} ${(44 - (40 * Math.max(0, value)) / most).toFixed(1)}${values.length === 1 ? 'h3' : ''}`;
      open = value !== null;
    });
    const highest = t('highest', { value: number(Math.max(...values.filter((value) => value !== null))) });
    return h('figure', { class: 'small-chart' }, h('figcaption', {}, `${name} · ${highest}`),
      s('svg', { viewBox: '0 0 200 46', preserveAspectRatio: 'none', role: 'img', 'aria-label': `${name}: ${values.map((value) => value ?? '–').join(', ')}` },
        s('path', { class: 'grid', d: 'M0 44H200M0 4H200' }), s('path', { class: 'line', d: path })));
  }

  /** How the response times of a run were spread: a bar for each step of its spectrum, as high as its share. */
  function histogram(spectrum) {
    const steps = spectrum.map(([to, count], index) => ({ from: index ? spectrum[index - 1][0] : to, to, count: count - (index ? spectrum[index - 1][1] : 0) }));
    const low = Math.max(0.01, spectrum[0][0] * 0.9);
    const high = Math.max(low * 1.2, spectrum.at(-1)[0] * 1.1);
    const place = (value) => (600 * Math.log(Math.max(low, value) / low)) / Math.log(high / low);
    const bars = steps.filter((step) => step.count > 0).map((step) => {
      const x = place(step.from);
      const wide = Math.max(3, place(step.to) - x);
      return { ...step, x, wide, density: step.count / wide };
    });
    const most = Math.max(...bars.map((bar) => bar.density));
    const marks = [];
    for (let power = Math.ceil(Math.log10(low)); power <= Math.log10(high); power += 1) marks.push(10 ** power);
    const total = spectrum.at(-1)[1];
    const name = t('answers', { count: number(total), low: number(spectrum[0][0]), high: number(spectrum.at(-1)[0]) });
    return h('figure', { class: 'spread' }, h('figcaption', {}, `${t('spread')}: ${name}`),
      s('svg', { viewBox: '0 0 600 130', role: 'img', 'aria-label': name },
        ...bars.map((bar) => s('rect', { class: 'bar', x: bar.x.toFixed(1), width: bar.wide.toFixed(1), y: (100 - (96 * bar.density) / most).toFixed(1), height: ((96 * bar.density) / most).toFixed(1) },
          s('title', {}, `${number(bar.from)}–${number(bar.to)} ms: ${number(bar.count)} ${t('of')}`))),
        s('path', { class: 'axis', d: 'M0 100H600' }),
        ...marks.map((mark) => s('text', { class: 'tick', x: place(mark).toFixed(1), y: 120, 'text-anchor': 'middle' }, `${number(mark)} ms`))));
  }

  const dialog = h('dialog', { 'aria-labelledby': 'runs-title' });
  document.body.append(dialog);

  function oneRun(number, into) {
    const run = perRun()[number];
    const parts = [];
    if (run?.spectrum.length > 1) parts.push(histogram(run.spectrum));
    const lines = (run?.lines ?? []).map((line) => small(t(line.kind, { name: line.name ?? '' }), line.percent));
    parts.push(h('h3', {}, t('seconds')), lines.length ? h('div', { class: 'smalls' }, ...lines) : h('p', {}, t('none')));
    into.replaceChildren(...parts);
  }

  function openRuns(point, from) {
    complete();
    const body = document.getElementById(`runs-${point}`);
    if (!body) return;
    const table = body.closest('table').cloneNode(false);
    const head = body.closest('table').tHead.cloneNode(true);
    all('button', head).forEach((button) => button.replaceWith(...button.childNodes));
    const rows = body.cloneNode(true);
    rows.removeAttribute('id');
    const detail = h('div', { class: 'detail' });
    head.rows[0].prepend(h('td', {}));
    for (const row of rows.rows) {
      const number = Number(row.dataset.run);
      const choose = h('button', { type: 'button', class: 'quiet' }, t('choose'));
      choose.addEventListener('click', () => {
        all('[aria-current]', rows).forEach((one) => one.removeAttribute('aria-current'));
        row.setAttribute('aria-current', 'true');
        oneRun(number, detail);
      });
      row.prepend(h('td', {}, choose));
    }
    table.append(head, rows);
    const close = h('button', { type: 'button', class: 'quiet close' }, t('close'));
    close.addEventListener('click', () => dialog.close());
    dialog.replaceChildren(h('header', {}, h('h2', { id: 'runs-title' }, t('runs')), close),
      h('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t('runs') }, table), detail);
    dialog.onclose = () => from?.focus?.();
    dialog.showModal();
    rows.rows[0]?.setAttribute('aria-current', 'true');
    if (rows.rows[0]) oneRun(Number(rows.rows[0].dataset.run), detail);
  }
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());

  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href^="#runs-"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openRuns(link.getAttribute('href').slice('#runs-'.length), link);
  });
})();
