// The view of one node.

import { h, put, attr, figure, width, keyed } from './dom.js';
import { forget, timeline } from './chart.js';
import { byteRate, cores, count, duration, memory, milliseconds, percent, perSecond, rate, short } from './format.js';
import { cpuParts, growth, memoryPercent, reason, withoutQuota } from './model.js';
import { nodeHero } from './hero.js';
import { poolPanel } from './pool.js';
import { t } from './words.js';

const CPU = ['user', 'system', 'iowait', 'steal'];

function cpuPanel(why) {
  const chart = timeline({
    title: t('cpu.title'), format: percent, top: 100, stacked: true, note: true, reason: why('cpu'),
    series: [...CPU, 'idle'].map((key) => ({ key, label: t(`cpu.${key}`), value: (point) => cpuParts(point)[key] })),
  });
  const list = h('ol', { class: 'cores', 'aria-label': t('cpu.cores') });
  chart.element.id = 'panel-cpu';
  chart.element.append(list);
  const core = () => {
    const parts = CPU.map((key) => h('i', { class: `c-${key}` }));
    const label = h('span');
    return { element: h('li', null, ...parts, label), parts, label };
  };
  return {
    chart,
    element: chart.element,
    update(node, now) {
      chart.update(node.points, now);
      const cpu = node.stats?.cpu ?? {};
      const [one, five, fifteen] = (cpu.load_average ?? []).map((value) => rate(value));
      put(chart.extra, t('cpu.load', { one, five, fifteen }));
      attr(list, 'data-density', (cpu.per_core?.length ?? 0) <= 8 ? 'few' : 'many');
      keyed(list, cpu.per_core ?? [], (_, index) => index, core).forEach(({ element, parts, label }, index) => {
        const told = cpu.per_core[index];
        const split = typeof told === 'number' ? { user: told } : cpuParts(told);
        parts.forEach((part, at) => {
          const basis = `${(split[CPU[at]] ?? 0).toFixed(1)}%`;
          if (part.style.flexBasis !== basis) part.style.flexBasis = basis;
        });
        const busy = typeof told === 'number' ? told : told?.busy ?? (told?.idle == null ? null : 100 - told.idle - (told.iowait ?? 0));
        const text = t('cpu.core', { index, busy: percent(busy) });
        attr(element, 'title', text);
        put(label, text);
      });
    },
  };
}

function quotaPanel() {
  const chart = timeline({
    title: t('quota.title'), format: percent, top: 100, stacked: true, note: true, reason: () => t('why.quota'),
    series: [{ key: 'throttled', label: t('quota.throttled'), value: (point) => point.throttled_percent }],
  });
  const allowed = h('p', { class: 'lead', id: 'quota' });
  chart.element.id = 'panel-quota';
  chart.element.insertBefore(allowed, chart.element.children[1]);
  return {
    chart,
    element: chart.element,
    update(node, now) {
      const group = node.stats?.cgroup;
      const none = withoutQuota(node.stats) ? t('quota.none') : reason(node.stats, 'cgroup.cpu_quota_cores') ?? t('why.source');
      put(allowed, group?.cpu_quota_cores == null ? none : t('quota.cores', { cores: cores(group.cpu_quota_cores) }));
      put(chart.extra, group?.throttled_seconds_total == null ? '' : t('quota.total', { time: duration(group.throttled_seconds_total) }));
      chart.update(node.points, now);
    },
  };
}

function endpointsPanel() {
  const body = h('tbody');
  const none = h('p', { class: 'note' }, t('endpoints.none'));
  const heads = [t('endpoints.path'), t('endpoints.rate'), t('endpoints.count'), t('endpoints.errors'), 'p50', 'p90', 'p99'];
  const element = h('section', { class: 'panel wide', id: 'panel-endpoints' }, h('h2', null, t('endpoints.title'), h('span', { class: 'when' }, t('endpoints.note'))),
    h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': t('endpoints.title') },
      h('table', null, h('thead', null, h('tr', null, heads.map((head) => h('th', { scope: 'col' }, head)))), body)), none);
  const make = (endpoint) => {
    const cells = heads.slice(1).map(() => h('td'));
    const bar = h('i', { class: 'c-p99' });
    cells.at(-1).append(h('b'), h('div', { class: 'meter' }, bar));
    return { element: h('tr', null, h('th', { scope: 'row' }, endpoint.path), cells), cells, bar };
  };
  return {
    element,
    update(node) {
      const all = (node.stats?.requests?.endpoints ?? []).filter((one) => one.count > 0);
      attr(none, 'hidden', all.length > 0);
      attr(element.querySelector('table'), 'hidden', all.length === 0);
      const slowest = Math.max(1, ...all.map((one) => one.p99 ?? 0));
      keyed(body, all, (one) => one.path, make).forEach(({ cells, bar }, index) => {
        const one = all[index];
        const find = (stats) => stats?.requests?.endpoints?.find((other) => other.path === one.path)?.count;
        figure(cells[0], perSecond(growth(node.stats, node.before, find)), t('why.first'));
        put(cells[1], short(one.count));
        put(cells[2], short(one.errors));
        attr(cells[2], 'data-bad', one.errors > 0);
        ['p50', 'p90'].forEach((key, at) => figure(cells[3 + at], milliseconds(one[key]), t('why.window')));
        figure(cells[5].firstChild, milliseconds(one.p99), t('why.window'));
        width(bar, one.p99 === null ? 0 : (100 * one.p99) / slowest);
      });
    },
  };
}

function memoryPanel(why) {
  const chart = timeline({
    title: t('memory.title'), format: percent, top: 100, stacked: true, reason: why('memory'),
    series: [{ key: 'memory', label: t('memory.used'), value: (point) => point.memory_used_percent }],
  });
  const keys = ['total', 'cached', 'process', 'limit', 'swap'];
  const values = Object.fromEntries(keys.map((key) => [key, h('b')]));
  const labels = { total: t('memory.used') };
  chart.element.append(h('dl', { class: 'facts' }, keys.map((key) => h('div', null, h('dt', null, labels[key] ?? t(`memory.${key}`)), h('dd', null, values[key])))));
  chart.element.id = 'panel-memory';
  return {
    chart,
    element: chart.element,
    update(node, now) {
      chart.update(node.points, now);
      const { memory: told = {}, cgroup } = node.stats ?? {};
      const missing = (field) => reason(node.stats, field) ?? t('why.source');
      figure(values.total, told?.used_bytes == null ? null : `${memory(told.used_bytes)} ${t('memory.of', { total: memory(told.total_bytes) })}`, missing('memory.used_bytes'));
      figure(values.cached, memory(told?.cached_bytes), missing('memory.cached_bytes'));
      figure(values.process, memory(told?.process_resident_bytes), missing('memory.process_resident_bytes'));
      const limit = cgroup?.memory_limit_bytes == null ? null : `${memory(cgroup.memory_limit_bytes)} · ${percent(memoryPercent(node.stats))}`;
      figure(values.limit, limit, missing('cgroup.memory_limit_bytes'));
      figure(values.swap, memory(told?.swap_used_bytes), missing('memory.swap_used_bytes'));
    },
  };
}

/** A table with one row a device; `columns` is `[[label, row => text, field]]`. */
function devices(source, first, name, columns) {
  const body = h('tbody');
  const element = h('div', { class: 'scroll' }, h('table', { class: 'tight' },
    h('thead', null, h('tr', null, h('th', { scope: 'col' }, first), columns.map(([label]) => h('th', { scope: 'col' }, label)))), body));
  const make = (row) => {
    const cells = columns.map(() => h('td'));
    return { element: h('tr', null, h('th', { scope: 'row' }, String(row[name])), cells), cells };
  };
  return {
    element,
    update(stats) {
      const rows = (stats?.[source] ?? []).slice(0, 8);
      keyed(body, rows, (row) => String(row[name]), make).forEach(({ cells }, index) => {
        columns.forEach(([, read, field], at) => figure(cells[at], read(rows[index]), reason(stats, `${source}.${field}`) ?? t('why.source')));
      });
    },
  };
}

function diskPanel(why) {
  const chart = timeline({
    title: t('disk.title'), format: percent, top: 100, stacked: true, note: true, reason: why('disks'),
    series: [{ key: 'disk', label: t('disk.busy'), value: (point) => point.disk_utilization }],
  });
  const table = devices('disks', t('disk.device'), 'device', [
    ['%', (disk) => percent(disk.utilization), 'utilization'],
    [t('disk.read'), (disk) => byteRate(disk.read_bytes_per_second), 'read_bytes_per_second'],
    [t('disk.write'), (disk) => byteRate(disk.write_bytes_per_second), 'write_bytes_per_second'],
    [t('disk.await'), (disk) => milliseconds(disk.await_milliseconds), 'await_milliseconds'],
  ]);
  chart.element.append(table.element);
  chart.element.id = 'panel-disk';
  return {
    chart,
    element: chart.element,
    update(node, now) {
      chart.update(node.points, now);
      table.update(node.stats);
      const empty = !(node.stats?.disks?.length > 0);
      attr(table.element, 'hidden', empty);
      put(chart.extra, empty ? reason(node.stats, 'disks') ?? t('disk.none') : '');
    },
  };
}

function networkPanel(why) {
  const chart = timeline({
    title: t('network.title'), format: byteRate, least: 1000, reason: why('network'),
    series: [{ key: 'in', label: t('network.in'), value: (point) => point.receive_bytes_per_second },
      { key: 'out', label: t('network.out'), value: (point) => point.transmit_bytes_per_second, dashed: true }],
  });
  const table = devices('network', t('network.title'), 'interface', [
    [t('network.in'), (one) => byteRate(one.receive_bytes_per_second), 'receive_bytes_per_second'],
    [t('network.out'), (one) => byteRate(one.transmit_bytes_per_second), 'transmit_bytes_per_second'],
    [t('network.drops'), (one) => short(one.drops_total), 'drops_total'],
  ]);
  const queue = h('b');
  const overflows = h('b');
  chart.element.append(table.element, h('dl', { class: 'facts' },
    h('div', null, h('dt', null, t('network.listen')), h('dd', null, queue)), h('div', null, h('dt', null, t('network.overflows')), h('dd', null, overflows))));
  chart.element.id = 'panel-network';
  return {
    chart,
    element: chart.element,
    update(node, now) {
      chart.update(node.points, now);
      table.update(node.stats);
      const sockets = node.stats?.sockets ?? {};
      figure(queue, sockets.listen_queue == null ? null : `${count(sockets.listen_queue)} / ${count(sockets.listen_queue_limit) ?? 'n/a'}`, reason(node.stats, 'sockets') ?? t('why.source'));
      figure(overflows, short(sockets.listen_overflows_total), reason(node.stats, 'sockets.listen_overflows_total') ?? t('why.source'));
    },
  };
}

function pressurePanel() {
  const rows = ['cpu', 'memory', 'io'].map((key) => {
    const [some, full] = [h('i', { class: 'c-some' }), h('i', { class: 'c-full' })];
    const values = [h('b'), h('b')];
    const element = h('li', null, h('span', null, t(`pressure.${key}`)), h('div', { class: 'meter two' }, some, full),
      h('span', null, t('pressure.some'), ' ', values[0], ' · ', t('pressure.full'), ' ', values[1]));
    return { key, element, some, full, values };
  });
  const counts = ['open', 'peak', 'accepted_total', 'rejected_total'].map((key) => [key, h('b')]);
  const element = h('section', { class: 'panel pressure', id: 'panel-pressure' }, h('h2', null, t('pressure.title')), h('ul', { class: 'bars' }, rows.map((row) => row.element)),
    h('h2', { class: 'second' }, t('connections.title')),
    h('dl', { class: 'facts' }, counts.map(([key, value]) => h('div', null, h('dt', null, t(`connections.${key}`)), h('dd', null, value)))));
  return {
    element,
    update({ stats }) {
      for (const { key, some, full, values } of rows) {
        const told = stats?.pressure?.[key];
        const missing = (field) => reason(stats, `pressure.${key}.${field}`) ?? t('why.source');
        figure(values[0], percent(told?.some_percent), missing('some_percent'));
        figure(values[1], percent(told?.full_percent), missing('full_percent'));
        width(some, told?.some_percent);
        width(full, told?.full_percent);
      }
      for (const [key, value] of counts) figure(value, short(stats?.connections?.[key]), reason(stats, 'connections') ?? t('why.source'));
    },
  };
}

/** Builds the view; `update(node, now)` shows a node's figures in it, `lab` is the panel of load buttons. */
export function nodeView(lab) {
  let shown = null;
  const why = (source) => () => reason(shown?.stats, source) ?? t('why.source');
  const hero = nodeHero();
  const lost = h('p', { class: 'banner', role: 'status', hidden: true });
  const requests = timeline({
    title: t('requests.title'), format: rate, least: 10, reason: () => t('why.first'),
    series: [{ key: 'requests', label: t('requests.all'), value: (point) => point.requests_per_second },
      { key: 'errors', label: t('requests.errors'), value: (point) => point.errors_per_second, dashed: true }],
  });
  const latency = timeline({
    title: t('latency.title'), format: milliseconds, least: 10, reason: () => t('why.window'),
    series: [{ key: 'p99', label: t('latency.p99'), value: (point) => point.p99_milliseconds }],
  });
  requests.element.id = 'panel-requests';
  latency.element.id = 'panel-latency';
  const plain = (chart) => ({ chart, element: chart.element, update: (node, now) => chart.update(node.points, now) });
  const panels = [cpuPanel(why), quotaPanel(), poolPanel(), plain(requests), plain(latency), endpointsPanel(),
    memoryPanel(why), diskPanel(why), networkPanel(why), pressurePanel()];
  const element = h('div', { class: 'node' }, lost, hero.element, lab, h('div', { class: 'grid' }, panels.map((panel) => panel.element)));
  return {
    element,
    update(node, now, state) {
      shown = node;
      const absent = state === 'gone' || state === 'slow' || state === 'asking';
      attr(lost, 'hidden', !absent && state !== 'draining');
      put(lost, `${node.name}: ${t(`state.${state}`)}${node.error ? ` (${t(`error.${node.error}`)})` : ''}`);
      element.classList.toggle('absent', absent);
      hero.update(node, now);
      for (const panel of panels) panel.update(node, now);
    },
    end: () => forget([...hero.charts, ...panels.map((panel) => panel.chart).filter(Boolean)]),
  };
}
