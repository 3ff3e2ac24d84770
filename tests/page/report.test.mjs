// The report of a bench, as a file that is opened: one page without network.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { BINARY, ROOT, bench, browser, faults, open, overflows, until } from './world.mjs';

const run = promisify(execFile);
const MOST_BYTES = 1_500_000;

/** The report of results that were kept, with as many runs as asked for; `page` is its report.html. */
async function kept(runs) {
  const folder = mkdtempSync(join(tmpdir(), 'webapp-report-'));
  const results = join(folder, 'results');
  cpSync(join(ROOT, 'tests/fixtures/format-1'), results, { recursive: true });
  if (runs) {
    const lines = readFileSync(join(results, 'runs.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    const more = Array.from({ length: runs }, (_, index) => {
      const one = structuredClone(lines[index % lines.length]);
      delete one.repeat;
      return JSON.stringify({ ...one, block: 1 + Math.floor(index / lines.length) });
    });
    writeFileSync(join(results, 'runs.jsonl'), `${more.join('\n')}\n`);
  }
  await run(BINARY, ['report', results], { maxBuffer: 1 << 24 }).catch((error) => {
    // 3: measured, but not valid. The page is the same.
    if (error.code !== 3) throw error;
  });
  const page = join(results, 'report.html');
  return { folder, results, file: page, page: pathToFileURL(page).href, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The report of these results, as if there had been `many` arms (the further ones are copies of the second), each `faster` times as fast. */
async function withArms(page, many, faster = 1) {
  const folder = mkdtempSync(join(tmpdir(), 'webapp-report-'));
  cpSync(dirname(fileURLToPath(page)), folder, { recursive: true });
  const [manifest, runs] = ['manifest.json', 'runs.jsonl'].map((name) => join(folder, name));
  const made = JSON.parse(readFileSync(manifest, 'utf8'));
  const lines = readFileSync(runs, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const second = made.plan.arms[1];
  for (let number = 3; number <= many; number += 1) {
    const name = `${second.name}-${number}`;
    made.plan.arms.push({ ...second, name, label: `many small nodes, and a long name, number ${number}` });
    lines.push(...lines.filter((line) => line.arm === second.name).map((line) => ({ ...line, arm: name })));
  }
  for (const { load } of lines) {
    for (const count of ['requests_total', 'requests_ok', 'throughput_per_second', 'goodput_per_second']) {
      if (typeof load[count] === 'number') load[count] *= faster;
    }
  }
  writeFileSync(manifest, JSON.stringify(made));
  writeFileSync(runs, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
  await run(BINARY, ['report', folder], { maxBuffer: 1 << 24 }).catch((error) => {
    if (error.code !== 3) throw error;
  });
  return { page: pathToFileURL(join(folder, 'report.html')).href, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The words of its charts that lie outside of their drawing, a part of them at least. */
const cutWords = (page) =>
  page.locator('svg.chart').evaluateAll((charts) =>
    charts.flatMap((chart) => {
      const outer = chart.getBoundingClientRect();
      const isCut = ({ left, right, width }) => width > 0 && (left < outer.left - 0.5 || right > outer.right + 0.5);
      return [...chart.querySelectorAll('text')].filter((text) => isCut(text.getBoundingClientRect())).map((text) => text.textContent);
    }),
  );

describe('the report', () => {
  let chromium;
  let measured;
  before(async () => {
    measured = await bench();
    chromium = await browser();
  });
  after(async () => {
    await chromium?.close();
    measured?.remove();
  });

  // With everything unfolded.
  const show = async (options = {}) => {
    const opened = await open(chromium, measured.page, { ready: '#answer', ...options });
    if (options.javaScriptEnabled !== false) {
      await opened.page.locator('details').evaluateAll((all) => all.forEach((one) => (one.open = true)));
      await opened.page.waitForSelector('#runs tbody tr');
    }
    return opened;
  };

  test('asks nobody for anything, and has nothing to complain of', async () => {
    const { page, seen, close } = await show();
    try {
      assert.deepEqual(seen.requests.filter((url) => url !== measured.page && !url.startsWith('data:')), []);
      assert.deepEqual(seen.errors, []);
    } finally {
      await close();
    }
  });

  test('answers on the first screen: the question, what came out, how sure, what stopped each', async () => {
    const { page, close } = await show();
    try {
      for (const part of ['.question', '#loud-answer', '.class .chip', '.hero .evidence', '.kpis', '.stopped .map']) {
        const box = await page.locator(part).first().boundingBox();
        assert.ok(box && box.height > 0 && box.y + box.height <= 900, `${part} is not on the first screen: ${JSON.stringify(box)}`);
      }
      assert.equal(await page.locator('.stop').count(), 2, 'both arms');
    } finally {
      await close();
    }
  });

  for (const javaScriptEnabled of [true, false]) {
    test(`shows every arm on a phone, without scrolling sideways: ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async () => {
      const many = await withArms(measured.page, 4);
      const { page, close } = await open(chromium, many.page, { ready: '#answer', viewport: { width: 390, height: 844 }, javaScriptEnabled });
      try {
        const frame = page.locator('.each .scroll');
        const [inner, outer] = await frame.evaluate((one) => [one.scrollWidth, one.clientWidth]);
        assert.ok(inner <= outer, `${inner} px in ${outer} px`);
        assert.equal(await overflows(page), false);
        const arms = await frame.getByRole('row').filter({ has: page.getByRole('rowheader') }).all();
        assert.equal(arms.length, 4);
        for (const arm of arms) {
          const told = await arm.getByRole('cell').allInnerTexts();
          assert.match(told.at(-1), /^stopped by\s+\S/, JSON.stringify(told));
          assert.match(told[0], /^correct answers, \/s\s+\S/, JSON.stringify(told));
        }
        if (javaScriptEnabled) assert.deepEqual(await faults(page), []);
      } finally {
        await close();
        many.remove();
      }
    });
  }

  test('draws what it rests on, and every run is a row', async () => {
    const { page, close } = await show();
    try {
      const charts = await page.locator('figure.answers').evaluateAll((all) => all.map((figure) => {
        const drawing = figure.querySelector('svg');
        const { width, height } = drawing.getBoundingClientRect();
        return {
          caption: figure.querySelector('figcaption').textContent.trim(),
          named: document.getElementById(drawing.getAttribute('aria-labelledby'))?.textContent.length > 20,
          large: width > 300 && height > 100,
          marks: drawing.querySelectorAll('circle, path').length,
        };
      }));
      assert.ok(charts.length >= 3, JSON.stringify(charts));
      for (const chart of charts) assert.ok(chart.caption && chart.named && chart.large && chart.marks > 2, JSON.stringify(chart));
      const claimed = Number.parseInt(await page.locator('#runs summary').textContent(), 10);
      assert.ok(claimed > 0);
      assert.equal(await page.locator('#runs tbody tr').count(), claimed);
    } finally {
      await close();
    }
  });

  for (const colorScheme of ['light', 'dark']) {
    for (const locale of ['en-US', 'es-AR']) {
      test(`breaks no rule for everybody: ${colorScheme}, ${locale}`, async () => {
        const { page, close } = await show({ colorScheme, locale });
        try {
          assert.equal(await page.evaluate(() => document.documentElement.lang), locale.slice(0, 2));
          assert.deepEqual(await faults(page), []);
          await page.locator('table a[href^="#runs-"]').first().click();
          await page.waitForSelector('dialog[open] .detail');
          assert.deepEqual(await faults(page), []);
        } finally {
          await close();
        }
      });
    }
  }

  test('speaks Spanish where it is asked to, with a decimal comma', async () => {
    const { page, close } = await show();
    try {
      assert.match(await page.locator('#limits h2').innerText(), /What stopped it/);
      await page.locator('label[for="language-es"]').click();
      assert.match(await page.locator('#limits h2').innerText(), /Qué lo detuvo/);
      assert.match(await page.locator('.question').innerText(), /¿un nodo grande/);
      assert.match(await page.title(), /^Con la misma CPU: ¿un nodo grande/);
      assert.equal(await page.locator('nav').getAttribute('aria-label'), 'Secciones');
      assert.doesNotMatch(await page.locator('.kpis').innerText(), /\d\.\d\s%/);
      const english = await page.locator('main [lang="en"]').evaluateAll((all) => all.filter((one) => one.checkVisibility()).map((one) => one.textContent));
      // What others wrote stays as it was written: a run's own reasons, and the words of a file of prices.
      const written = [new URL('runs.jsonl', measured.page), join(ROOT, 'docs/prices-example.json')].map((file) => readFileSync(file, 'utf8')).join('');
      const theirs = (text) => text.split('; ').every((part) => written.includes(JSON.stringify(part).slice(1, -1)));
      assert.deepEqual(english.filter((text) => !theirs(text)), [], 'what is not in Spanish');
      await page.reload();
      assert.match(await page.locator('#limits h2').innerText(), /Qué lo detuvo/, 'it is remembered');
    } finally {
      await close();
    }
  });

  test('the keyboard alone reaches every value of every chart', async () => {
    const { page, close } = await show();
    try {
      for (const figure of await page.locator('figure.answers').all()) {
        const places = await figure.locator('.readings').evaluate((data) =>
          new Set(JSON.parse(data.textContent).flatMap(([, , points]) => points.map(([x]) => x))).size);
        if (places === 0) continue;
        await figure.locator('.plot').focus();
        await page.keyboard.press('Home');
        const told = new Set([await figure.locator('.tip').innerText()]);
        for (let step = 1; step < places; step += 1) {
          await page.keyboard.press('ArrowRight');
          told.add(await figure.locator('.tip').innerText());
        }
        assert.ok(told.size > places / 2, `${places} places, ${told.size} texts`);
        const last = await figure.locator('.tip').innerText();
        await page.keyboard.press('End');
        assert.equal(await figure.locator('.tip').innerText(), last);
      }
    } finally {
      await close();
    }
  });

  test('a point opens its runs, and an arm can be switched off', async () => {
    const { page, close } = await show();
    try {
      const figure = page.locator('#throughput figure.answers').first();
      await figure.locator('.plot').focus();
      await page.keyboard.press('End');
      assert.match(await figure.locator('.tip').innerText(), /\/s .*blocks?; limit/s);
      await page.keyboard.press('Enter');
      const dialog = page.locator('dialog[open]');
      await dialog.waitFor();
      assert.ok((await dialog.locator('tbody tr').count()) > 0);
      assert.ok((await dialog.locator('.small-chart').count()) > 0, 'second by second');
      assert.ok((await dialog.locator('.spread rect').count()) > 1, 'response times');
      await page.keyboard.press('Escape');
      assert.equal(await page.evaluate(() => document.activeElement.className), 'plot');
      const box = figure.locator('.legend input').last();
      const group = await box.getAttribute('data-s');
      assert.ok(await figure.locator(`g[data-s="${group}"]`).first().isVisible());
      await box.uncheck();
      assert.ok(!(await figure.locator(`g[data-s="${group}"]`).first().isVisible()));
    } finally {
      await close();
    }
  });

  test('figures of the first screen and of the tables lead to their runs', async () => {
    const { page, close } = await show();
    try {
      for (const place of ['.kpis', '#throughput table', '#latency table']) {
        const link = page.locator(`${place} a[href^="#runs-"]`).first();
        await link.focus();
        await page.keyboard.press('Enter');
        await page.locator('dialog[open] tbody tr').first().waitFor();
        await page.keyboard.press('Escape');
        assert.ok(await link.evaluate((element) => element === document.activeElement), `back at ${place}`);
      }
    } finally {
      await close();
    }
  });

  test('sections that are not yet drawn are reached, found and printed', async () => {
    const { page, close } = await open(chromium, measured.page, { ready: '#answer' });
    try {
      await page.locator('nav a[href="#manifest"]').click();
      const top = () => page.locator('#manifest').evaluate((section) => section.getBoundingClientRect().top);
      await until('the section in view', async () => (await top()) < (await page.evaluate(() => innerHeight)) - 100);
      assert.ok(await page.evaluate(() => globalThis.find('Universal Scalability')), 'found by a search in the page');
      await page.emulateMedia({ media: 'print' });
      const hidden = await page.locator('.panel').evaluateAll((all) => all.filter((panel) => getComputedStyle(panel).contentVisibility !== 'visible').length);
      assert.equal(hidden, 0);
    } finally {
      await close();
    }
  });

  test('a table is sorted by its head, both ways', async () => {
    const { page, close } = await show();
    try {
      const column = () => page.locator('#throughput tbody tr td:nth-child(3)').allInnerTexts();
      const head = page.locator('#throughput thead th').nth(2);
      await head.locator('button').click();
      assert.equal(await head.getAttribute('aria-sort'), 'ascending');
      const up = (await column()).map((text) => Number.parseFloat(text.replace(/[^\d.]/g, '')));
      assert.deepEqual(up, [...up].sort((a, b) => a - b));
      await head.locator('button').click();
      assert.equal(await head.getAttribute('aria-sort'), 'descending');
    } finally {
      await close();
    }
  });

  test('without JavaScript everything that matters is there', async () => {
    const { page, close } = await show({ javaScriptEnabled: false });
    try {
      assert.ok(await page.locator('#loud-answer').isVisible());
      assert.ok((await page.locator('figure.answers svg .mark').count()) > 3);
      await page.locator('label[for="language-es"]').click();
      assert.match(await page.locator('#limits h2').innerText(), /Qué lo detuvo/);
      const link = page.locator('table a[href^="#runs-"]').first();
      await link.click();
      assert.match(page.url(), /#runs-\d+$/);
    } finally {
      await close();
    }
  });

  for (const width of [390, 500, 768]) {
    test(`cuts no word of a chart at ${width} px, with figures of six digits`, async () => {
      const fast = await withArms(measured.page, 2, 3000);
      const { page, close } = await open(chromium, fast.page, { ready: '#answer', viewport: { width, height: 844 } });
      try {
        await page.locator('details').evaluateAll((all) => all.forEach((one) => (one.open = true)));
        assert.match(await page.locator('figure.answers svg.chart').first().textContent(), /\d\d,000/);
        for (const language of ['en', 'es']) {
          await page.locator(`label[for="language-${language}"]`).click();
          assert.deepEqual(await cutWords(page), []);
        }
      } finally {
        await close();
        fast.remove();
      }
    });
  }

  // WCAG 1.4.10 (reflow) and 1.4.4 (resize text).
  for (const [what, width, size] of [['the narrowest phone', 320, '100%'], ['text of twice the size', 1280, '200%']]) {
    test(`is never scrolled sideways: ${what}`, async () => {
      const { page, close } = await show({ viewport: { width, height: 740 } });
      try {
        await page.evaluate((wanted) => (document.documentElement.style.fontSize = wanted), size);
        assert.equal(await overflows(page), false);
      } finally {
        await close();
      }
    });
  }

  test('fits a printed page', async () => {
    const { page, close } = await show({ viewport: { width: 700, height: 1000 } });
    try {
      await page.emulateMedia({ media: 'print' });
      assert.equal(await overflows(page), false);
      assert.ok(!(await page.locator('#bar').isVisible()));
    } finally {
      await close();
    }
  });
});

test('a report of 500 runs is small, and opens at once', async (context) => {
  const large = await kept(500);
  const chromium = await browser();
  try {
    const bytes = statSync(fileURLToPath(large.page)).size;
    assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`);
    const { page, close } = await open(chromium, large.page, { ready: '#answer' });
    const took = await page.evaluate(() => performance.getEntriesByType('navigation')[0].loadEventEnd);
    // Said, not judged: machines differ.
    context.diagnostic(`${bytes} bytes, loaded after ${took.toFixed(0)} ms (goal: 300 ms)`);
    await page.waitForSelector('#runs tbody tr', { state: 'attached' });
    assert.equal(await page.locator('#runs tbody tr').count(), 500);
    await close();
  } finally {
    await chromium.close();
    large.remove();
  }
});

describe('--open', () => {
  let report;
  before(async () => {
    report = await kept();
  });
  after(() => report?.remove());

  /** Runs `webapp report --open` where this script stands for the desktop's xdg-open; `null`: there is none. */
  async function opened(script) {
    const programs = join(report.folder, 'programs');
    rmSync(programs, { recursive: true, force: true });
    mkdirSync(programs);
    if (script) writeFileSync(join(programs, 'xdg-open'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const { code = 0, stderr } = await run(BINARY, ['report', report.results, '--open'], { env: { PATH: programs }, maxBuffer: 1 << 24 }).catch((error) => error);
    return { code, stderr };
  }

  test('hands report.html to the desktop', async () => {
    const asked = join(report.folder, 'asked');
    const { stderr } = await opened(`printf %s "$1" > '${asked}'`);
    assert.equal(readFileSync(asked, 'utf8'), report.file, stderr);
    assert.ok(existsSync(report.file));
  });

  test('does not wait for a browser that stays, and does not end it', async () => {
    const number = join(report.folder, 'pid');
    const { stderr } = await opened(`echo $$ > '${number}'; exec /bin/sleep 600`);
    const pid = Number(await until('its number', () => readFileSync(number, 'utf8').trim()));
    assert.equal(stderr, '');
    assert.ok(process.kill(pid, 0), 'it still runs');
    process.kill(pid);
  });

  test('says so where nothing can show it', async () => {
    const failing = await opened('exit 3');
    assert.equal(failing.code, 1);
    assert.match(failing.stderr, /xdg-open could not show .*report\.html .*open it yourself/);
    const none = await opened(null);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /neither xdg-open nor open here: open .*report\.html yourself/);
  });
});
