// Takes the pictures of the README: node and cluster under load, on the real thing. usage: node screenshots.mjs FOLDER

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { browser, cluster, load, node, open, sleep, text, until } from './world.mjs';

const folder = process.argv[2];
mkdirSync(folder, { recursive: true });
const shot = async (page, name) => {
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  console.log(`  ${join(folder, name)}.png`);
};

const chromium = await browser();
const alone = await node('--node', 'node1', '--model', 'sync', '--pool-threads', '16', '--pool-queue', '64');
const lab = cluster(`shots${process.pid}`);
try {
  const told = await lab.up('--nodes', '4', '--unit-cpu', '25');
  await sleep(15_000);

  // A pool that is full of sleepers, after a spell of computing.
  const burners = load(`${alone.url}/fib?number=24`, 6);
  await sleep(20_000);
  burners.stop();
  const sleepers = load(`${alone.url}/sleep?seg=0.8`, 60);
  await sleep(25_000);
  const first = await open(chromium, alone.url, { viewport: { width: 1440, height: 900 } });
  await until('the pool', async () => /thread pool/.test(await text(first.page, '#limit')));
  await first.page.waitForTimeout(2500);
  await shot(first.page, 'node');
  await first.close();
  const spanish = await open(chromium, alone.url, { viewport: { width: 390, height: 844 }, locale: 'es-AR', colorScheme: 'dark', isMobile: true });
  await spanish.page.waitForTimeout(2500);
  await shot(spanish.page, 'node-phone-es-dark');
  await spanish.close();
  sleepers.stop();
  await sleep(3000);

  const side = await open(chromium, alone.url);
  await side.page.selectOption('#lab-seconds', '10');
  await side.page.click('#lab-compare');
  await until('an end', async () => /ended/.test(await text(side.page, '#lab-status')));
  await side.page.locator('#panel-lab').screenshot({ path: join(folder, 'sync-async.png') });
  console.log(`  ${join(folder, 'sync-async')}.png`);
  await side.close();

  const visitors = load(`${told.target}/fib?number=24`, 12);
  await sleep(40_000);
  const light = await open(chromium, `${told.target}/`, { viewport: { width: 1440, height: 900 } });
  await light.page.waitForTimeout(4000);
  await shot(light.page, 'cluster');
  await light.close();
  await lab.call('kill', 'node3');
  await sleep(12_000);
  const dark = await open(chromium, `${told.target}/`, { viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });
  await until('gone', async () => /gone/.test(await text(dark.page, '#limit')));
  await dark.page.waitForTimeout(2500);
  await shot(dark.page, 'cluster-node-gone-dark');
  await dark.close();
  visitors.stop();
} finally {
  await chromium.close();
  await alone.stop();
  await lab.down();
}
