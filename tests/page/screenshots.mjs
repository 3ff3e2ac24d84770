// Takes the pictures of the README: node and cluster under load, on the real thing. For a machine with nothing else to do.
// usage: node screenshots.mjs FOLDER [node|lab|cluster]

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { browser, cluster, load, node, open, sleep, text, until } from './world.mjs';

const folder = process.argv[2];
mkdirSync(folder, { recursive: true });
const shot = async (page, name) => {
  await page.mouse.move(0, 0);
  // Nothing half-way through a transition.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  console.log(`  ${join(folder, name)}.png`);
};

/** Five minutes fill a chart: each spell is as long as this many seconds say. */
const spell = async (seconds, url, many) => {
  const running = url ? load(url, many) : null;
  await sleep(seconds * 1000);
  return running;
};

async function nodePictures(chromium) {
  const alone = await node('--node', 'node1', '--model', 'sync', '--pool-threads', '16', '--pool-queue', '64');
  try {
    await spell(20);
    (await spell(40, `${alone.url}/fib?number=24`, 6)).stop();
    await spell(12);
    (await spell(40, `${alone.url}/io?mb=8`, 3)).stop();
    await spell(12);
    const sleepers = await spell(45, `${alone.url}/sleep?seg=0.8`, 60);
    const first = await open(chromium, alone.url);
    await until('the pool', async () => /thread pool/.test(await text(first.page, '#limit')));
    await sleep(2500);
    await shot(first.page, 'node');
    await first.close();
    const phone = await open(chromium, alone.url, { viewport: { width: 390, height: 844 }, locale: 'es-AR', colorScheme: 'dark', isMobile: true });
    await sleep(2500);
    await shot(phone.page, 'node-phone-es-dark');
    await phone.close();
    sleepers.stop();
  } finally {
    await alone.stop();
  }
}

async function labPicture(chromium) {
  const few = await node('--node', 'node1', '--pool-threads', '2');
  try {
    const { page, close } = await open(chromium, few.url);
    await page.click('#lab-compare');
    await until('an end', async () => (await page.locator('#lab-verdict:not(:empty)').count()) === 1);
    await page.locator('#panel-lab').screenshot({ path: join(folder, 'sync-async.png') });
    console.log(`  ${join(folder, 'sync-async')}.png`);
    await close();
  } finally {
    await few.stop();
  }
}

async function clusterPictures(chromium) {
  const lab = cluster(`shots${process.pid}`);
  try {
    const told = await lab.up('--nodes', '4', '--unit-cpu', '25');
    await spell(20);
    const visitors = await spell(75, `${told.target}/fib?number=24`, 12);
    const light = await open(chromium, `${told.target}/`);
    // A page that opens takes the CPU for a moment, from the nodes beside it.
    await sleep(5000);
    await until('the quota', async () => /quota is the limit on/.test(await text(light.page, '#limit')));
    await shot(light.page, 'cluster');
    await light.close();
    const dark = await open(chromium, `${told.target}/`, { colorScheme: 'dark' });
    await sleep(5000);
    await lab.call('kill', 'node3');
    await until('gone', async () => /gone/.test(await text(dark.page, '#limit')));
    await sleep(35_000);
    await shot(dark.page, 'cluster-node-gone-dark');
    await dark.close();
    visitors.stop();
  } finally {
    await lab.down();
  }
}

const all = { node: nodePictures, lab: labPicture, cluster: clusterPictures };
const wanted = process.argv[3] ? [all[process.argv[3]]] : Object.values(all);
const chromium = await browser();
try {
  for (const take of wanted) await take(chromium);
} finally {
  await chromium.close();
}
