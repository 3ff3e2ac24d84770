// The view of a cluster: scripts/cluster.sh with its quotas behind a real HAProxy, seen through the balancer.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { browser, cluster, get, load, node, open, overflows, sleep, text, until } from './world.mjs';

const card = (page, name) => page.locator(`.card[data-node="${name}"]`);

describe('the view of a cluster, through HAProxy', () => {
  let chromium;
  let lab;
  let told;
  before(async () => {
    chromium = await browser();
    lab = cluster(`page${process.pid}`);
    told = await lab.up('--nodes', '4', '--unit-cpu', '25', '--balancer', 'haproxy');
  });
  after(async () => {
    await chromium?.close();
    await lab?.down();
  });

  test('all nodes stand side by side; shares add up; nothing leaves the machine', async () => {
    const { page, seen, close } = await open(chromium, `${told.target}/`);
    await until('four cards', async () => (await page.locator('.card').count()) === 4);
    await until('all ready', async () => (await page.locator('.card[data-state="ready"]').count()) === 4);
    assert.deepEqual(await page.locator('.card .name').allInnerTexts(), ['node1', 'node2', 'node3', 'node4']);
    const visitors = load(`${told.target}/whoami`, 4);
    await until('a share for each', async () => (await page.locator('.share').getAttribute('aria-label')).match(/2[0-9](\.\d)? %/g)?.length === 4);
    visitors.stop();
    assert.equal(await overflows(page), false);
    assert.deepEqual(seen.errors, []);
    for (const url of seen.requests) assert.ok(url.startsWith(`${told.target}/`), url);
    await close();
  });

  test('a browser behind a balancer sends more than 16 headers, and is served', async () => {
    const headers = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`X-Extra-${index}`, 'x']));
    const { page, seen, close } = await open(chromium, `${told.target}/`, { extraHTTPHeaders: headers });
    const seenThere = JSON.parse((await get(`${told.target}/whoami`, headers)).body);
    assert.ok(Object.keys(seenThere.headers).length > 16);
    await until('four cards', async () => (await page.locator('.card').count()) === 4);
    assert.deepEqual(seen.errors, []);
    await close();
  });

  test('a quota of 25 % is named in words', async (context) => {
    if (told.limited.mechanism === 'none') return context.skip('no CPU quota can be had on this machine');
    const { page, seen, close } = await open(chromium, `${told.nodes[0].url}/#/node/node1`);
    await until('the quota', async () => /0.25 cores allowed/.test(await text(page, '#quota')));
    const began = Date.now();
    const burners = load(`${told.nodes[0].url}/fib?number=27`, 4);
    try {
      await until('the quota named as the limit', async () => (await text(page, '#limit')) === 'The CPU quota is the limit');
      console.log(`# a quota of 25 % was named after ${((Date.now() - began) / 1000).toFixed(1)} s`);
      assert.match(await text(page, '#evidence'), /%.*0\.25 cores/);
      assert.equal(await page.locator('.hero .map li[data-binds]').getAttribute('data-resource'), 'cpu-quota');
      await until('throttling drawn', async () => (await page.locator('#panel-quota path.area').getAttribute('d'))?.length > 20);
    } finally {
      burners.stop();
    }
    assert.deepEqual(seen.errors, []);
    await close();
  });

  test('an autoscaler shows what it wants and why, in both languages, and is gone when it has ended', async () => {
    const { page, seen, close } = await open(chromium, `${told.target}/`);
    await until('four cards', async () => (await page.locator('.card').count()) === 4);
    assert.equal(await page.locator('#scaling').isVisible(), false);
    const stop = lab.autoscale('--metric', 'queue=50', '--min', '3', '--max', '4', '--interval', '1s', '--down-window', '0s');
    try {
      await until('a change of size', async () => /4 → 3/.test(await text(page, '#scaling .changes li')));
      await until('three ready', async () => (await text(page, '#scaling-size')) === '3 ready, 3 wanted');
      assert.match(await text(page, '#scaling .changes li'), /4 → 3 .* ago: queue 0(\.\d+)? a node, target 50, wanted [01], held to the smallest size, 3/);
      await until('three cards', async () => (await page.locator('.card').count()) === 3);
      await page.locator('button[lang="es"]').click();
      await until('Spanish words', async () => (await text(page, '#scaling-size')) === '3 listos, 3 deseados');
      assert.equal(await text(page, '#scaling h2'), 'Autoescalador');
      assert.equal(await overflows(page), false);
      await page.locator('button[lang="en"]').click();
    } finally {
      await stop();
    }
    await until('no autoscaler', async () => !(await page.locator('#scaling').isVisible()));
    await lab.call('scale', '4');
    await until('four cards again', async () => (await page.locator('.card').count()) === 4);
    assert.deepEqual(seen.errors, []);
    await close();
  });

  test('a killed node shows as gone, and comes back', async () => {
    const { page, seen, close } = await open(chromium, `${told.target}/`);
    await until('all ready', async () => (await page.locator('.card[data-state="ready"]').count()) === 4);
    const began = Date.now();
    await lab.call('kill', 'node2');
    await until('gone', async () => (await card(page, 'node2').getAttribute('data-state')) === 'gone');
    console.log(`# a killed node was gone after ${((Date.now() - began) / 1000).toFixed(1)} s`);
    assert.equal(await text(page, '#limit'), 'node2 is gone');
    assert.match(await text(page, '#evidence'), /^3 of 4 nodes serve/);
    assert.equal(await card(page, 'node2').locator('.limit').innerText(), 'connection refused');
    assert.equal(await card(page, 'node2').locator('.kpis b').first().innerText(), 'n/a');
    // Each node answers in turn, and knows the lost one a moment earlier or later: its age must only grow.
    await until('its age', async () => /^last seen [4-9] s ago$/.test(await card(page, 'node2').locator('.said').innerText()));
    assert.equal(await page.locator('#panel-by-node .legend li', { hasText: 'node2' }).locator('b').innerText(), 'n/a');
    const visitor = await open(chromium, `${told.target}/#/node/node2`);
    await until('gone, for one who comes late too', async () => (await text(visitor.page, '#limit')) === 'node2 is gone');
    assert.match(await text(visitor.page, '#evidence'), /^Connection refused, last seen \d+ s ago\. /);
    await visitor.close();
    await lab.call('start', 'node2');
    await until('back', async () => (await card(page, 'node2').getAttribute('data-state')) === 'ready');
    await until('a calm headline', async () => !(await text(page, '#limit')).includes('gone'));
    assert.equal(await page.locator('#stale').isVisible(), false);
    assert.deepEqual(seen.errors.filter((error) => !/50[234]/.test(error)), []);
    await close();
  });

  test('a node that is scaled in shows beside the others, and leaves with its going', async () => {
    const { page, close } = await open(chromium, `${told.target}/`);
    await lab.call('scale', '5');
    // Whichever node answers through the balancer, it knows of all: the count holds over several turns.
    const holds = async (many) => {
      for (let turn = 0; turn < 6; turn += 1) {
        if ((await page.locator('.card[data-state="ready"]').count()) !== many || (await page.locator('.card').count()) !== many) return false;
        await sleep(500);
      }
      return true;
    };
    await until('five cards', () => holds(5));
    await lab.call('scale', '4');
    await until('four cards', () => holds(4));
    await close();
  });

  test('a click on a card opens that node, and the way back', async () => {
    const { page, seen, close } = await open(chromium, `${told.target}/`);
    await card(page, 'node3').locator('.name').click();
    await page.waitForSelector('#panel-pool');
    assert.equal(await text(page, 'nav a[aria-current]'), 'node3');
    await until('its history', async () => (await page.locator('#panel-cpu path.area').first().getAttribute('d'))?.length > 100);
    await page.goBack();
    await page.waitForSelector('.card');
    assert.deepEqual(seen.errors, []);
    await close();
  });
});

describe('peers', () => {
  test('a draining node is called draining', async () => {
    const chromium = await browser();
    const leaving = await node('--node', 'leaving', '--drain-delay', '60s');
    const staying = await node('--node', 'staying', '--peers', leaving.url);
    const { page, seen, close } = await open(chromium, staying.url);
    try {
      await until('both', async () => (await page.locator('.card[data-state="ready"]').count()) === 2);
      leaving.term();
      await until('draining', async () => (await card(page, 'leaving').getAttribute('data-state')) === 'draining');
      assert.equal(await text(page, '#limit'), 'leaving is draining');
      assert.deepEqual(seen.errors, []);
    } finally {
      await close();
      await chromium.close();
      await Promise.all([leaving.stop(), staying.stop()]);
    }
  });

  test('an address typed in is shown beside this node, remembered, and can be removed', async () => {
    const chromium = await browser();
    const other = await node('--node', 'other');
    const here = await node('--node', 'here');
    const { page, seen, close } = await open(chromium, here.url);
    try {
      await page.click('.add summary');
      await page.fill('#add-url', other.url.replace('http://', ''));
      await page.keyboard.press('Enter');
      await until('both', async () => (await page.locator('.card[data-state="ready"]').count()) === 2);
      await page.reload();
      await until('both again', async () => (await page.locator('.card[data-state="ready"]').count()) === 2);
      await page.click('.add summary');
      await page.click('.add li button');
      await until('one', async () => (await page.locator('.card').count()) === 0 && (await page.locator('#panel-pool').count()) === 1);
      assert.deepEqual(seen.errors, []);
    } finally {
      await close();
      await chromium.close();
      await Promise.all([other.stop(), here.stop()]);
    }
  });

  test('addresses are typed in at the machine itself only, and only by its own page', async () => {
    const here = await node('--node', 'here');
    const ask = (headers, peers = 'http://127.0.0.1:9') => get(`${here.url}/cluster?peers=${encodeURIComponent(peers)}`, headers).then(({ status }) => status);
    try {
      assert.equal(await ask({}), 200);
      for (const headers of [{ 'X-Forwarded-For': '10.0.0.1' }, { Via: '1.1 x' }, { Forwarded: 'for=10.0.0.1' }, { 'Sec-Fetch-Site': 'cross-site' }, { 'Sec-Fetch-Site': 'same-site' }, { Host: 'evil.example' }, { Host: '192.168.56.11:3000' }, { Host: '127.0.0.1.evil.example' }]) {
        assert.equal(await ask(headers), 403, JSON.stringify(headers));
      }
      for (const peers of ['file:///etc/passwd', 'https://127.0.0.1', 'http://127.0.0.1:9/admin', 'http://a:b@c', Array(17).fill('http://127.0.0.1:9').join(',')]) {
        assert.equal(await ask({}, peers), 400, peers);
      }
    } finally {
      await here.stop();
    }
  });

  test('a peer that tells nonsense breaks nothing but its own card', async () => {
    const { createServer } = await import('node:http');
    const nonsense = { node: { name: '<b>odd</b>', pid: 1 }, sampled_at: 'today', cpu: { per_core: 'x', busy: 'x' }, memory: 7, disks: {}, network: [null, 7], requests: { endpoints: 3 }, pool: { threads: 'x', active: {} }, bottleneck: { resource: { toString: 1 } } };
    const odd = createServer((request, response) => response.end(JSON.stringify(request.url.includes('history') ? { points: [null, 7, { t: 'x' }] } : nonsense))).listen(0, '127.0.0.1');
    await new Promise((done) => odd.once('listening', done));
    const chromium = await browser();
    const here = await node('--node', 'here', '--peers', `http://127.0.0.1:${odd.address().port}`);
    const { page, seen, close } = await open(chromium, here.url);
    try {
      await until('two cards', async () => (await page.locator('.card').count()) === 2);
      await until('figures of the good one', async () => /%/.test(await card(page, 'here').locator('.map b').first().innerText()));
      assert.equal(await page.locator('.card .name').last().innerText(), '<b>odd</b>');
      await page.locator('.card .name').last().click();
      await page.waitForSelector('#panel-pool');
      await sleep(2500);
      assert.equal(await page.locator('#stale').isVisible(), false);
      assert.deepEqual(seen.errors, []);
    } finally {
      await close();
      await chromium.close();
      await here.stop();
      odd.close();
    }
  });

  test('what is not a node, does not answer, or answers without end, is told apart and holds nothing up', async () => {
    const { createServer } = await import('node:net');
    const listen = (answer) => new Promise((done) => {
      const sockets = new Set();
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => {});
        answer(socket);
      }).listen(0, '127.0.0.1', () => done({ url: `http://127.0.0.1:${server.address().port}`, end: () => [...sockets].map((one) => one.destroy()) && server.close() }));
    });
    const silent = await listen(() => {});
    const foreign = await listen((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]'));
    const deep = await listen((socket) => socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"node":{"name":"x","pid":1},"deep":${'['.repeat(200_000)}`));
    const endless = await listen((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
      const timer = setInterval(() => socket.write('x'.repeat(65_536)), 1);
      socket.on('close', () => clearInterval(timer));
    });
    const peers = [silent, foreign, deep, endless].map((one) => one.url).join(',');
    const here = await node('--node', 'here', '--peers', peers);
    try {
      const errors = async () => JSON.parse((await get(`${here.url}/cluster`)).body).nodes.filter((one) => !one.self).map((one) => one.error);
      await until('all told apart', async () => JSON.stringify(await errors()) === JSON.stringify(['timeout', 'malformed', 'malformed', 'malformed']));
      await sleep(100);
      assert.equal((await get(`${here.url}/healthz`)).status, 200);
    } finally {
      await here.stop();
      [silent, foreign, deep, endless].forEach((one) => one.end());
    }
  });
});
