// For everybody: by rules (axe: names, roles, order, contrast in both themes), and by keyboard alone.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { browser, faults, load, node, open, text, until } from './world.mjs';

/** Presses Tab until the element is reached; every stop on the way must be seen. */
async function tabTo(page, selector, most = 60) {
  for (let press = 0; press < most; press += 1) {
    await page.keyboard.press('Tab');
    const [there, outlined] = await page.evaluate((wanted) => {
      const { activeElement: at } = document;
      return [at.matches(wanted), at === document.body || getComputedStyle(at).outlineStyle !== 'none'];
    }, selector);
    assert.ok(outlined, 'a stop without a visible focus');
    if (there) return;
  }
  assert.fail(`${selector} is not reached by ${most} presses of Tab`);
}

describe('for everybody', () => {
  let chromium;
  let nodes;
  before(async () => {
    chromium = await browser();
    const gone = 'http://127.0.0.1:9';
    const second = await node('--node', 'second', '--pool-threads', '1');
    nodes = [await node('--node', 'first', '--pool-threads', '2', '--peers', `${second.url},${gone}`), second];
  });
  after(async () => {
    await chromium?.close();
    await Promise.all((nodes ?? []).map((one) => one.stop()));
  });

  for (const colorScheme of ['light', 'dark']) {
    for (const [name, view, ready] of [['a node', '#/node/first', '#panel-pool'], ['a cluster with a node gone', '#/cluster', '.card[data-state="gone"]']]) {
      test(`no rule is broken: ${name}, ${colorScheme}`, async () => {
        const { page, close } = await open(chromium, `${nodes[0].url}/${view}`, { colorScheme, locale: colorScheme === 'dark' ? 'es-AR' : 'en-US', reducedMotion: 'reduce' });
        const sleepers = load(`${nodes[0].url}/sleep?seg=1&model=sync`, 6);
        try {
          await page.waitForSelector(ready);
          await until('the pool at work', async () => (await page.locator('[data-saturated]').count()) > 0);
          await page.click('.add summary');
          assert.deepEqual(await faults(page), []);
        } finally {
          sleepers.stop();
          await close();
        }
      });
    }
  }

  test('a table of devices that is wider than its panel is scrolled by keyboard', async () => {
    const { page, close } = await open(chromium, `${nodes[0].url}/#/node/first`, { locale: 'es-AR', reducedMotion: 'reduce' });
    // The longest name that a network interface or a disk of Linux can have, on a machine that has both.
    await page.route(/\/cluster(\?|$)/, async (route) => {
      const told = await (await route.fetch()).json();
      for (const { stats } of told.nodes) {
        if (!stats) continue;
        stats.network = [{ interface: 'enp130s0f1np1_v9', receive_bytes_per_second: 123456789, transmit_bytes_per_second: 123456789, drops_total: 1234567 }];
        stats.disks = [{ device: 'mapper/vg-root-with-a-long-name-1', utilization: 12.5, read_bytes_per_second: 123456789, write_bytes_per_second: 123456789, await_milliseconds: 12.5 }];
      }
      await route.fulfill({ json: told });
    });
    try {
      const panels = ['#panel-disk', '#panel-network'];
      for (const panel of panels) {
        await until(`${panel} wider than its panel`, () => page.locator(`${panel} .scroll`).evaluate((one) => one.scrollWidth > one.clientWidth));
      }
      assert.deepEqual(await faults(page), []);
      for (const panel of panels) {
        const frame = page.locator(`${panel} .scroll`);
        assert.equal(await frame.getAttribute('aria-label'), await page.locator(`${panel} h2`).evaluate((one) => one.firstChild.textContent));
        await frame.focus();
        await page.keyboard.press('ArrowRight');
        await until(`${panel} scrolled`, () => frame.evaluate((one) => one.scrollLeft > 0));
      }
    } finally {
      await close();
    }
  });

  test('everything by keyboard alone: views, language, theme, a load and its end, an address', async () => {
    const { page, seen, close } = await open(chromium, `${nodes[0].url}/#/node/first`);
    await page.waitForSelector('#panel-pool');
    await tabTo(page, 'nav a[href="#/cluster"]');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.card');
    await tabTo(page, '.add summary');
    await page.keyboard.press('Enter');
    await tabTo(page, '#add-url');
    await page.keyboard.type('nonsense:x');
    await page.keyboard.press('Enter');
    assert.equal(await page.getAttribute('#add-url', 'aria-invalid'), 'true');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('#add-url').isVisible(), false);
    await tabTo(page, 'button[lang="es"]');
    await page.keyboard.press('Enter');
    await until('Spanish', async () => (await page.getAttribute('html', 'lang')) === 'es');
    await tabTo(page, '#theme');
    await page.keyboard.press('Space');
    assert.equal(await page.getAttribute('html', 'data-theme'), 'light');
    await tabTo(page, '#lab-endpoint');
    await page.keyboard.type('/sleep');
    await tabTo(page, '#lab-start');
    await page.keyboard.press('Enter');
    await until('answers', async () => /^[1-9]/.test(await text(page, '.lane .small')));
    assert.match(await text(page, '.lane h3'), /^\/sleep/);
    await page.keyboard.press('Enter');
    await until('the end', async () => (await text(page, '#lab-start')) === 'Iniciar');
    await tabTo(page, '.card .name');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#panel-pool');
    assert.deepEqual(seen.errors, []);
    await close();
  });
});
