// The view of one node.

import { h, put, attr, figure, width, keyed } from './dom.js';
import { forget, timeline } from './chart.js';
import { byteRate, cores, count, memory, milliseconds, percent, perSecond, rate, short } from './format.js';
import { cpuParts, growth, memoryPercent, reason, withoutQuota } from './model.js';
import { cachePanel } from './cache.js';
import { nodeHero } from './hero.js';
import { poolPanel } from './pool.js';
import { storePanel } from './store.js';
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
  const core = (_, index) => {
    const parts = CPU.map((key) => h('i', { class: `c-${key}` }));
    const value = h('b');
    return { element: h('li', null, h('span', null, t('cpu.core', { index })), h('div', null, parts), value), parts, value };
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
      keyed(list, cpu.per_core ?? [], (_, index) => index, core).forEach(({ element, parts, value }, index) => {
        const told = cpu.per_core[index];
        const split = cpuParts(told);
        parts.forEach((part, at) => {
          const basis = `${(split[CPU[at]] ?? 0).toFixed(1)}%`;
          if (part.style.flexBasis !== basis) part.style.flexBasis = basis;
        });
        const busy = percent(told.busy);
        attr(element, 'title', `${t('cpu.core', { index })}: ${busy ?? 'n/a'}`);
        figure(value, busy, why('cpu.per_core')());
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
  const how = h('p', { class: 'small' }, t('quota.how'));
  chart.element.id = 'panel-quota';
  chart.element.children[0].after(allowed, how);
  return {
    chart,
    element: chart.element,
    update(node, now) {
      const group = node.stats?.cgroup;
      const none = withoutQuota(node.stats) ? t('quota.none') : reason(node.stats, 'cgroup.cpu_quota_cores') ?? t('why.source');
      put(allowed, group?.cpu_quota_cores == null ? none : t('quota.cores', { cores: cores(group.cpu_quota_cores) }));
      put(chart.extra, group?.throttled_seconds_total == null ? '' : t('quota.total', { time: milliseconds(1000 * group.throttled_seconds_total) }));
      // Without a quota, now and in the last minutes, there is nothing to draw.
      const drawn = !withoutQuota(node.stats) || node.points.some((point) => point.throttled_percent != null);
      attr(how, 'hidden', drawn);
      attr(chart.element, 'data-empty', !drawn);
      chart.update(node.points, now);
    },
  };
}

function endpointsPanel() {
  const body = h('tbody');
  const none = h('p', { class: 'note' }, t('endpoints.none'));
  // The heads are the columns' classes as well: on a phone one of the percentiles gives way.
  const heads = [t('endpoints.path'), t('endpoints.rate'), t('endpoints.count'), t('endpoints.errors'), 'p50', 'p90', 'p99'];
  const element = h('section', { class: 'panel wide', id: 'panel-endpoints' }, h('h2', null, t('endpoints.title'), h('span', { class: 'when' }, t('endpoints.note'))),
    h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': t('endpoints.title') },
      h('table', null, h('thead', null, h('tr', null, heads.map((head) => h('th', { scope: 'col', class: head }, head)))), body)), none);
  const make = (endpoint) => {
    const cells = heads.slice(1).map(() => h('span'));
    const bar = h('i', { class: 'c-p99' });
    const row = cells.map((cell, index) => h('td', { class: heads[index + 1] }, cell, index === cells.length - 1 ? h('div', { class: 'meter' }, bar) : null));
    return { element: h('tr', null, h('th', { scope: 'row' }, endpoint.path), row), cells, bar };
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
        ['p50', 'p90', 'p99'].forEach((key, at) => figure(cells[3 + at], milliseconds(one[key]), t('why.window')));
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

/**
 * A table with one row a device; `columns` is `[[label, row => text, field, reason]]`. A device's name may be longer than the
 * panel is wide: the frame scrolls, also by keyboard, and is called as the panel is.
 */
function devices(source, title, first, name, columns) {
  const body = h('tbody');
  const element = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': title }, h('table', { class: 'tight' },
    h('thead', null, h('tr', null, h('th', { scope: 'col' }, first), columns.map(([label]) => h('th', { scope: 'col' }, label)))), body));
  const make = (row) => {
    const cells = columns.map(() => h('span'));
    return { element: h('tr', null, h('th', { scope: 'row' }, String(row[name])), cells.map((cell) => h('td', null, cell))), cells };
  };
  return {
    element,
    update(stats) {
      const rows = (stats?.[source] ?? []).slice(0, 8);
      keyed(body, rows, (row) => String(row[name]), make).forEach(({ cells }, index) => {
        columns.forEach(([, read, field, why = t('why.source')], at) => figure(cells[at], read(rows[index]), reason(stats, `${source}.${field}`) ?? why));
      });
    },
  };
}

function diskPanel(why) {
  const chart = timeline({
    title: t('disk.title'), format: percent, top: 100, stacked: true, note: true, reason: why('disks'),
    series: [{ key: 'disk', label: t('disk.busy'), value: (point) => point.disk_utilization }],
  });
  const table = devices('disks', t('disk.title'), t('disk.device'), 'device', [
    ['%', (disk) => percent(disk.utilization), 'utilization'],
    [t('disk.read'), (disk) => byteRate(disk.read_bytes_per_second), 'read_bytes_per_second'],
    [t('disk.write'), (disk) => byteRate(disk.write_bytes_per_second), 'write_bytes_per_second'],
    [t('disk.await'), (disk) => milliseconds(disk.await_milliseconds), 'await_milliseconds', t('why.idle')],
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
      { key: 'out', label: t('network.out'), value: (point) => point.transmit_bytes_per_second, dashed: true },
      { key: 'loopback', label: t('network.loopback'), value: (point) => point.loopback_bytes_per_second }],
  });
  const table = devices('network', t('network.title'), t('network.interface'), 'interface', [
    [t('network.in'), (one) => byteRate(one.receive_bytes_per_second), 'receive_bytes_per_second'],
    [t('network.out'), (one) => byteRate(one.transmit_bytes_per_second), 'transmit_bytes_per_second'],
    [t('network.drops'), (one) => short(one.drops_total), 'drops_total'],
  ]);
  chart.element.append(table.element);
  chart.element.id = 'panel-network';
  return {
    chart,
    element: chart.element,
    update(node, now) {
      chart.update(node.points, now);
      table.update(node.stats);
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
  const queue = h('b');
  const overflows = h('b');
  const fact = (label, value) => h('div', null, h('dt', null, label), h('dd', null, value));
  const element = h('section', { class: 'panel pressure', id: 'panel-pressure' }, h('h2', null, t('pressure.title')), h('ul', { class: 'bars' }, rows.map((row) => row.element)),
    h('h2', { class: 'second' }, t('connections.title')),
    h('dl', { class: 'facts' }, counts.map(([key, value]) => fact(t(`connections.${key}`), value)),
      fact(t('connections.queue'), queue), fact(t('connections.overflows'), overflows)));
  return {
    element,
    update({ stats }) {
      const sockets = stats?.sockets ?? {};
      const limit = count(sockets.listen_queue_limit);
      figure(queue, sockets.listen_queue == null ? null : `${count(sockets.listen_queue)}${limit === null ? '' : ` / ${limit}`}`, reason(stats, 'sockets') ?? t('why.source'));
      figure(overflows, short(sockets.listen_overflows_total), reason(stats, 'sockets.listen_overflows_total') ?? t('why.source'));
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
    title: t('requests.title'), format: perSecond, least: 10, reason: () => t('why.first'),
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
  const panels = [cpuPanel(why), quotaPanel(), poolPanel(), storePanel(), cachePanel(), plain(requests), plain(latency), endpointsPanel(),
    memoryPanel(why), diskPanel(why), networkPanel(why), pressurePanel()];
  const element = h('div', { class: 'node' }, lost, hero.element, lab, h('div', { class: 'grid' }, panels.map((panel) => panel.element)));
  return {
    element,
    update(node, now, state) {
      shown = node;
      const absent = state === 'gone' || state === 'slow' || state === 'asking';
      // Of a node that is gone the headline speaks.
      attr(lost, 'hidden', state === 'ready' || state === 'gone');
      put(lost, `${node.name}: ${t(`state.${state}`)}${node.error ? ` (${t(`error.${node.error}`)})` : ''}`);
      element.classList.toggle('absent', absent);
      hero.update(node, now, state);
      for (const panel of panels) panel.update(node, now);
    },
    end: () => forget([...hero.charts, ...panels.map((panel) => panel.chart).filter(Boolean)]),
  };
}
