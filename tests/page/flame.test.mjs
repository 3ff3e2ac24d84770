// A flame graph in a real browser: search, zoom and the keyboard, and nothing asked of anybody.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { BINARY, browser } from './world.mjs';

const BEFORE = 'pool;webapp::pool::work;webapp::app::fib::fib;webapp::app::fib::fib 60\npool;webapp::pool::work 20\nwebapp;send_[k] 20\n';
const AFTER = 'pool;webapp::pool::work 10\nwebapp;send_[k] 30\n';

let chromium;
let folder;

before(async () => {
  chromium = await browser();
  folder = mkdtempSync(join(tmpdir(), 'webapp-flame-'));
  const draw = (input, ...words) => execFileSync(BINARY, ['flame', ...words], { input, cwd: folder });
  draw(BEFORE, '--out', 'before.svg');
  draw(AFTER, '--out', 'after.svg');
  draw('', '--compare', 'before.svg', 'after.svg', '--out', 'both.svg');
});

after(async () => {
  await chromium?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The picture of that name, watched: `end` fails where it asked for anything else. */
async function watched(name, width = 1280) {
  const page = await chromium.newPage({ viewport: { width, height: 700 } });
  const asked = [];
  const errors = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('pageerror', (error) => errors.push(error.message));
  const url = pathToFileURL(join(folder, name)).href;
  await page.goto(url);
  const found = () => page.evaluate(() => document.querySelector('.found').textContent);
  const end = async () => {
    assert.deepEqual([asked, errors], [[url], []]);
    await page.close();
  };
  return { page, found, end };
}

test('a search tells the share of what it finds, a recursion once', async () => {
  const { page, found, end } = await watched('before.svg');
  await page.fill('input', 'FIB::fib');
  assert.equal(await found(), 'FIB::fib: 60.0 %');
  await page.fill('input', 'nothing');
  assert.equal(await found(), 'nothing: 0.0 %');
  await page.fill('input', '');
  assert.equal(await found(), '');
  await end();
});

test('a box grows to the whole width by the keyboard alone, and back', async () => {
  const { page, end } = await watched('before.svg');
  const widths = () => page.evaluate(() => Object.fromEntries([...document.querySelectorAll('.box')].map((box) => [
    `${box.dataset.d} ${box.dataset.n}`, box.classList.contains('away') ? 0 : Math.round(box.querySelector('rect').getAttribute('width')),
  ])));
  const focused = () => page.evaluate(() => document.activeElement.dataset.n);
  const whole = 1160;
  assert.equal((await widths())['3 webapp::app::fib::fib'], 0.6 * whole);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'all');
  for (const key of ['ArrowUp', 'ArrowUp', 'ArrowUp', 'Enter']) await page.keyboard.press(key);
  assert.equal(await focused(), 'webapp::app::fib::fib');
  const zoomed = await widths();
  assert.deepEqual([zoomed['0 all'], zoomed['3 webapp::app::fib::fib'], zoomed['1 webapp']], [whole, whole, 0]);
  await page.keyboard.press('Escape');
  assert.equal((await widths())['3 webapp::app::fib::fib'], 0.6 * whole);
  await page.keyboard.press('ArrowDown');
  assert.equal(await focused(), 'webapp::pool::work');
  await end();
});

test('two recordings stand side by side, and a search tells both shares', async () => {
  const { page, found, end } = await watched('both.svg', 1600);
  assert.equal(await page.evaluate(() => document.querySelectorAll('.graph').length), 2);
  await page.fill('input', 'fib');
  assert.equal(await found(), 'fib: 60.0 % before, 0.0 % after');
  const list = await page.evaluate(() => document.querySelector('.list').textContent);
  assert.ok(list.includes('-60.0') && list.includes('+55.0'), list);
  await end();
});
