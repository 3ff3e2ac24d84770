// The view of one node, on the real binary, in a real browser.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PATIENCE, browser, get, load, node, open, overflows, sleep, text, until } from './world.mjs';

describe('the view of one node', () => {
  let chromium;
  let served;
  before(async () => {
    chromium = await browser();
    served = await node('--node', 'alone', '--pool-threads', '2', '--pool-queue', '50');
  });
  after(async () => {
    await chromium?.close();
    await served?.stop();
  });

  test('values appear and change, charts move, nothing goes wrong and nothing leaves the machine', async () => {
    const { page, seen, close } = await open(chromium, served.url);
    assert.equal(await text(page, 'nav a[aria-current]'), 'alone');
    const path = () => page.locator('#panel-requests path').first().getAttribute('d');
    await until('a first line', async () => (await path())?.length > 10);
    const [line, count] = [await path(), await text(page, '#panel-endpoints tbody tr:last-child td:nth-child(3)')];
    await until('a moving line', async () => (await path()) !== line);
    await until('a counter that counts', async () => (await text(page, '#panel-endpoints tbody')).length > 0 && (await page.locator('#panel-endpoints tbody').innerText()).includes('/cluster'));
    assert.ok(count.length > 0);
    for (const panel of ['cpu', 'quota', 'pool', 'requests', 'latency', 'endpoints', 'memory', 'disk', 'network', 'pressure', 'lab']) {
      assert.ok(await page.locator(`#panel-${panel}`).isVisible(), panel);
    }
    assert.match(await text(page, '#panel-memory .legend b'), /%/);
    assert.equal(await page.locator('.cells i').count(), 2);
    const stats = JSON.parse((await get(`${served.url}/stats`)).body);
    const rows = (selector) => page.locator(selector).allInnerTexts();
    assert.equal(await page.locator('.cores li').count(), stats.cpu.cores);
    for (const core of await rows('.cores b')) assert.match(core, /^\d+(\.\d)? %$/);
    assert.deepEqual(await rows('#panel-disk tbody th'), stats.disks.map(({ device }) => device));
    assert.deepEqual(await rows('#panel-network tbody th'), stats.network.map((one) => one.interface).slice(0, 8));
    assert.match(await text(page, '#panel-memory .facts dd'), new RegExp(`of ${(stats.memory.total_bytes / 2 ** 30).toFixed(1).replace(/\.0$/, '')} GiB$`));
    assert.match(await text(page, '#panel-cpu .scale .high'), /^100 %$/);
    assert.equal(await overflows(page), false);
    assert.deepEqual(seen.errors, []);
    assert.ok(seen.requests.length > 10);
    for (const url of seen.requests) assert.ok(url.startsWith(`${served.url}/`), url);
    await close();
  });

  test('the same page at /stats for a browser, JSON for everybody else, with strict headers', async () => {
    for (const path of ['/', '/stats']) {
      const { status, headers, body } = await get(served.url + path, { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
      assert.equal(status, 200);
      assert.match(body, /<!doctype html>/);
      assert.match(headers['content-security-policy'], /default-src 'none'.*script-src 'self'.*frame-ancestors 'none'/);
      assert.doesNotMatch(headers['content-security-policy'], /unsafe/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      const again = await get(served.url + path, { Accept: 'text/html', 'If-None-Match': headers.etag });
      assert.deepEqual([again.status, again.body], [304, '']);
      for (const [, file] of body.matchAll(/"(\/assets\/[^"]+)"/g)) {
        const asset = await get(served.url + file);
        assert.equal(asset.status, 200, file);
        assert.match(asset.headers['cache-control'], /immutable/);
      }
    }
    const json = await get(`${served.url}/stats`, { Accept: '*/*' });
    assert.equal(JSON.parse(json.body).node.name, 'alone');
    assert.equal((await get(`${served.url}/assets/x/none.js`)).status, 404);
  });

  test('a saturated pool is named in words', async () => {
    const { page, seen, close } = await open(chromium, served.url);
    await until('calm', async () => (await text(page, '#limit')).length > 0);
    const began = Date.now();
    const sleepers = load(`${served.url}/sleep?seg=2&model=sync`, 12);
    try {
      // While other processes use up the machine's CPU, that is the limit: wait for a moment when they do not.
      const named = async () => (await text(page, '#limit')) === 'The thread pool is the limit';
      await until('the pool named as the limit', named, 4 * PATIENCE);
      console.log(`# a saturated pool was named after ${((Date.now() - began) / 1000).toFixed(1)} s`);
      assert.equal(await page.locator('.hero .map li[data-binds]').getAttribute('data-resource'), 'pool');
      assert.equal(await page.locator('#panel-pool .cells i.busy').count(), 2);
      assert.match(await text(page, '#pool-queued'), /^\d+ waiting, room for 50$/);
      assert.match(await text(page, '#evidence'), /2 .*threads/);
    } finally {
      sleepers.stop();
    }
    await until('the queue empty again', async () => (await text(page, '#pool-queued')).startsWith('0 waiting'));
    assert.deepEqual(seen.errors, []);
    await close();
  });

  test('a store has its panel, and says when it is away; without one there is none', async () => {
    const { page: without, close: closeWithout } = await open(chromium, served.url);
    assert.equal(await without.locator('#panel-store').isVisible(), false);
    await closeWithout();
    // Nothing listens there.
    const alone = await node('--node', 'with-store', '--store', 'redis://127.0.0.1:1', '--store-connections', '3');
    const { page, seen, close } = await open(chromium, alone.url);
    await until('the panel', () => page.locator('#panel-store').isVisible());
    // Now and then one asks whether the store is back.
    await until('none in use', async () => (await text(page, '#store-connections')) === '0 of 3 connections in use');
    assert.equal(await page.locator('#panel-store .cells i').count(), 3);
    await until('away', async () => (await text(page, '#store-targets')).startsWith('redis://127.0.0.1:1: is away ('));
    assert.deepEqual(seen.errors, []);
    await close();
    await alone.stop();
  });

  test('percentiles stand by their endpoint, and the page is not a part of the response time', async () => {
    const fresh = await node('--node', 'fresh');
    const { page, close } = await open(chromium, fresh.url);
    await get(`${fresh.url}/sleep?seg=0.3`);
    const cells = (path) => page.locator('#panel-endpoints tbody tr', { has: page.locator(`th:text-is("${path}")`) }).locator('td').allInnerTexts();
    await until('/sleep in its row', async () => (await cells('/sleep')).length === 6);
    // rate, count, errors, p50, p90, p99: it slept 300 ms, or longer on a busy machine.
    const [, count, errors, ...percentiles] = await cells('/sleep');
    assert.deepEqual([count, errors], ['1', '0']);
    for (const one of percentiles) assert.match(one, /^(3\d\d|[4-9]\d\d) ms|^[\d.]+ s/);
    await until('the slowest', async () => (await text(page, '#kpi-p99')) === percentiles[2].trim());
    await close();
    await fresh.stop();
  });

  test('a break in the connection leaves no hole: the server fills it', async () => {
    const { page, close } = await open(chromium, served.url);
    const lines = async () => ((await page.locator('#panel-requests path').first().getAttribute('d')) ?? '').match(/M/g)?.length;
    const length = async () => (await page.locator('#panel-requests path').first().getAttribute('d')).length;
    await until('one line', async () => (await lines()) === 1);
    const before = await length();
    await page.context().setOffline(true);
    await until('stale', async () => (await page.locator('#stale').isVisible()));
    await sleep(4000);
    await page.context().setOffline(false);
    await until('live', async () => (await text(page, '#live')) === 'live');
    await until('one line again, and a longer one', async () => (await lines()) === 1 && (await length()) > before);
    await close();
  });

  test('what is not known is n/a with its reason, never 0', async () => {
    const { page, close } = await open(chromium, served.url);
    const stats = JSON.parse((await get(`${served.url}/stats`)).body);
    const places = Object.keys(stats.unavailable);
    if (stats.cgroup.memory_limit_bytes === null) {
      const limit = page.locator('#panel-memory dd .na').first();
      await until('n/a', async () => (await limit.innerText()) === 'n/a');
      assert.ok((await limit.getAttribute('data-why')).length > 5);
      await limit.focus();
      assert.notEqual(await limit.evaluate((element) => getComputedStyle(element, '::after').content), 'none');
    }
    console.log(`# unavailable here: ${places.join(', ') || 'nothing'}`);
    await close();
  });

  test('a load from the browser: started, seen, stopped', async () => {
    const { page, seen, close } = await open(chromium, served.url);
    await page.selectOption('#lab-endpoint', 'fib');
    await page.selectOption('#lab-value', '20');
    await page.click('#lab-start');
    await until('answers', async () => /^[1-9]/.test(await text(page, '[data-lane="rate"]')));
    assert.match(await text(page, '[data-lane="p50"]'), /ms|s/);
    assert.match(await text(page, '.lane .small'), /alone/);
    assert.equal(await text(page, '#lab-start'), 'Stop');
    await page.click('#lab-start');
    await until('stopped', async () => (await text(page, '#lab-status')) === 'ended');
    for (const endpoint of ['sleep', 'io']) {
      await page.selectOption('#lab-endpoint', endpoint);
      await page.click('#lab-start');
      await until(`answers of /${endpoint}`, async () => /^\/(sleep|io).*$/.test(await text(page, '.lane h3')) && /^[0-9]*[1-9]/.test((await text(page, '.lane .small')) || '0'));
      await page.click('#lab-start');
      await until('stopped', async () => (await text(page, '#lab-start')) === 'Start');
    }
    assert.match(await text(page, '#lab-command'), /^webapp load .*\/io\?mb=/);
    assert.deepEqual(seen.errors, []);
    await close();
  });

  test('sync against async, side by side, in one click', async () => {
    const { page, seen, close } = await open(chromium, served.url);
    await page.selectOption('#lab-seconds', '5');
    await page.click('#lab-compare');
    await until('a verdict', () => page.locator('#lab-verdict:not(:empty)').count());
    // Five sleepers share two threads in one lane, and hold none in the other: arithmetic, not speed.
    assert.match(await text(page, '#lab-verdict'), /^sync took [\d.]+ times as long as async .*pool \(2\)/);
    assert.equal(await page.locator('.lane:visible').count(), 2);
    assert.equal(await page.locator('#stale').isVisible(), false, 'the page kept its own figures fresh meanwhile');
    assert.deepEqual(seen.errors, []);
    await close();
  });

  test('Spanish by the browser, English by the switch, and remembered', async () => {
    const { page, seen, close } = await open(chromium, served.url, { locale: 'es-AR' });
    assert.equal(await page.locator('html').getAttribute('lang'), 'es');
    assert.match(await text(page, '#panel-pool h2'), /Pool de hilos/);
    await page.click('button[lang="en"]');
    await until('English', async () => (await text(page, '#panel-pool h2')) === 'Thread pool');
    await page.reload();
    await until('still English', async () => (await text(page, '#panel-pool h2')) === 'Thread pool');
    assert.deepEqual(seen.errors, []);
    await close();
  });

  test('dark by the system or by the switch', async () => {
    const { page, close } = await open(chromium, served.url, { colorScheme: 'dark' });
    const ground = () => page.evaluate(() => Number(/\d+/.exec(getComputedStyle(document.body).backgroundColor)[0]));
    assert.ok((await ground()) < 60);
    await page.click('#theme');
    await until('light', async () => (await ground()) > 200);
    await page.click('#theme');
    await until('dark', async () => (await ground()) < 60);
    await close();
  });

  test('by keyboard: the skip link, a chart read by arrow keys, buttons', async () => {
    const { page, close } = await open(chromium, served.url);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
    await page.locator('#panel-cpu .plot').focus();
    await page.keyboard.press('ArrowLeft');
    await until('the moment', async () => (await text(page, '#panel-cpu .when')) === '−0:01');
    assert.equal(await text(page, '#panel-memory .when'), '−0:01', 'one crosshair for all charts');
    await page.keyboard.press('Escape');
    assert.equal(await text(page, '#panel-cpu .when'), '');
    assert.match(await page.locator('#panel-cpu .plot').getAttribute('aria-label'), /^CPU\. user: /);
    await close();
  });

  test('on a phone nothing sticks out, in either language', async () => {
    for (const locale of ['en-US', 'es-AR']) {
      const { page, seen, close } = await open(chromium, served.url, { viewport: { width: 360, height: 740 }, locale, isMobile: true });
      await sleep(1500);
      assert.equal(await overflows(page), false);
      assert.deepEqual(seen.errors, []);
      await close();
    }
  });

  test('nothing from the address gets into the page', async () => {
    const evil = '<img src=x onerror=alert(1)>';
    const { page, seen, close } = await open(chromium, `${served.url}/?x=${encodeURIComponent(evil)}#/node/${encodeURIComponent(evil)}`);
    await sleep(1500);
    assert.equal(await page.locator('main img').count(), 0);
    assert.ok(!(await page.content()).includes('onerror'));
    assert.deepEqual(seen.errors, []);
    await close();
  });

  test('reduced motion is respected', async () => {
    const { page, close } = await open(chromium, served.url, { reducedMotion: 'reduce' });
    assert.equal(await page.locator('.live').evaluate((element) => getComputedStyle(element, '::before').animationName), 'none');
    await close();
  });

  test('a server that is gone is called stale, with its age; the page goes on by itself when it is back', async () => {
    const doomed = await node('--node', 'doomed');
    const port = new URL(doomed.url).port;
    const { page, close } = await open(chromium, doomed.url);
    await until('live', async () => (await text(page, '#live')) === 'live');
    await doomed.kill();
    await until('stale', async () => /^stale \d+ s$/.test(await text(page, '#live')));
    assert.match(await text(page, '#stale'), /do(es)? not answer/);
    const again = await node('--node', 'doomed', '--listen', `127.0.0.1:${port}`);
    try {
      await until('live again', async () => (await text(page, '#live')) === 'live');
      await until('no banner', async () => !(await page.locator('#stale').isVisible()));
    } finally {
      await close();
      await again.stop();
    }
  });

});
