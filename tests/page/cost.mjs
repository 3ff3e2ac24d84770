// What do ten open browsers cost the node? CPU time of its process without and with them, over windows of the same length.
// usage: node cost.mjs [SECONDS]

import { readFileSync } from 'node:fs';
import { browser, node, open, sleep } from './world.mjs';

const seconds = Number(process.argv[2] ?? 30);
const BROWSERS = 10;
const TICKS = 100;

/** User and system time of a process, in seconds (/proc/PID/stat, fields 14 and 15). */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

async function window(pid) {
  const [began, before] = [performance.now(), cpuSeconds(pid)];
  await sleep(seconds * 1000);
  return (100 * (cpuSeconds(pid) - before)) / ((performance.now() - began) / 1000);
}

const served = await node('--node', 'alone');
const chromium = await browser();
try {
  const without = await window(served.pid);
  const pages = [];
  for (let index = 0; index < BROWSERS; index += 1) pages.push(await open(chromium, served.url));
  await sleep(5000);
  const withThem = await window(served.pid);
  const errors = pages.flatMap(({ seen }) => seen.errors);
  if (errors.length) throw new Error(errors.join('\n'));
  const added = withThem - without;
  console.log(`CPU of the node, in percent of one core, over ${seconds} s each: without a browser ${without.toFixed(2)}, with ${BROWSERS} open ${withThem.toFixed(2)}`);
  console.log(`${BROWSERS} browsers cost ${added.toFixed(2)} % of a core (goal: under 1 %): ${added < 1 ? 'reached' : 'MISSED'}`);
  process.exitCode = added < 1 ? 0 : 1;
} finally {
  await chromium.close();
  await served.stop();
}
