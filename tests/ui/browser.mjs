// What every test of the page needs: the list of claims, the page at a place, its verdict, and whether it can be read.

import assert from 'node:assert/strict';

export const URL_BASE = process.env.TRIBUNAL_URL;
export const VERDICT_MS = 90_000; // a loaded machine compiles slowly; a verdict later than this is a failure

const ONLY = process.argv[3] ?? '';
export const tests = [];

/** Registers a claim, unless others were asked for by a word. */
export const test = (name, body) => { if (name.includes(ONLY)) tests.push([name, body]); };

/** Opens the page, and waits until the service knows a language. */
export async function open(page, hash = '') {
  await page.goto(new URL(hash, URL_BASE).href);
  // A worker may still be registering its languages.
  await page.waitForFunction(() => [...document.querySelectorAll('#language option')].some((option) => !option.disabled), null, { timeout: 60_000 });
}

/** Waits for the verdict, which is `code`. */
export async function verdict(page, code) {
  await page.waitForFunction(() => document.querySelector('[data-testid=verdict]')?.dataset.verdict, null, { timeout: VERDICT_MS });
  await page.getByTestId('facts').waitFor();
  assert.equal(await page.getByTestId('verdict').getAttribute('data-verdict'), code, await page.getByTestId('view-result').innerText());
}

/**
 * Light and dark, wide and narrow: text has the contrast WCAG 2.1 asks for (1.4.3: 4.5 to 1, large text 3), and nothing is
 * wider than the window. The pictures are to be looked at.
 */
export async function readable(page, shot, name) {
  for (const [colorScheme, width] of [['light', 1280], ['dark', 1280], ['dark', 390], ['light', 390]]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: width > 640 ? 860 : 844 });
    await shot(`${name}-${colorScheme}-${width}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `${name}: ${overflow} px too wide for ${width} px`);
    assert.deepEqual(await page.evaluate(faint), [], `${name}, ${colorScheme}: too faint`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 860 });
}

// In the page: visible text whose colour is too near its ground's.
function faint() {
  const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const over = (below, colour) => {
    paint.fillStyle = `rgb(${below.join()})`;
    paint.fillRect(0, 0, 1, 1);
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => over(node.parentElement ? ground(node.parentElement) : [255, 255, 255], getComputedStyle(node).backgroundColor);
  const found = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].filter((child) => child.nodeType === Node.TEXT_NODE).map((child) => child.textContent).join('').trim();
    const style = getComputedStyle(node);
    const hidden = own === '' || !node.checkVisibility({ visibilityProperty: true }) || node.closest('.visually-hidden, .skip, option, :disabled, .painted, .paint, .gutter');
    if (hidden) continue;
    const below = ground(node);
    const [a, b] = [light(over(below, style.color)), light(below)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) found.push(`${contrast.toFixed(2)} ${own.slice(0, 40)}`);
  }
  return found;
}
