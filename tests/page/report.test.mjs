// The report of a bench, as a file that is opened: one page without network.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bench, browser, faults, open, overflows } from './world.mjs';

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
    const opened = await open(chromium, measured.page, { ready: 'section.verdict', ...options });
    await opened.page.locator('details').evaluateAll((all) => all.forEach((one) => (one.open = true)));
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

  test('says the verdict first, then draws what it rests on', async () => {
    const { page, close } = await show();
    try {
      assert.equal(await page.locator('h2').first().innerText(), 'Verdict');
      assert.match(await page.locator('.headline').innerText(), /\w/);
      const charts = await page.locator('figure').evaluateAll((all) => all.map((figure) => {
        const drawing = figure.querySelector('svg');
        const { width, height } = drawing.getBoundingClientRect();
        return {
          caption: figure.querySelector('figcaption').textContent.trim(),
          named: Boolean(drawing.getAttribute('aria-label') ?? drawing.querySelector('title')?.textContent),
          large: width > 300 && height > 100,
          marks: drawing.querySelectorAll('circle, path, polyline, rect, polygon').length,
        };
      }));
      assert.ok(charts.length >= 3, JSON.stringify(charts));
      for (const chart of charts) assert.ok(chart.caption && chart.named && chart.large && chart.marks > 2, JSON.stringify(chart));
      // Every run that was made is a row of the last table.
      const claimed = Number.parseInt(await page.locator('details summary', { hasText: 'runs, in order' }).innerText(), 10);
      assert.ok(claimed > 0);
      assert.equal(await page.locator('details', { hasText: 'runs, in order' }).locator('tbody tr').count(), claimed);
    } finally {
      await close();
    }
  });

  for (const colorScheme of ['light', 'dark']) {
    test(`breaks no rule for everybody: ${colorScheme}`, async () => {
      const { page, close } = await show({ colorScheme });
      try {
        assert.deepEqual(await faults(page), []);
      } finally {
        await close();
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
});
