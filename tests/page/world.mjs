// What the tests share: the real binary, the real cluster, a real Chromium, and a watch over what the page does.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

export const ROOT = resolve(import.meta.dirname, '../..');
export const BINARY = process.env.WEBAPP_BIN ?? join(ROOT, 'target/release/webapp');
const run = promisify(execFile);

/** Generous, since machines differ: what must be quick is measured and printed, not judged by a clock. */
export const PATIENCE = 30_000;

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Waits until `check` gives something true, and gives it back. */
export async function until(what, check, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${patience / 1000} s: ${what}`);
    await sleep(100);
  }
}

// A node that a failed test left alone must not keep the whole run waiting (it is not waited for: unref), nor outlive it.
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** A node of its own. `stop()` ends it; `kill()` as an accident would. */
export async function node(...args) {
  const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
  const child = spawn(BINARY, ['serve', ...listen, '--log-level', 'error', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => child.once('exit', done));
  const line = await new Promise((done, failed) => {
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
      if (text.includes('\n')) done(text.split('\n')[0]);
    });
    child.once('exit', (code) => failed(new Error(`webapp serve ended with ${code}`)));
    child.once('error', failed);
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.unref();
  child.stdout.unref();
  const signal = async (name) => {
    child.ref();
    child.kill(name);
    await ended;
  };
  return { url: line.replace('listening on ', ''), pid: child.pid, term: () => child.kill('SIGTERM'), kill: () => signal('SIGKILL'), stop: () => signal('SIGKILL') };
}

/** GET; gives status, headers and body. */
export function get(url, headers = {}) {
  return new Promise((done, failed) => {
    const request = http.get(url, { headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (data) => (body += data));
      response.on('end', () => done({ status: response.statusCode, headers: response.headers, body }));
    });
    request.on('error', failed);
  });
}

/** Keeps `many` requests to `url` under way until `stop()`. */
export function load(url, many) {
  let on = true;
  const agent = new http.Agent({ keepAlive: true, maxSockets: many });
  const one = () => new Promise((done) => {
    const request = http.get(url, { agent }, (response) => response.resume().on('end', done).on('error', done));
    request.on('error', () => setTimeout(done, 100));
  });
  const worker = async () => {
    while (on) await one();
  };
  Array.from({ length: many }, worker);
  return {
    stop() {
      on = false;
      agent.destroy();
    },
  };
}

/** scripts/cluster.sh, for one cluster of ours. */
export function cluster(name) {
  const state = mkdtempSync(join(tmpdir(), 'webapp-page-'));
  const call = async (command, ...args) => {
    const options = { env: { ...process.env, WEBAPP_BIN: BINARY, WEBAPP_STATE_DIR: state }, maxBuffer: 1 << 22 };
    return (await run(join(ROOT, 'scripts/cluster.sh'), [command, '--name', name, ...args], options)).stdout;
  };
  return {
    up: async (...args) => JSON.parse(await call('up', ...args)),
    call,
    /** An autoscaler for it, until the function that this gives is called. */
    autoscale(...args) {
      const env = { ...process.env, WEBAPP_BIN: BINARY, WEBAPP_STATE_DIR: state };
      const child = spawn(BINARY, ['autoscale', '--driver', join(ROOT, 'scripts/cluster.sh'), '--name', name, ...args], { env, stdio: 'ignore' });
      const ended = new Promise((done) => child.once('exit', done));
      return async () => {
        child.kill('SIGINT');
        await ended;
      };
    },
    async down() {
      await call('down');
      rmSync(state, { recursive: true, force: true });
    },
  };
}

/** A bench as short as it can be, in a folder of its own; `page` is its report.html. */
export async function bench() {
  const folder = mkdtempSync(join(tmpdir(), 'webapp-bench-'));
  const out = join(folder, 'results');
  const port = await freePort();
  const quota = process.getuid() === 0 ? [] : ['--unit-cpu', 'none'];
  const shortest = ['--units', '1,2', '--repeats', '1', '--window', '500ms', '--fractions', '0.6', ...quota];
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    await run(BINARY, ['bench', '--driver', join(ROOT, 'scripts/cluster.sh'), '--out', out, ...shortest, '--', '--port', port], {
      env: { ...process.env, WEBAPP_BIN: BINARY, WEBAPP_STATE_DIR: join(folder, 'state') },
      maxBuffer: 1 << 22,
    });
  } catch (error) {
    // 3: measured, but other tests used the machine meanwhile. The report is the same, and says so.
    if (error.code !== 3) {
      remove();
      throw error;
    }
  }
  return { page: pathToFileURL(join(out, 'report.html')).href, remove };
}

const freePort = () => new Promise((done, failed) => {
  const server = http.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(String(port)));
  });
  server.on('error', failed);
});

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const browser = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });

/**
 * A page at `url`, once `ready` is there, watched: `seen.errors` (console errors, uncaught exceptions), `seen.requests` (every address asked for).
 * `options` are Playwright's for a context.
 */
export async function open(from, url, { ready = '#limit', ...options } = {}) {
  const context = await from.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US', colorScheme: 'light', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const seen = { errors: [], requests: [] };
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && seen.errors.push(message.text()));
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  page.on('request', (request) => seen.requests.push(request.url()));
  page.on('requestfailed', (request) => {
    if (!request.failure()?.errorText.includes('ERR_ABORTED')) seen.errors.push(`${request.url()}: ${request.failure()?.errorText}`);
  });
  await page.goto(url);
  await page.waitForSelector(ready);
  return { page, seen, close: () => context.close() };
}

export const text = (page, selector) => page.locator(selector).first().innerText();

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds wrong with the page as it is now: one line a rule and place. */
export async function faults(page) {
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  assert.ok(passes.length > 10, 'axe looked at nothing');
  return violations.flatMap(({ id, nodes }) => nodes.map((one) => `${id}: ${one.target.join(' ')} ${one.any[0]?.message ?? one.failureSummary}`));
}

/** Does the page ever need to be scrolled sideways? */
export const overflows = (page) => page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1);
