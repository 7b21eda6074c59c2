// Courses' autograders on the page. Each test installs the harness it needs; `page.test.mjs` runs them.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { URL_BASE, VERDICT_MS, open, readable, test } from './browser.mjs';
import { zip } from './zip.mjs';

const APART = 'separate = true\n';
const MARKUP = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>';
// Asks the submission in boxes of its own for two files' worth of work.
const ECHO = `#!/bin/sh
got=$(student sh main.sh)
[ "$got" = right ] && score=2.5 || score=0
printf '{"output": "Well **done** <img src=x onerror=window.owned=1>", "output_format": "md", "stdout_visibility": "visible", "tests": [
  {"name": "says right", "number": "1.1", "score": %s, "max_score": 2.5, "tags": ["basics"], "output": "seen"},
  {"name": "informs", "output": "<b>bold</b> &lt;5&gt;<br><script>window.owned=1</script><img src=x onerror=window.owned=1>", "output_format": "html"},
  {"name": "SECRET", "score": 0, "max_score": 1, "visibility": "hidden", "output": "SECRET 42"}]}' $score >/autograder/results/results.json
echo printed by the harness
`;
const PLAN = `${APART}[[tests]]\nname = "says right"\nmax_score = 2.5\n[[tests]]\nname = "informs"\n[[tests]]\nname = "SECRET"\nmax_score = 1\nvisibility = "hidden"\n`;
// Reports one test of two and sleeps.
const LATE = `#!/bin/sh
echo '{"test": {"name": "early", "score": 2, "max_score": 2, "output": "in time"}}' >>/autograder/results/results.jsonl
sleep 1000
`;
const LATE_PLAN = `${APART}time = "2s"\n[[tests]]\nname = "early"\nmax_score = 2\n[[tests]]\nname = "kept back"\nmax_score = 1\nvisibility = "hidden"\n[[tests]]\nname = "never"\nmax_score = 3\n`;
const CANNED = '#!/bin/sh\ncp /autograder/source/canned.json /autograder/results/results.json\n';

const named = (name) => `${name}-${Date.now() % 100_000}`;

test('a_harness_is_installed_from_the_page_and_a_broken_one_is_explained', async ({ page, shot, seen }) => {
  await page.goto(URL_BASE);
  await page.getByTestId('nav-harnesses').click();
  await page.getByRole('heading', { name: 'Install a harness' }).waitFor();
  const name = named('hw1');
  const send = async (file, bytes, as) => {
    await page.getByTestId('harness-name').fill(as ?? '');
    await page.getByTestId('harness-zip').setInputFiles({ name: file, mimeType: 'application/zip', buffer: bytes });
    await page.getByTestId('harness-install').click();
  };
  const refusal = async (word) => {
    await page.waitForFunction((word) => document.querySelector('[data-testid=upload-said] .refused, [data-testid=diagnostic]') && document.querySelector('[data-testid=upload-said]').textContent.includes(word), word);
    seen.console = seen.console.filter((text) => !text.includes('422') && !text.includes('400'));
  };
  const refused = seen.failed.length;
  await send('broken.zip', zip({ run_autograder: ECHO, 'harness.toml': `${APART}time = 7\ncolour = "${MARKUP.replaceAll('"', '\'')}"\n` }));
  await refusal('colour');
  assert.equal(await page.getByTestId('diagnostic').locator('code').innerText(), 'harness.toml');
  await readable(page, shot, 'harness-refused');
  await send('readme.zip', zip({ 'readme.txt': 'x' }));
  await refusal('run_autograder');
  assert.match(await page.getByTestId('diagnostic').innerText(), /^top of the zip error: .*harness\.toml/);
  await send('nozip.zip', Buffer.from('no zip at all'));
  await refusal('not a zip archive');
  await send('hw1.zip', zip({ run_autograder: ECHO, 'harness.toml': PLAN }), MARKUP);
  await refusal('made of letters');
  // One that shares its box with submissions is taken on one's word only.
  const sharing = zip({ run_autograder: ECHO });
  await send('sharing.zip', sharing, named('sharing'));
  await refusal('tick the box above');
  assert.equal(seen.failed.splice(refused).length, 5, 'all five were refused');
  await page.getByTestId('harness-shared').check();
  await send('sharing.zip', sharing, named('sharing'));
  await page.waitForFunction(() => document.querySelector('[data-testid=upload-said]')?.textContent.includes('is installed'));
  assert.match(await page.getByTestId('harness-note').innerText(), /could write the results itself/);
  assert.equal(await page.getByTestId('harness-shared').isChecked(), false, 'the word holds for one upload');
  assert.equal(await page.getByTestId('view-browse').locator('img, script').count(), 0);
  assert.equal(await page.evaluate(() => window.owned), undefined);

  await send(`${name}.zip`, zip({ run_autograder: ECHO, 'harness.toml': PLAN }));
  await page.waitForFunction(() => document.querySelector('[data-testid=upload-said]')?.textContent.includes('is installed'));
  const said = await page.getByTestId('upload-said').innerText();
  assert.match(said, /revision [0-9a-f]{12}, 3 planned tests/, 'its name came from the file');
  const row = page.getByTestId('harness-row').filter({ hasText: name });
  const revision = /revision ([0-9a-f]{12})/.exec(said)[1];
  for (const word of [revision, 'host', 'Gradescope', '1 GiB', 'in boxes of its own']) assert.match(await row.innerText(), new RegExp(word));
  await row.locator('summary').click();
  assert.match(await row.getByTestId('plan').innerText(), /says right 2\.5 points[\s\S]*SECRET[\s\S]*hidden/);
  await readable(page, shot, 'harnesses');
  // Again: the same revision is known; another one becomes the active one.
  await send(`${name}.zip`, zip({ run_autograder: ECHO, 'harness.toml': PLAN }));
  await page.waitForFunction(() => document.querySelector('[data-testid=upload-said]')?.textContent.includes('was installed with the same content before'));
  await send(`${name}.zip`, zip({ run_autograder: `${ECHO}# another\n`, 'harness.toml': PLAN }));
  await page.waitForFunction(() => document.querySelector('[data-testid=upload-said]')?.textContent.includes('is installed'));
  assert.doesNotMatch(await page.getByTestId('harness-row').filter({ hasText: name }).innerText(), new RegExp(revision));
});

test('a_submission_against_a_harness_shows_its_points_and_its_own_tests', async ({ page, shot, seen, operator }) => {
  const name = await installed(operator, 'echo', { run_autograder: ECHO, 'harness.toml': PLAN });
  await page.goto(URL_BASE);
  await page.reload();
  await page.getByTestId('problem').selectOption(name);
  await page.waitForURL(new RegExp(`#/harnesses/${name}$`));
  assert.equal(await page.getByTestId('language').isVisible(), false, 'there is no language to choose');
  assert.match(await page.getByTestId('limits').innerText(), /Time[\s\S]*2 min|120 s[\s\S]*Memory/);
  assert.match(await page.locator('#statement').getByTestId('plan').innerText(), /says right/);
  // One file is written, one is kept in the list, one is chosen.
  await page.getByTestId('code').fill('echo right\n');
  await page.getByTestId('submit').click();
  await page.getByTestId('alert').waitFor();
  assert.match(await page.getByTestId('alert').innerText(), /no name yet/);
  await page.getByTestId('file-name').fill('main.sh');
  await page.getByTestId('keep').click();
  await page.getByTestId('file-name').fill('lib/more.py');
  await page.getByTestId('code').fill('print("more")\n');
  await page.getByTestId('file').setInputFiles([{ name: 'data.bin', mimeType: 'application/octet-stream', buffer: Buffer.from([0xff, 0xfe, 0]) }, { name: 'a.zip', mimeType: 'application/zip', buffer: zip({ x: 'y' }) }]);
  await page.waitForFunction(() => document.querySelectorAll('#files li').length === 3);
  // A folder keeps its paths; what is hidden in it stays behind.
  const folder = await mkdtemp(join(tmpdir(), 'tribunal-hw.'));
  await mkdir(join(folder, 'src/.git'), { recursive: true });
  for (const file of ['src/util.py', 'src/.git/config', 'README']) await writeFile(join(folder, file), 'x = 1\n');
  await page.getByTestId('folder').setInputFiles(folder);
  await page.waitForFunction(() => document.querySelectorAll('#files li').length === 5);
  await rm(folder, { recursive: true });
  await page.getByRole('button', { name: 'Remove README' }).click();
  await drop(page);
  assert.deepEqual(await page.locator('#files code').allInnerTexts(), ['main.sh', 'data.bin', 'a.zip', 'src/util.py', 'dropped.txt', 'deep/in/side.py', 'top.py']);
  for (const name of ['dropped.txt', 'deep/in/side.py', 'top.py']) await page.getByRole('button', { name: `Remove ${name}` }).click();
  await readable(page, shot, 'harness-form');
  await page.getByTestId('file-name').fill('main.sh');
  await page.getByTestId('submit').click();
  await page.waitForFunction(() => document.getElementById('alert').textContent.includes('main.sh is in the list of files already'));
  await page.getByTestId('file-name').fill('lib/more.py');
  const sent = page.waitForRequest((request) => request.method() === 'POST' && request.url().endsWith('/submissions'));
  const streams = seen.streams;
  await page.getByTestId('submit').click();
  const body = (await sent).postDataJSON();
  assert.deepEqual(Object.keys(body).sort(), ['files', 'harness']);
  assert.deepEqual(body.files.map((file) => [file.name, 'content' in file]), [['main.sh', true], ['data.bin', false], ['a.zip', false], ['src/util.py', true], ['lib/more.py', true]]);
  await graded(page, 'Graded');
  assert.ok(seen.streams > streams, 'live events were used');
  assert.equal(await page.getByTestId('score').textContent(), 'Score 2.5 of 3.5');
  await page.waitForFunction(() => document.getElementById('announce').textContent.includes('Score 2.5 of 3.5'));
  const rows = await page.getByTestId('test-row').allInnerTexts();
  assert.equal(rows.length, 3);
  assert.match(rows[0], /1\.1 says right\s*basics[\s\S]*passed[\s\S]*2\.5 of 2\.5[\s\S]*seen/);
  assert.match(rows[1], /informs[\s\S]*bold <5>[\s\S]*\[picture\]/);
  assert.match(rows[2], /SECRET\s*hidden[\s\S]*failed[\s\S]*0 of 1[\s\S]*SECRET 42/);
  assert.equal(await page.getByTestId('output').nth(2).locator('b').innerText(), 'bold');
  assert.match(await page.getByTestId('remarks').innerText(), /Well done <img src=x/);
  await page.getByTestId('graded-stdout').locator('summary').click();
  assert.match(await page.getByTestId('graded-stdout').innerText(), /printed by the harness/);
  assert.match(await page.getByTestId('shown').innerText(), /a contestant sees 2 of 3 tests, what the harness says, what it printed; not the total\./);
  assert.equal(await page.getByTestId('view-result').locator('img, script').count(), 0);
  assert.equal(await page.evaluate(() => window.owned), undefined);
  await readable(page, shot, 'graded');
  // In the lists its name and points stand where a problem's would.
  assert.match(await page.getByTestId('recent').locator('a').first().innerText(), new RegExp(`OK[\\s\\S]*${name}[\\s\\S]*2\\.5 of 3\\.5`));
  await page.getByTestId('nav-submissions').click();
  await page.getByTestId('filter-problem').selectOption(name);
  await page.getByTestId('filter').click();
  await page.waitForURL(new RegExp(`problem=${name}`));
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=submission-row]').length === 1);
  assert.match(await page.getByTestId('submission-row').innerText(), new RegExp(`${name}[\\s\\S]*OK[\\s\\S]*2\\.5 of 3\\.5`));
  await readable(page, shot, 'graded-list');
  await page.getByTestId('submission-row').getByRole('link').click();
  await graded(page, 'Graded');
  await page.reload();
  await graded(page, 'Graded');
  await page.getByTestId('again').click();
  await page.waitForURL(new RegExp(`#/harnesses/${name}$`));
});

test('a_grading_out_of_time_keeps_what_was_reported_and_says_so', async ({ page, shot, operator }) => {
  const name = await installed(operator, 'late', { run_autograder: LATE, 'harness.toml': LATE_PLAN });
  await submit(page, name, 'main.sh', 'x\n');
  // While it is graded the plan stands there.
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=test-row].pending').length === 3);
  assert.match(await page.getByTestId('verdict-title').innerText(), /Grading/);
  assert.match(await page.getByTestId('test-row').nth(2).innerText(), /never[\s\S]*of 3/);
  await graded(page, 'Graded in part');
  assert.equal(await page.getByTestId('verdict').getAttribute('data-verdict'), 'ILE');
  assert.equal(await page.getByTestId('score').textContent(), 'Score 2 of 6');
  assert.match(await page.getByTestId('summary').innerText(), /ran out of time \(2 s\)\. What it had reported until then is kept: 1 test\. 2 planned tests were not reported and count nothing\. 1 of 3 tests passed\./);
  const rows = await page.getByTestId('test-row').allInnerTexts();
  assert.match(rows[0], /early[\s\S]*passed[\s\S]*2 of 2[\s\S]*in time/);
  assert.match(rows[1], /kept back\s*hidden[\s\S]*not reported[\s\S]*of 1/);
  assert.match(rows[2], /never[\s\S]*not reported[\s\S]*of 3/);
  await readable(page, shot, 'graded-in-part');
});

test('a_grading_that_fails_or_is_refused_by_its_harness_says_which', async ({ page, shot, operator }) => {
  const silent = await installed(operator, 'silent', { run_autograder: '#!/bin/sh\nexit 3\n', 'harness.toml': APART });
  await submit(page, silent, 'main.sh', 'x\n');
  await graded(page, 'Grading failed');
  assert.equal(await page.getByTestId('score').textContent(), 'Score 0');
  assert.match(await page.getByTestId('summary').innerText(), /^The harness ended with status 3 and left no results\. There is no result to count\.$/);
  await shot('grading-failed');
  const info = JSON.stringify({ externalGradingOptions: { entrypoint: '/grade/tests/run.sh' } });
  const run = '#!/bin/sh\nmkdir -p /grade/results\necho \'{"gradable": false, "message": "no <b>main</b>.sh"}\' >/grade/results/results.json\n';
  const question = await installed(operator, 'question', { 'info.json': info, 'tests/run.sh': run, 'harness.toml': APART });
  await submit(page, question, 'other.sh', 'x\n');
  await graded(page, 'Not gradable');
  assert.equal(await page.getByTestId('score').count(), 0, 'no score is no zero');
  assert.match(await page.getByTestId('summary').innerText(), /cannot be graded: .*no <b>main<\/b>\.sh.*no zero/);
  await shot('not-gradable');
});

test('a_contestant_sees_of_a_graded_submission_only_what_its_harness_shows', async ({ page, shot, seen, operator }) => {
  const name = await installed(operator, 'seen', { run_autograder: ECHO, 'harness.toml': PLAN });
  const token = (await operator.ask('POST', 'api/v1/tokens', { tenant: 'local', name: named('student'), scopes: ['submit', 'read'] })).token;
  const answers = [];
  const hear = (response) => { if (response.url().includes('/api/')) answers.push(response.text().then((text) => [response.url(), text], () => [response.url(), ''])); };
  try {
    await page.goto(URL_BASE);
    await page.waitForLoadState('networkidle');
    // In a browser of his own.
    await page.evaluate((text) => { localStorage.removeItem('tribunal.recent'); sessionStorage.setItem('tribunal.token', text); }, token);
    page.on('response', hear);
    await page.reload();
    await submit(page, name, 'main.sh', 'echo right\n');
    // The events as they come, and once more when all is over.
    const events = () => fetch(new URL(`api/v1/submissions/${page.url().split('/').pop()}/events`, URL_BASE), { headers: { authorization: `Bearer ${token}` } }).then(async (response) => ['events', await response.text()]);
    answers.push(events());
    await graded(page, 'Graded');
    answers.push(events());
    assert.equal(await page.getByTestId('test-row').count(), 2);
    assert.match(await page.getByTestId('score').innerText(), /total is not shown/);
    assert.equal(await page.getByTestId('shown').count(), 0);
    await readable(page, shot, 'graded-contestant');
    const mine = page.url();
    for (const place of ['#/submissions', '#/harnesses', `#/harnesses/${name}`]) {
      await page.goto(new URL(place, URL_BASE).href);
      await page.reload();
      await page.waitForLoadState('networkidle');
      const text = await page.locator('body').evaluate((body) => body.outerHTML);
      assert.doesNotMatch(text, /SECRET|2\.5 of 3\.5/, place);
      assert.match(text, new RegExp(name), place);
    }
    await page.goto(mine);
    await graded(page, 'Graded');
    assert.doesNotMatch(await page.locator('html').evaluate((html) => html.outerHTML), /SECRET/);
    const heard = (await Promise.all(answers)).filter(([, text]) => text !== '');
    for (const part of ['kind=harness', 'events', '/submissions?', '/submissions/']) assert.ok(heard.some(([url]) => url.includes(part)), `${part} was heard`);
    for (const [url, text] of heard) assert.doesNotMatch(text, /SECRET|"tests_total":3/, url);
    assert.match(heard.find(([url]) => url === 'events')[1], /"tests_total":2/, 'how many tests are hidden is not told either');
    // The harness's author sees it there.
    await page.evaluate(() => sessionStorage.removeItem('tribunal.token'));
    await page.reload();
    await page.waitForFunction(() => document.body.textContent.includes('SECRET'));
    assert.equal(await page.getByTestId('test-row').count(), 3);
  } finally {
    page.off('response', hear);
    await page.evaluate(() => sessionStorage.removeItem('tribunal.token'));
    // What a token without the scope asked for is no failure of the page.
    seen.console = seen.console.filter((text) => !text.includes('403'));
  }
});

test('a_harness_is_used_by_keyboard_alone', async ({ page, operator }) => {
  const name = await installed(operator, 'keys', { run_autograder: ECHO, 'harness.toml': PLAN });
  await open(page, '#/harnesses');
  await page.reload();
  const reach = async (testid) => {
    for (let presses = 0; presses < 80; presses += 1) {
      // Esc, then Tab, leaves the editor.
      if (await page.evaluate(() => document.activeElement?.id === 'code')) await page.keyboard.press('Escape');
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement?.dataset.testid) === testid) return;
    }
    throw new Error(`Tab never came to ${testid}`);
  };
  for (const control of ['nav-harnesses', 'harness-zip', 'harness-name', 'harness-install', 'harness-shared']) await reach(control);
  const nameless = () => page.evaluate(() => [...document.querySelectorAll('main button, main select, main input, main textarea, main a[href], main [tabindex="0"]')]
    .filter((node) => node.checkVisibility() && !(node.getAttribute('aria-label') || node.getAttribute('aria-labelledby') || node.textContent.trim() || node.labels?.length)).map((node) => node.outerHTML));
  assert.deepEqual(await nameless(), []);
  await page.evaluate(() => document.activeElement.blur());
  await page.goto(new URL(`#/harnesses/${name}`, URL_BASE).href);
  await page.locator('#statement').getByTestId('plan').waitFor();
  await reach('file-name');
  await page.keyboard.type('main.sh');
  await reach('code');
  await page.keyboard.type('echo right');
  await reach('keep');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.getElementById('announce').textContent.includes('main.sh is in the list'));
  assert.equal(await page.evaluate(() => document.activeElement.id), 'file-name', 'the next file can be named at once');
  assert.deepEqual(await nameless(), []);
  await reach('submit');
  await page.keyboard.press('Enter');
  await graded(page, 'Graded');
  assert.equal(await page.getByTestId('score').textContent(), 'Score 2.5 of 3.5');
  assert.deepEqual(await nameless(), []);
});

test('hostile_results_of_a_harness_are_shown_whole_and_as_text', async ({ page, shot, seen, operator }) => {
  const steering = `${MARKUP}${'\u0007\u001b[31mred\u001b[0m\u0000\u202eevil\u202c\r\n'.repeat(2000)}`;
  const results = (more) => JSON.stringify({ score: 1e14, ...more });
  const many = Array.from({ length: 1000 }, (_, n) => ({ name: n === 0 ? '' : n === 1 ? `\u202e${MARKUP}` : n === 2 ? 'x'.repeat(5000) : `test ${n + 1}`, score: n === 3 ? 1e308 : n === 4 ? 0.1 + 0.2 : n === 5 ? 999999999999.123456 : 1, max_score: n === 4 ? 1 / 3 : 1,
    tags: n === 1 ? [MARKUP, '\u202etag'] : [], output: n === 0 ? steering : n === 1 ? `<div onclick="x"><b>${'<i>'.repeat(3000)}deep &#60;script&#62; &#x202e;</b>${MARKUP}<!-- <b> ` : n === 6 ? '\u001b[1;32mgreen\u001b[0m' : 'ok',
    output_format: n === 1 ? 'html' : n === 6 ? 'ansi' : 'text' }));
  const name = await installed(operator, 'hostile', { run_autograder: CANNED, 'canned.json': results({ tests: many }), 'harness.toml': APART });
  await submit(page, name, 'main.sh', 'x\n');
  await graded(page, 'Graded');
  const rows = page.getByTestId('test-row');
  assert.equal(await rows.count(), 1000);
  assert.match(await rows.nth(0).innerText(), /^test 1\s/);
  await rows.nth(0).locator('summary').click();
  const shown = await rows.nth(0).getByTestId('output').evaluate((node) => node.textContent);
  assert.doesNotMatch(shown, /[\u0000-\u0008\u000b-\u001f\u202a-\u202e]/, 'nothing steers');
  assert.ok(shown.includes('⟨U+0007⟩⟨U+001B⟩[31mred⟨U+001B⟩[0m⟨U+0000⟩⟨U+202E⟩evil⟨U+202C⟩\n'), shown.slice(0, 80));
  assert.ok(shown.startsWith(MARKUP));
  await page.getByTestId('outputs-cut').waitFor(); // 64 KiB of JSON are kept of it
  assert.match(await rows.nth(0).getByTestId('output-cut').innerText(), /^Cut: it said more than the .* that are kept\.$/);
  assert.equal(await page.getByTestId('output-cut').count(), 1, 'of the others all is kept');
  const marked = rows.nth(1);
  assert.match(await marked.innerText(), /⟨U\+202E⟩<img src=x/);
  await marked.locator('summary').click();
  assert.match(await marked.getByTestId('output').innerText(), /deep <script> ⟨U\+202E⟩/);
  assert.equal(await marked.getByTestId('output').evaluate((node) => node.querySelectorAll('*[onclick], *[class]:not(.note)').length), 0, 'no attribute is kept');
  const depth = await marked.getByTestId('output').evaluate((node) => Math.max(...[...node.querySelectorAll('*')].map((inner) => { let deep = 0; for (let at = inner; at !== node; at = at.parentElement) deep += 1; return deep; })));
  assert.ok(depth > 5 && depth < 30, `${depth} elements deep`);
  assert.match(await rows.nth(3).innerText(), /\b0 of 1/, 'points beyond all points count nothing');
  assert.match(await rows.nth(4).innerText(), /0\.3\d* of 0\.3/);
  assert.match(await rows.nth(6).innerText(), /green/);
  assert.match(await page.getByTestId('graded-diagnostics').innerText(), /beyond all points/);
  assert.equal(await page.getByTestId('view-result').locator('img, script, iframe').count(), 0);
  assert.equal(await page.evaluate(() => window.owned), undefined);
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 860 });
    assert.ok(await overflow() <= 0, `${width}: ${await overflow()} px too wide`);
    await page.screenshot({ path: shot.path(`graded-hostile-${width}`) });
  }
  await page.setViewportSize({ width: 1280, height: 860 });
  // As much as a results file may hold, and more than a report may: what is left out is said.
  const full = Array.from({ length: 1900 }, (_, n) => ({ name: `full ${n}`, score: 1, max_score: 1, tags: Array.from({ length: 20 }, () => 't'.repeat(55)), output: n < 17 ? 'x'.repeat(64 << 10) : '' }));
  const filled = await installed(operator, 'full', { run_autograder: CANNED, 'canned.json': results({ tests: full }), 'harness.toml': APART });
  const { streams } = seen;
  await submit(page, filled, 'main.sh', 'x\n');
  await graded(page, 'Graded');
  assert.equal(seen.streams, streams + 1, 'one stream told all of it');
  assert.match(await page.getByTestId('outputs-cut').innerText(), /64 KiB.*1 MiB/);
  assert.match(await page.getByTestId('tests-cut').innerText(), /points are those of all/);
  const cut = await rows.evaluateAll((all) => all.flatMap((row, at) => (row.querySelector('[data-testid=output-cut]') ? [at] : [])));
  assert.ok(cut.length > 0 && cut.every((at) => at >= 15 && at < 17), `the outputs that found no room say so: ${cut}`);
  assert.ok(await rows.count() < 1900);
  const listed = page.waitForResponse((response) => response.url().includes('/submissions?'));
  await page.getByTestId('nav-submissions').click();
  assert.ok((await (await listed).text()).length < 200_000, 'a list is short whatever was written');
  await page.getByTestId('submission-row').first().waitFor();
  assert.match(await page.getByTestId('submission-row').first().innerText(), new RegExp(`${filled}[\\s\\S]*100000000000000 of 1900`));
});

test('what_a_harness_reports_is_shown_while_it_works', async ({ page, operator }) => {
  const run = `#!/bin/sh
r=/autograder/results/results.jsonl
echo '{"test": {"name": "late", "score": 3, "max_score": 3, "output": "well"}}' >>$r
sleep 6
echo '{"test": {"name": "early", "score": 0, "max_score": 2}}' >>$r
echo '{"done": true}' >>$r
`;
  const plan = `${APART}[[tests]]\nname = "early"\nmax_score = 2\n[[tests]]\nname = "late"\nmax_score = 3\n`;
  const name = await installed(operator, 'live', { run_autograder: run, 'harness.toml': plan });
  await submit(page, name, 'main.sh', 'x\n');
  const rows = page.getByTestId('test-row');
  await page.waitForFunction(() => [...document.querySelectorAll('[data-testid=test-row]')].some((row) => /late/.test(row.textContent) && /passed/.test(row.textContent)), null, { timeout: VERDICT_MS });
  assert.equal(await page.getByTestId('facts').isVisible(), false, 'it is not done');
  assert.equal(await page.getByTestId('verdict-title').innerText(), 'Grading');
  assert.equal(await page.getByTestId('summary').innerText(), '1 test reported so far');
  assert.equal(await rows.count(), 2);
  assert.match(await rows.nth(0).innerText(), /early/, 'at its place in the plan');
  assert.match(await rows.nth(1).innerText(), /late[\s\S]*passed[\s\S]*3 of 3[\s\S]*well/);
  await graded(page, 'Graded');
  assert.match(await page.getByTestId('tests').innerText(), /early[\s\S]*failed/);
});

test('a_packed_folder_is_sent_to_a_harness_and_unpacked_there', async ({ page, seen, operator }) => {
  const run = `#!/bin/sh
cat /autograder/submission/hw/deep/answer.txt >/dev/null && score=1 || score=0
printf '{"tests": [{"name": "found", "score": %s, "max_score": 1}]}' $score >/autograder/results/results.json
`;
  const name = await installed(operator, 'packed', { run_autograder: run, 'harness.toml': APART });
  await open(page, `#/harnesses/${name}`);
  // A page that was open before knows the harnesses of then.
  await page.reload();
  await page.getByTestId('limits').waitFor();
  const choose = async (file, buffer) => {
    await page.getByTestId('file').setInputFiles({ name: file, mimeType: 'application/zip', buffer });
    await page.getByRole('button', { name: `Remove ${file}` }).waitFor();
  };
  await choose('broken.zip', Buffer.from('no zip'));
  assert.match(await page.getByTestId('files').innerText(), /broken\.zip\s+6 B, is unpacked/);
  const failed = seen.failed.length;
  await page.getByTestId('submit').click();
  await page.waitForFunction(() => document.body.innerText.includes('broken.zip: this is not a zip archive'));
  seen.failed.splice(failed);
  seen.console = seen.console.filter((text) => !text.includes('422') && !text.includes('400'));
  await page.getByRole('button', { name: 'Remove broken.zip' }).click();
  await choose('hw.zip', zip({ 'hw/deep/answer.txt': '42', 'hw/.git/config': 'x', '__MACOSX/hw/._x': 'x' }));
  await page.getByTestId('submit').click();
  await page.waitForURL(/#\/submissions\//);
  await graded(page, 'Graded');
  assert.match(await page.getByTestId('test-row').first().innerText(), /found[\s\S]*passed[\s\S]*1 of 1/);
});

test('a_harness_that_the_service_names_in_markup_is_text', async ({ page }) => {
  const name = `${MARKUP}\u202e`;
  const view = { name, title: name, digest: `sha256:${'4f'.repeat(32)}`, created_at: 'never', type: 'harness', tests: 1, cpu_time_ms: 1, memory_bytes: 1, statement: null, samples: [],
    harness: { format: MARKUP, image: MARKUP, separate: false, wall_time_ms: 1e308, notes: [MARKUP], plan: [{ name: MARKUP, max_score: '1e308', visibility: MARKUP }] } };
  await page.route('**/api/v1/problems?kind=harness', (route) => route.fulfill({ json: [view] }));
  try {
    for (const place of ['#/harnesses', `#/harnesses/${encodeURIComponent(name)}`, '#/harnesses/%E0%A4%A', '#/submissions']) {
      await page.goto(new URL(place, URL_BASE).href);
      await page.reload();
      await page.waitForLoadState('networkidle');
      assert.equal(await page.locator('main img, main script').count(), 0, place);
      assert.equal(await page.evaluate(() => window.owned), undefined, place);
    }
  } finally {
    await page.unroute('**/api/v1/problems?kind=harness');
  }
});

// Installs a harness of these files under a name of its own; answers the name.
async function installed(operator, word, files) {
  const name = named(word);
  const response = await fetch(new URL(`api/v1/problems?kind=harness&name=${name}`, URL_BASE), { method: 'POST', headers: { authorization: `Bearer ${operator.admin}`, 'content-type': 'application/zip' }, body: zip(files) });
  assert.equal(response.status, 201, await response.text());
  return name;
}

async function submit(page, harness, file, text) {
  await open(page, `#/harnesses/${harness}`);
  await page.reload();
  await page.getByTestId('limits').waitFor();
  await page.getByTestId('file-name').fill(file);
  await page.getByTestId('code').fill(text);
  await page.getByTestId('submit').click();
  await page.waitForURL(/#\/submissions\//);
}

// Drops a file, then a folder with one in a folder in it, one at its top and one that is hidden.
async function drop(page) {
  await page.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['dropped'], 'dropped.txt'));
    document.getElementById('submit-form').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
  });
  await page.getByRole('button', { name: 'Remove dropped.txt' }).waitFor();
  // A script cannot make a transfer that holds a folder: these are entries as the File and Directory Entries API has them.
  await page.evaluate(() => {
    const file = (name) => ({ isFile: true, name, file: (done) => done(new File(['x'], name)) });
    const folder = (name, parts) => ({ isDirectory: true, name, createReader: () => { let part = 0; return { readEntries: (done) => done(parts[part++] ?? []) }; } });
    const entry = folder('hw', [[folder('deep', [[folder('in', [[file('side.py')]])]]), file('.hidden')], [file('top.py'), folder('.git', [[file('config')]])]]);
    const event = new Event('drop', { bubbles: true, cancelable: true });
    event.dataTransfer = { types: ['Files'], files: [new File([], 'hw')], items: [{ webkitGetAsEntry: () => entry }] };
    document.getElementById('submit-form').dispatchEvent(event);
  });
  await page.getByRole('button', { name: 'Remove top.py' }).waitFor();
}

async function graded(page, title) {
  await page.getByTestId('facts').waitFor({ timeout: VERDICT_MS });
  assert.equal(await page.getByTestId('verdict-title').innerText(), title, await page.getByTestId('banner').innerText());
}
