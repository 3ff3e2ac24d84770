// How soon does the page say it? From the first request of a load, or the death of a node, until the headline names it.
// usage: node quick.mjs

import { browser, cluster, load, node, open, text, until } from './world.mjs';

const ROUNDS = 3;
const GOAL = 3;

/** Seconds until `check` holds, from now. */
async function seconds(what, check) {
  const began = performance.now();
  await until(what, check);
  return (performance.now() - began) / 1000;
}

async function loaded(page, url, many, title) {
  await until('calm', async () => (await text(page, '#limit')) !== title);
  const running = load(url, many);
  try {
    return await seconds(title, async () => (await text(page, '#limit')) === title);
  } finally {
    running.stop();
  }
}

/** Runs `round` a few times, prints one line, and tells whether the mark was kept. */
async function mark(what, round) {
  const times = [];
  for (let index = 0; index < ROUNDS; index += 1) times.push(await round());
  const median = [...times].sort((a, b) => a - b)[ROUNDS >> 1];
  console.log(`${what} after ${times.map((time) => time.toFixed(1)).join(' ')} s, median ${median.toFixed(1)} s (goal: within ${GOAL} s): ${median <= GOAL ? 'reached' : 'MISSED'}`);
  return median <= GOAL;
}

const kept = [];
const chromium = await browser();
const served = await node('--node', 'alone', '--pool-threads', '2');
const lab = cluster(`quick${process.pid}`);
try {
  const alone = await open(chromium, served.url);
  kept.push(await mark('a saturated pool was named', () => loaded(alone.page, `${served.url}/sleep?seg=1&model=sync`, 12, 'The thread pool is the limit')));
  await alone.close();

  const told = await lab.up('--nodes', '2', '--unit-cpu', '25');
  if (told.limited.mechanism === 'none') {
    console.log('a quota of 25 % was not tried: no CPU quota can be had on this machine');
  } else {
    const first = await open(chromium, `${told.nodes[0].url}/#/node/node1`);
    kept.push(await mark('a quota of 25 % was named', () => loaded(first.page, `${told.nodes[0].url}/fib?number=27`, 4, 'The CPU quota is the limit')));
    await first.close();
  }

  const { page, close } = await open(chromium, `${told.target}/`);
  const states = (state, many) => until(`${many} ${state}`, async () => (await page.locator(`.card[data-state="${state}"]`).count()) === many);
  kept.push(await mark('a killed node was named', async () => {
    await states('ready', 2);
    await lab.call('kill', 'node2');
    const time = await seconds('gone', async () => (await text(page, '#limit')) === 'node2 is gone');
    await lab.call('start', 'node2');
    return time;
  }));
  await close();
} finally {
  await chromium.close();
  await served.stop();
  await lab.down();
}
process.exitCode = kept.every(Boolean) ? 0 : 1;
