// Search, zoom and the keyboard. Without it the picture still has its names, its tooltips and its list.
'use strict';
(() => {
  const svg = document.currentScript.closest('svg');
  const letter = 6.7;
  const graphs = [...svg.querySelectorAll('.graph')].map((element) => ({
    element,
    left: Number(element.dataset.left),
    width: Number(element.dataset.width),
    boxes: [...element.querySelectorAll('.box')].map((box) => ({
      box,
      x: Number(box.dataset.x),
      w: Number(box.dataset.w),
      depth: Number(box.dataset.d),
      name: box.dataset.n,
      rect: box.querySelector('rect'),
      text: box.querySelector('text'),
    })),
  }));
  const near = 0.02;

  // As symbol::fitted does it: the whole name, or its last parts, or its beginning.
  const nextPart = (name) => {
    let depth = 0;
    for (let at = 0; at < name.length; at += 1) {
      if ('<({['.includes(name[at])) depth += 1;
      else if (')}]'.includes(name[at]) || (name[at] === '>' && name[at - 1] !== '-')) depth -= 1;
      else if (depth === 0 && name[at] === ':' && name[at - 1] === ':') return name.slice(at + 1);
    }
    return null;
  };
  const fitted = (name, letters) => {
    let rest = name;
    while (rest.length > letters) {
      const part = nextPart(rest);
      if (part === null) return letters < 3 ? '' : `${rest.slice(0, letters - 1)}…`;
      rest = part;
    }
    return rest;
  };

  const place = (one, x, w) => {
    one.rect.setAttribute('x', x);
    one.rect.setAttribute('width', Math.max(w, 0));
    one.text.setAttribute('x', x + 4);
    one.text.textContent = fitted(one.name, Math.max(0, Math.floor((w - 6) / letter)));
  };

  const zoom = (graph, chosen) => {
    const scale = graph.width / chosen.w;
    for (const one of graph.boxes) {
      const holds = one.depth < chosen.depth && one.x <= chosen.x + near && one.x + one.w >= chosen.x + chosen.w - near;
      const inside = one.depth >= chosen.depth && one.x >= chosen.x - near && one.x + one.w <= chosen.x + chosen.w + near;
      one.box.classList.toggle('below-zoom', holds && chosen.depth > 0);
      one.box.classList.toggle('away', !holds && !inside);
      if (holds) place(one, graph.left, graph.width);
      else if (inside) place(one, graph.left + (one.x - chosen.x) * scale, one.w * scale);
    }
  };

  // The boxes that are found, those above a found one not counted again.
  const shareOf = (graph) => {
    const hits = graph.boxes.filter((one) => one.box.classList.contains('hit'));
    hits.sort((a, b) => a.x - b.x || a.depth - b.depth);
    let end = -1;
    let sum = 0;
    for (const one of hits) {
      if (one.x < end - near) continue;
      sum += one.w;
      end = one.x + one.w;
    }
    return `${((100 * sum) / graph.width).toFixed(1)} %`;
  };
  const input = svg.querySelector('input');
  const search = () => {
    const wanted = input.value.trim().toLowerCase();
    svg.classList.toggle('searched', wanted !== '');
    for (const graph of graphs) {
      for (const one of graph.boxes) {
        one.box.classList.toggle('hit', wanted !== '' && one.name.toLowerCase().includes(wanted));
      }
    }
    const found = graphs.map(shareOf).join(' before, ') + (graphs.length > 1 ? ' after' : '');
    svg.querySelector('.found').textContent = wanted === '' ? '' : `${input.value.trim()}: ${found}`;
  };
  input.addEventListener('input', search);

  const focus = (graph, one) => {
    if (!one) return;
    for (const other of graph.boxes) other.box.setAttribute('tabindex', other === one ? '0' : '-1');
    one.box.focus();
  };
  const shown = (one) => !one.box.classList.contains('away');
  const neighbour = (graph, one, key) => {
    const row = (depth) => graph.boxes.filter((other) => other.depth === depth && shown(other));
    const overlaps = (other) => other.x < one.x + one.w - near && other.x + other.w > one.x + near;
    if (key === 'ArrowUp') return row(one.depth + 1).filter(overlaps).sort((a, b) => b.w - a.w)[0];
    if (key === 'ArrowDown') return row(one.depth - 1).find(overlaps);
    const level = row(one.depth).sort((a, b) => a.x - b.x);
    return level[level.indexOf(one) + (key === 'ArrowRight' ? 1 : -1)];
  };

  for (const graph of graphs) {
    for (const one of graph.boxes) {
      one.box.addEventListener('click', () => zoom(graph, one));
      one.box.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' || event.key === ' ') zoom(graph, one);
        else if (event.key.startsWith('Arrow')) focus(graph, neighbour(graph, one, event.key));
        else return;
        event.preventDefault();
      });
    }
  }
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    for (const graph of graphs) zoom(graph, graph.boxes[0]);
    input.value = '';
    search();
  });
})();
