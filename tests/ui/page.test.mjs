// The page in a real Chromium, against a running service: TRIBUNAL_URL=http://127.0.0.1:8080/ TRIBUNAL_TEST_ADMIN=trb_…
// TRIBUNAL_TEST_WORKER_TOKEN_FILE=…/worker.token node page.test.mjs DIR [WORD] writes screenshots to DIR and runs the
// tests whose names have WORD. It gives orders to the workers of that service and ends them again. Each test is a claim; the last line has the form of `cargo test`, so one counter reads both.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { URL_BASE, VERDICT_MS, open, readable, test, tests, verdict } from './browser.mjs';
import { Operator } from './operator.mjs';
import { zip } from './zip.mjs';

const PICTURES = process.argv[2] ?? 'screenshots';
const CPP_OK = '#include <iostream>\nint main() {\n    long long a, b;\n    while (std::cin >> a >> b) std::cout << a + b << "\\n";\n}\n';
const PYTHON_WRONG = 'import sys\nfor line in sys.stdin:\n    print("wrong")\n';
const CPP_BROKEN = 'int main() {\n    broken;\n    return 0\n}\n';

const BISECT = await readFile(new URL('../problems/bisect/submissions/accepted/halves.py', import.meta.url), 'utf8');


test('the_problem_shows_its_statement_limits_and_samples', async ({ page, shot }) => {
  await open(page);
  await page.getByTestId('problem').selectOption('aplusb');
  await page.waitForURL(/#\/problems\/aplusb$/);
  assert.match(await page.getByTestId('limits').innerText(), /CPU time[\s\S]*Memory/);
  assert.ok(await page.getByTestId('sample').count() > 0, 'a sample is shown');
  await shot('problem');
});

test('a_right_cpp_program_is_accepted_and_its_cases_arrive_one_by_one', async ({ page, shot, seen }) => {
  await fillForm(page, 'cpp', CPP_OK);
  await recordRows(page);
  await page.getByTestId('submit').click();
  await page.waitForURL(/#\/submissions\//);
  await verdict(page, 'AC');
  const decided = page.locator('[data-testid=test-row].decided');
  assert.ok(await decided.count() >= 2, 'every case has a row');
  for (const row of await decided.all()) assert.equal(await row.getAttribute('data-verdict'), 'AC');
  assert.ok(await decided.first().getByRole('meter').count() >= 1, 'cpu time or memory stands against its limit');
  const heights = await page.evaluate(() => window.rowsSeen);
  assert.ok(seen.streams > 0, 'live events were used');
  assert.ok(heights.length > 0 && heights[0] < await decided.count(), `a first case was shown before the last was known: ${heights}`);
  for (const part of ['queue', 'compile', 'run', 'check']) assert.match(await page.getByTestId(`timing-${part}`).innerText(), /\d/);
  await shot('accepted');
});

test('a_wrong_python_program_gets_wa_and_says_so_aloud', async ({ page, shot }) => {
  await fillForm(page, 'python3', PYTHON_WRONG);
  await page.getByTestId('code').press('Control+Enter');
  await verdict(page, 'WA');
  await page.waitForFunction(() => document.getElementById('announce').textContent.includes('wrong answer'));
  assert.ok(await page.locator('[data-testid=test-row][data-verdict=WA]').count() >= 1);
  await shot('wrong-answer');
});

test('a_compile_error_shows_the_compilers_words', async ({ page, shot }) => {
  await fillForm(page, 'cpp', CPP_BROKEN);
  await page.getByTestId('submit').click();
  await verdict(page, 'CE');
  await page.getByTestId('compile-log').waitFor({ state: 'visible' });
  assert.match(await page.getByTestId('compile-log').innerText(), /broken/);
  await shot('compile-error');
});

test('a_verdict_survives_a_reload_and_stands_in_the_recent_list', async ({ page }) => {
  await page.reload();
  await verdict(page, 'CE');
  const recent = page.getByTestId('recent').locator('a');
  assert.ok(await recent.count() >= 3, 'three submissions are listed');
  await recent.nth(2).click();
  await verdict(page, 'AC');
});

test('an_uploaded_file_chooses_its_language', async ({ page }) => {
  await open(page, '#/problems/aplusb');
  await page.getByTestId('language').selectOption('cpp');
  await page.getByTestId('file').setInputFiles({ name: 'sum.py', mimeType: 'text/x-python', buffer: Buffer.from('print(sum(map(int, input().split())))\n') });
  await page.waitForFunction(() => document.getElementById('language').value === 'python3');
  assert.match(await page.getByTestId('code').inputValue(), /sum\(map/);
});

test('a_variant_of_a_language_is_not_guessed_from_a_files_name', async ({ page }) => {
  const language = (id, more) => ({ id, name: id, version: null, extensions: ['py'], image: null, image_kind: 'oci', compile: null, run: [id], usable: true, reason: null, ...more });
  const told = [language('cpp', { extensions: ['cpp'] }), language('pypy3', { variant_of: 'python3' }), language('python3')];
  await page.route('**/api/v1/languages', (route) => route.fulfill({ json: told }));
  await open(page, '#/problems/aplusb');
  await page.getByTestId('language').selectOption('cpp');
  await page.getByTestId('file').setInputFiles({ name: 'sum.py', mimeType: 'text/x-python', buffer: Buffer.from('print(1)\n') });
  await page.waitForFunction(() => document.getElementById('language').value !== 'cpp');
  assert.equal(await page.getByTestId('language').inputValue(), 'python3');
});

test('the_template_of_each_language_is_a_program_that_is_accepted', async ({ page }) => {
  for (const language of ['cpp', 'python3']) {
    await open(page, '#/problems/aplusb');
    await page.getByTestId('language').selectOption(language);
    await page.getByTestId('template').click();
    await page.getByTestId('submit').click();
    await verdict(page, 'AC');
  }
});

test('what_a_program_writes_is_shown_as_text_and_never_as_markup', async ({ page }) => {
  await fillForm(page, 'cpp', '#error <img src=x onerror="window.owned=1"><script>window.owned=1</script>\n');
  await page.getByTestId('submit').click();
  await verdict(page, 'CE');
  assert.match(await page.getByTestId('compile-log').innerText(), /<img src=x/);
  assert.equal(await page.getByTestId('view-result').locator('img, script').count(), 0);
  assert.equal(await page.evaluate(() => window.owned), undefined);
});

test('the_editor_colours_code_and_still_sends_what_was_typed', async ({ page, shot }) => {
  await open(page, '#/problems/aplusb');
  await page.getByTestId('language').selectOption('cpp');
  await page.getByTestId('template').click();
  const source = await page.getByTestId('code').inputValue();
  const paint = page.getByTestId('paint');
  const drawnAs = (text) => page.waitForFunction((text) => document.getElementById('paint').textContent === text, text);
  await drawnAs(`${source}\n`);
  assert.ok(await paint.locator('.code-keyword').count() > 3);
  const [typed, drawn] = await page.evaluate(() => ['code', 'paint'].map((id) => {
    const style = getComputedStyle(document.getElementById(id));
    return [style.fontFamily, style.fontSize, style.lineHeight, style.paddingTop, style.paddingLeft, style.tabSize];
  }));
  assert.deepEqual(drawn, typed, 'colours stand where the text stands');
  await shot('editor');
  await page.getByTestId('code').fill('"<b>bold</b>" // <img src=x onerror="window.owned=1">\n');
  await drawnAs('"<b>bold</b>" // <img src=x onerror="window.owned=1">\n\n');
  assert.equal(await paint.locator('b, img').count(), 0);
  // Long text is plain: colouring it on every key would be felt.
  await page.getByTestId('file').setInputFiles({ name: 'long.cpp', mimeType: 'text/plain', buffer: Buffer.from('x = 1;\n'.repeat(10_000)) });
  await drawnAs('');
  assert.notEqual(await page.getByTestId('code').evaluate((node) => getComputedStyle(node).color), 'rgba(0, 0, 0, 0)', 'and is seen');
  await page.getByTestId('template').click();
});

test('time_and_memory_of_the_cases_are_drawn_and_said', async ({ page, shot }) => {
  await fillForm(page, 'cpp', CPP_OK);
  await page.getByTestId('submit').click();
  await verdict(page, 'AC');
  for (const name of ['plot-time', 'plot-memory']) {
    const plot = page.getByTestId(name);
    assert.equal(await plot.locator('rect').count(), await page.getByTestId('test-row').count());
    assert.match(await plot.getByRole('img').getAttribute('aria-label'), /most .+ of /);
  }
  await shot('plot');
});

test('what_program_and_judge_said_to_each_other_can_be_read', async ({ page, shot }) => {
  await open(page, '#/problems/bisect');
  await page.getByTestId('language').selectOption('python3');
  await page.getByTestId('code').fill(BISECT);
  await page.getByTestId('submit').click();
  await page.getByTestId('facts').waitFor({ timeout: VERDICT_MS });
  const talk = page.getByTestId('transcript').first();
  await talk.locator('summary').click();
  assert.ok(await talk.locator('li[data-from=submission]').count() > 0);
  assert.ok(await talk.locator('li[data-from=validator]').count() > 0);
  await shot('transcript');
});

test('submissions_are_listed_and_filtered', async ({ page, shot }) => {
  await page.getByTestId('nav-submissions').click();
  await page.getByTestId('submission-row').nth(2).waitFor();
  await shot('submissions');
  await page.getByTestId('filter-verdict').selectOption('CE');
  await page.getByTestId('filter').click();
  await page.waitForURL(/verdict=CE/);
  await page.waitForFunction(() => /shown$/.test(document.querySelector('[data-testid=list-note]')?.textContent ?? ''));
  const badges = await page.getByTestId('submission-row').locator('.badge').allInnerTexts();
  assert.ok(badges.length > 0 && badges.every((text) => text.startsWith('CE')), `${badges}`);
  await page.reload();
  await page.waitForFunction(() => document.querySelector('[data-testid=filter-verdict]')?.value === 'CE');
  await page.getByTestId('submission-row').first().getByRole('link').click();
  await verdict(page, 'CE');
});

test('a_package_is_installed_from_the_page_and_a_broken_one_is_explained', async ({ page, shot, seen }) => {
  await page.getByTestId('nav-problems').click();
  await page.getByTestId('problems').waitFor();
  const send = (name, files) => page.getByTestId('package').setInputFiles({ name, mimeType: 'application/zip', buffer: zip(files) });
  const refused = seen.failed.length;
  await send('broken.zip', { 'problem.yaml': 'name: Broken\nno_such_key: 1\n', 'data/secret/1.in': '1\n' });
  await page.getByTestId('diagnostic').first().waitFor();
  assert.match(await page.getByTestId('upload-said').innerText(), /error/);
  await shot('diagnostics');
  // The browser tells of the refusal, too; it is what this test asked for.
  assert.equal(seen.failed.splice(refused).length, 1);
  seen.console = seen.console.filter((text) => !text.includes('422'));
  await send('marked.zip', { 'problem.yaml': 'name: "<img src=x onerror=window.owned=1> \u202e"\n', 'data/sample/1.in': '1 2\n', 'data/sample/1.ans': '3\n', 'data/secret/1.in': '1 2\n', 'data/secret/1.ans': '3\n' });
  await page.waitForFunction(() => document.querySelector('[data-testid=upload-said]')?.textContent.includes('is installed'));
  assert.match(await page.getByTestId('problems').innerText(), /<img src=x/, 'a title is text');
  await page.getByTestId('upload-said').getByRole('link').click();
  await page.waitForURL(/problems\/marked/);
  assert.equal(await page.locator('main img').count(), 0);
  assert.equal(await page.evaluate(() => window.owned), undefined);
});

test('queue_and_workers_are_seen', async ({ page, shot }) => {
  await page.getByTestId('nav-queue').click();
  await page.getByTestId('workers').waitFor();
  assert.match(await page.getByTestId('workers').innerText(), /ready/);
  assert.match(await page.getByTestId('queue').innerText(), /waiting.*running.*slot/);
  assert.match(await page.getByTestId('classes').innerText(), /contest/);
  await shot('queue');
});

test('what_fits_on_no_disk_is_said_as_the_service_says_it', async ({ page }) => {
  const what = 'the package needs 300.0 MiB on a worker\'s disk; 100.0 MiB is the most that one has free';
  await page.route('**/api/v1/queue', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ json: { ...await answer.json(), waiting_for: [{ missing: `room:${what}`, waiting: 1 }] } });
  });
  await open(page, '#/queue');
  await page.getByTestId('lacking').waitFor();
  assert.ok((await page.getByTestId('lacking').innerText()).endsWith(`1 of them waits: ${what}.`), await page.getByTestId('lacking').innerText());
  await page.unroute('**/api/v1/queue');
});

test('workers_that_take_nothing_say_so_and_why', async ({ page, shot, operator }) => {
  const why = 'the hypervisor took 41 % of the processor time in use; up to 30 % is borne';
  const names = ['unfit-host', 'a-host-with-a-rather-long-name.example', 'tired-host'].map((name) => `${name}-${Date.now() % 1000}`);
  await operator.play(names[0], { unfit: why });
  const [cordoned, draining] = [await operator.play(names[1]), await operator.play(names[2])];
  await operator.ask('POST', `api/v1/workers/${cordoned}/cordon`);
  await operator.ask('POST', `api/v1/workers/${draining}/drain`);
  await open(page, '#/queue');
  const states = async () => Object.fromEntries(await page.getByTestId('worker').evaluateAll((rows) => rows.map((row) => [row.querySelector('th').textContent, row.dataset.state])));
  await page.waitForFunction((names) => names.every((name) => document.querySelector('[data-testid=workers]')?.textContent.includes(name)), names);
  const shown = await states();
  assert.deepEqual(names.map((name) => shown[name]), ['unfit', 'cordoned', 'draining']);
  assert.ok(Object.values(shown).includes('ready'));
  assert.equal(await page.locator('[data-state=unfit]').getByTestId('unfit').first().innerText(), why);
  // The table can be reached and scrolled by keyboard, and stays reached when it is shown anew.
  const region = page.getByRole('region', { name: 'Workers' });
  await region.focus();
  await page.evaluate(() => { window.shownAnew = 0; new MutationObserver(() => { window.shownAnew += 1; }).observe(document.querySelector('[data-testid=workers] tbody'), { childList: true }); });
  await page.waitForFunction(() => window.shownAnew > 0);
  assert.ok(await region.evaluate((node) => node === document.activeElement), 'the focus stays');
  await readable(page, shot, 'workers');
});

test('a_submission_that_is_taken_back_says_so_at_once_and_in_the_lists', async ({ page, shot, operator }) => {
  await operator.order('cordon');
  try {
    await fillForm(page, 'python3', 'print(1)\n');
    await page.getByTestId('submit').click();
    await page.waitForURL(/#\/submissions\//);
    await page.getByTestId('verdict-title').waitFor();
    await operator.ask('POST', `api/v1/submissions/${page.url().split('/').pop()}/cancel`);
    await page.waitForFunction(() => document.querySelector('[data-testid=verdict-title]')?.textContent === 'Cancelled');
    assert.equal(await page.locator('progress').count(), 0, 'nothing is under way');
    await page.waitForFunction(() => document.getElementById('announce').textContent.includes('Cancelled'));
    await readable(page, shot, 'cancelled');
    assert.match(await page.getByTestId('recent').locator('a').first().innerText(), /cancelled/);
    await page.reload();
    await page.waitForFunction(() => document.querySelector('[data-testid=verdict-title]')?.textContent === 'Cancelled');
  } finally {
    await operator.order('uncordon');
  }
});

test('a_submission_that_nobody_can_judge_says_what_is_missing_and_is_judged_when_it_comes', async ({ page, shot, operator }) => {
  await operator.order('cordon');
  try {
    await fillForm(page, 'python3', 'print(sum(map(int, input().split())))\n');
    await page.getByTestId('submit').click();
    await page.waitForFunction(() => document.querySelector('[data-testid=summary]')?.textContent.includes('cordoned or drained'));
    assert.equal(await page.getByTestId('verdict-title').innerText(), 'Nobody can judge it now');
    await page.waitForFunction(() => document.getElementById('announce').textContent.includes('cordoned or drained'));
    await readable(page, shot, 'lacking');
    const here = page.url();
    await page.getByTestId('nav-queue').click();
    await page.getByTestId('lacking').waitFor();
    assert.match(await page.getByTestId('lacking').innerText(), /1 of them waits: the workers that could are cordoned or drained/);
    await readable(page, shot, 'queue-lacking');
    await page.goto(here);
    await page.waitForFunction(() => document.querySelector('[data-testid=summary]')?.textContent.includes('cordoned or drained'));
  } finally {
    await operator.order('uncordon');
  }
  await verdict(page, 'AC');
});

test('a_held_submission_says_so_and_is_judged_when_it_is_released', async ({ page, shot, operator }) => {
  await operator.ask('PUT', 'api/v1/holds/problem/aplusb', { reason: 'its tests are looked at' });
  try {
    await fillForm(page, 'python3', 'print(sum(map(int, input().split())))\n');
    await page.getByTestId('submit').click();
    await page.waitForFunction(() => document.querySelector('[data-testid=verdict-title]')?.textContent === 'Held by an operator');
    // Live events do not say otherwise.
    await page.waitForTimeout(1000);
    assert.equal(await page.getByTestId('verdict-title').innerText(), 'Held by an operator');
    assert.match(await page.getByTestId('summary').innerText(), /judged when the hold ends/);
    await readable(page, shot, 'held');
    const here = page.url();
    await page.getByTestId('nav-submissions').click();
    await page.getByTestId('filter-state').selectOption('held');
    await page.getByTestId('filter').click();
    await page.waitForURL(/state=held/);
    await page.getByTestId('submission-row').first().waitFor();
    assert.match(await page.getByTestId('submission-row').first().innerText(), /held/);
    await shot('held-list');
    await page.goto(here);
    await page.getByTestId('verdict-title').waitFor();
  } finally {
    await operator.ask('DELETE', 'api/v1/holds/problem/aplusb');
  }
  await verdict(page, 'AC');
});

test('every_control_has_a_name_and_the_form_works_by_keyboard', async ({ page }) => {
  await open(page, '#/problems/aplusb');
  const nameless = await page.evaluate(() => [...document.querySelectorAll('button, select, input, textarea, a[href]')]
    .filter((node) => !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length)).map((node) => node.outerHTML));
  assert.deepEqual(nameless, []);
  const code = page.getByTestId('code');
  await code.fill('x');
  await code.press('Tab');
  assert.equal(await code.inputValue(), 'x    ');
  await code.press('Escape');
  await code.press('Tab');
  assert.notEqual(await page.evaluate(() => document.activeElement.id), 'code');
});

test('dark_and_narrow_screens_are_readable', async ({ page, shot }) => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByTestId('recent').locator('a').first().click();
  await page.getByTestId('facts').waitFor();
  await shot('dark');
  await page.setViewportSize({ width: 390, height: 844 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} px too wide for a telephone`);
  await open(page, '#/problems/aplusb');
  await shot('narrow');
});

// What courses' autograders show; before the last claim, which is about all of them.
await import('./harness.test.mjs');
await import('./stream.test.mjs');

test('nothing_failed_and_nobody_else_was_asked', async ({ seen }) => {
  assert.deepEqual(seen.console, [], 'console errors');
  assert.deepEqual(seen.failed, [], 'failed requests');
  assert.deepEqual(seen.foreign, [], 'requests to others');
});

async function fillForm(page, language, source) {
  await open(page, '#/problems/aplusb');
  await page.getByTestId('language').selectOption(language);
  await page.getByTestId('code').fill(source);
}

// Notes how many cases were decided each time the table changed.
async function recordRows(page) {
  await page.evaluate(() => {
    window.rowsSeen = [];
    new MutationObserver(() => {
      const decided = document.querySelectorAll('[data-testid=test-row].decided').length;
      if (decided > 0 && window.rowsSeen.at(-1) !== decided) window.rowsSeen.push(decided);
    }).observe(document.getElementById('view-result'), { childList: true, subtree: true });
  });
}

function watchNetwork(page, seen) {
  const origin = new URL(URL_BASE).origin;
  page.on('console', (message) => { if (message.type() === 'error' || message.type() === 'warning') seen.console.push(message.text()); });
  page.on('pageerror', (error) => seen.console.push(String(error)));
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== origin) seen.foreign.push(request.url());
    if (request.url().endsWith('/events')) seen.streams += 1;
  });
  page.on('response', (response) => { if (response.status() >= 400) seen.failed.push(`${response.status()} ${response.url()}`); });
  // A watch that is left, or a reload, ends its own stream: that is no failure.
  page.on('requestfailed', (request) => {
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') seen.failed.push(`${request.failure()?.errorText} ${request.url()}`);
  });
}

async function main() {
  if (!URL_BASE) throw new Error('TRIBUNAL_URL is not set: the address of a running service is needed, such as http://127.0.0.1:8080/');
  await mkdir(PICTURES, { recursive: true });
  const profile = await mkdtemp(join(tmpdir(), 'tribunal-page.'));
  const began = Date.now();
  const failed = [];
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--no-first-run'],
    viewport: { width: 1280, height: 860 },
  });
  try {
    const page = context.pages()[0] ?? await context.newPage();
    const operator = await Operator.from(URL_BASE, process.env);
    const seen = { console: [], failed: [], foreign: [], streams: 0 };
    watchNetwork(page, seen);
    const shot = (name) => page.waitForTimeout(500).then(() => page.screenshot({ path: shot.path(name), fullPage: true }));
    shot.path = (name) => join(PICTURES, `${name}.png`);
    console.log(`suite page\n\nrunning ${tests.length} tests`);
    for (const [name, body] of tests) {
      try {
        await body({ page, seen, shot, operator });
        console.log(`test page::${name} ... ok`);
      } catch (error) {
        failed.push([name, error]);
        console.log(`test page::${name} ... FAILED`);
        await page.screenshot({ path: join(PICTURES, `failed-${name}.png`), fullPage: true }).catch(() => {});
        await writeFile(join(PICTURES, `failed-${name}.txt`), String(error.stack)).catch(() => {});
      }
      await operator.rest().catch(() => {});
    }
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
  if (failed.length > 0) console.log('\nfailures:\n');
  for (const [name, error] of failed) console.log(`---- page::${name}\n${error.stack}\n`);
  console.log(`\ntest result: ${failed.length ? 'FAILED' : 'ok'}. ${tests.length - failed.length} passed; ${failed.length} failed; 0 ignored; 0 measured; 0 filtered out; finished in ${((Date.now() - began) / 1000).toFixed(2)}s`);
  return failed.length === 0 ? 0 : 1;
}

main().then((status) => { process.exitCode = status; }, (error) => { console.error(error); process.exitCode = 1; });
