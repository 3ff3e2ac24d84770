// What do ten open browsers cost the node? CPU time of its process without and with them, in windows of the same length
// that take turns, so that whatever else the machine does falls on both.
// usage: node cost.mjs [SECONDS]

import { readFileSync, readdirSync } from 'node:fs';
import { browser, node, open, sleep } from './world.mjs';

const seconds = Number(process.argv[2] ?? 15);
const BROWSERS = 10;
const ROUNDS = 3;

/** CPU time of a process, in seconds: nanoseconds on a CPU of each of its threads (/proc/PID/task/TID/schedstat). */
function cpuSeconds(pid) {
  const times = readdirSync(`/proc/${pid}/task`).map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]));
  return times.reduce((sum, one) => sum + one, 0) / 1e9;
}

async function window(pid) {
  const [began, before] = [performance.now(), cpuSeconds(pid)];
  await sleep(seconds * 1000);
  return (100 * (cpuSeconds(pid) - before)) / ((performance.now() - began) / 1000);
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const listed = (values) => values.map((value) => value.toFixed(2)).join(' ');

const served = await node('--node', 'alone');
const chromium = await browser();
try {
  const [without, withThem, turns] = [[], [], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    without.push(await window(served.pid));
    const pages = [];
    for (let index = 0; index < BROWSERS; index += 1) pages.push(await open(chromium, served.url));
    await sleep(5000);
    const asked = () => pages.reduce((sum, { seen }) => sum + seen.requests.filter((url) => url.includes('/cluster')).length, 0);
    const before = asked();
    withThem.push(await window(served.pid));
    // A page that does not ask costs nothing, and would prove nothing.
    turns.push((asked() - before) / seconds);
    const errors = pages.flatMap(({ seen }) => seen.errors);
    if (errors.length) throw new Error(errors.join('\n'));
    for (const page of pages) await page.close();
    await sleep(2000);
  }
  const added = median(withThem) - median(without);
  console.log(`CPU of the node, in percent of one core, ${ROUNDS} windows of ${seconds} s each: without a browser ${listed(without)}, with ${BROWSERS} open ${listed(withThem)} (they asked ${listed(turns)} times a second)`);
  if (Math.min(...turns) < BROWSERS / 2) throw new Error('the pages did not ask once a second');
  console.log(`${BROWSERS} browsers cost ${added.toFixed(2)} % of a core (medians; goal: under 1 %): ${added < 1 ? 'reached' : 'MISSED'}`);
  process.exitCode = added < 1 ? 0 : 1;
} finally {
  await chromium.close();
  await served.stop();
}
