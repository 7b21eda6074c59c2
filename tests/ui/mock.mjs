// A stand-in for the service, for working on the page alone: answers the few routes the page uses with made-up
// judgements, slowly enough to watch. Not used by `make test`, which runs the real one.
// Run: node tests/ui/mock.mjs [PORT]

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';

const UI = new URL('../../api/ui/', import.meta.url);
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const DIGEST = `sha256:${'4f'.repeat(32)}`;
const STEP_MS = Number(process.env.MOCK_STEP_MS ?? 250);

const languages = [
  { id: 'cpp', name: 'C++ (g++)', version: 'g++ (Debian 12.2.0-14) 12.2.0', extensions: ['cpp', 'cc', 'cxx'], image: DIGEST, image_kind: 'oci', compile: ['g++'], run: ['./a'], usable: true, reason: null },
  { id: 'python3', name: 'Python 3', version: 'Python 3.11.2', extensions: ['py'], image: DIGEST, image_kind: 'oci', compile: null, run: ['python3'], usable: true, reason: null },
  { id: 'rust', name: 'Rust', version: null, extensions: ['rs'], image: null, image_kind: null, compile: ['rustc'], run: ['./a'], usable: false, reason: 'no image: run `tribunal images build rust`' },
];
const problems = [
  { name: 'aplusb', title: 'A + B', digest: DIGEST, created_at: new Date().toISOString(), type: 'pass-fail', tests: 6, cpu_time_ms: 1000, memory_bytes: 256 << 20,
    statement: '# A + B\n\nRead two integers $a$ and $b$ ($-10^{18} \\leq a, b \\leq 10^{18}$) and print their **sum**.\n\n## Input\nOne line with `a` and `b`.\n\n- a first thing\n- a *second* <img src=x onerror="throw 1"> one\n', samples: [{ input: '1 2\n', answer: '3\n' }, { input: '-5 5\n', answer: '0\n' }] },
  { name: 'near-memory', title: 'Remember everything', digest: DIGEST, created_at: new Date().toISOString(), type: 'pass-fail', tests: 3, cpu_time_ms: 2000, memory_bytes: 64 << 20, statement: null, samples: [] },
];
const harnesses = [
  { name: 'hw1', title: 'hw1', digest: DIGEST, created_at: new Date().toISOString(), type: 'harness', tests: 3, cpu_time_ms: 20_000, memory_bytes: 1 << 30, statement: null, samples: [],
    harness: { format: 'gradescope', image: 'python3', separate: true, wall_time_ms: 10_000, notes: [], plan: [{ name: 'adds', max_score: '2', visibility: 'visible' }, { name: 'sorts', max_score: '3', visibility: 'visible' }, { name: 'edge cases', max_score: '5', visibility: 'hidden' }] } },
];
const submissions = new Map();

function judge(body) {
  const source = body.files.map((file) => file.content ?? '').join('\n');
  const wrong = source.includes('wrong');
  const broken = /broken|#error/.test(source);
  const slow = source.includes('while True');
  const verdict = broken ? 'CE' : wrong ? 'WA' : slow ? 'TLE' : 'AC';
  const compile = body.language === 'cpp'
    ? { status: broken ? 'error' : 'ok', log: broken ? 'main.cpp: In function ‘int main()’:\nmain.cpp:2:5: error: ‘broken’ was not declared in this scope\n    2 |     broken;\n      |     ^~~~~~\n<img src=x onerror=1>\n' : '', cpu_time_ms: 612.4, wall_time_ms: 640.1, limit_hit: null, cached: false }
    : { status: broken ? 'error' : 'skipped', log: broken ? "  File \"main.py\", line 1\n    broken(\n          ^\nSyntaxError: '(' was never closed\n" : '', cpu_time_ms: 0, wall_time_ms: 0, limit_hit: null, cached: false };
  const tests = broken ? [] : ['sample/1', 'sample/2', 'secret/01-small', 'secret/02-negative', 'secret/03-large', 'secret/04-many'].map((name, index) => {
    const decides = verdict !== 'AC' && index === 3;
    const skipped = verdict !== 'AC' && index > 3;
    const sample = index < 2;
    return { name, group: name.split('/')[0], verdict: skipped ? 'SK' : decides ? verdict : 'AC', reason: decides ? 'line 1, column 1: expected "-3", got "3 <b>bold</b>"' : null, score: null,
      cpu_time_ms: skipped ? null : decides && slow ? 1004.2 : 1.7 + index * 61, wall_time_ms: 4, memory_bytes: skipped ? null : (1.5 + index * 9) * (1 << 20), output_bytes: 2, exit_code: skipped ? null : slow && decides ? null : 0, signal: decides && slow ? 9 : null,
      limit_hit: decides && slow ? 'cpu_time' : null, feedback: null, accounting: skipped ? null : 'exact', cached: false, runs: [], notes: index === 2 ? ['process_limit_reached'] : [], sample };
  });
  return { id: randomUUID(), number: 1, cause: 'submitted', problem: `${body.problem}@${DIGEST}`, attempt: 1, worker: null, verdict, score: null, reason: null, compile, tests, groups: [],
    limits: { cpu_time_ms: 1000, wall_time_ms: 4000, memory_bytes: 256 << 20, output_bytes: 8 << 20 }, language: body.language, image: DIGEST, image_kind: 'oci', policy_version: 1,
    timing: { queue_ms: 3.2, compile_ms: compile.wall_time_ms, run_ms: tests.length * 6, check_ms: tests.length * 0.3, total_ms: 700 }, notes: [] };
}

// Sources with `slow` run out of time before the last planned test.
function grade(body) {
  const late = body.files.some((file) => file.content?.includes('slow'));
  const test = (name, score, most, more) => ({ ...judge({ ...body, language: 'python3' }).tests[0], name, sample: false, cpu_time_ms: null, memory_bytes: null, notes: [], verdict: score === most ? 'AC' : 'WA', score, max_score: most, feedback: 'expected 3, got <b>4</b>',
    graded: { number: null, status: score === most ? 'passed' : 'failed', visibility: 'visible', output_format: 'text', tags: [], not_reported: false, ...more } });
  const tests = [test('adds', '2', '2'), test('sorts', '1.5', '3', { output_format: 'html' }), late ? test('edge cases', null, '5', { visibility: 'hidden', not_reported: true }) : test('edge cases', '5', '5', { visibility: 'hidden' })];
  return { ...judge({ ...body, language: 'python3' }), problem: `${body.harness}@${DIGEST}`, verdict: late ? 'ILE' : 'OK', score: late ? '3.5' : '8.5', max_score: '10', compile: null, tests, language: 'python3', limits: { cpu_time_ms: 20_000, wall_time_ms: 10_000, memory_bytes: 1 << 30, output_bytes: 8 << 20 },
    graded: { format: 'gradescope', separate: true, status: late ? 'partial' : 'graded', feedback: late ? 'the autograder did not finish: time limit exceeded' : null, output: 'Have a look at **sorts**.', output_format: 'md', stdout: 'Ran 3 tests\n', stdout_truncated: false, cpu_time_ms: 512, wall_time_ms: 700, memory_bytes: 30 << 20, shown: { tests: [0, 1], total: false, output: true, stdout: false } } };
}

function accept(body) {
  const id = randomUUID();
  const judgement = body.harness ? grade(body) : judge(body);
  const view = { id, state: 'queued', created_at: new Date().toISOString(), problem: body.problem ?? body.harness, language: judgement.language, priority: 'normal', verdict: null, score: null, judgement: null };
  const parts = [['state', { kind: 'state', state: 'running', tests_total: null }], ['state', { kind: 'state', state: 'running', tests_total: body.harness ? 2 : 6 }], ...(judgement.compile ? [['compile', { kind: 'compile', compile: judgement.compile }]] : []),
    ...(body.harness ? [] : judgement.tests).map((test, index) => ['test', { kind: 'test', index, total: judgement.tests.length, test }]), ['done', { kind: 'done', judgement }]];
  const story = { view, parts, shown: 0, watchers: new Set() };
  submissions.set(id, story);
  const timer = setInterval(() => {
    const [event, data] = parts[story.shown];
    story.shown += 1;
    if (event === 'state') view.state = data.state;
    if (event === 'done') {
      Object.assign(view, { state: 'done', verdict: judgement.verdict, score: judgement.score, judgement });
      clearInterval(timer);
    }
    for (const tell of story.watchers) tell(story.shown - 1);
  }, STEP_MS);
  return { id, state: 'queued' };
}

function stream(story, request, response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const tell = (place) => {
    const [event, data] = story.parts[place];
    response.write(`event: ${event}\nid: ${place + 1}\ndata: ${JSON.stringify(data)}\n\n`);
    if (event === 'done') response.end();
  };
  response.write(': watching\n\n');
  for (let place = Number(request.headers['last-event-id'] ?? 0); place < story.shown; place += 1) tell(place);
  story.watchers.add(tell);
  request.on('close', () => story.watchers.delete(tell));
}

function refuse(response, status, code, detail) {
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ type: 'about:blank', title: code, status, detail, code }));
}

// Newest first, as the service lists them; `before` leads to the next page.
function list(query) {
  const keys = ['problem', 'language', 'state', 'verdict', 'participant'];
  const views = [...submissions.values()].map((story) => story.view).reverse();
  const from = query.has('before') ? views.findIndex((view) => view.id === query.get('before')) + 1 : 0;
  const wanted = (view) => keys.every((key) => !query.has(key) || view[key] === query.get(key)) && (!query.has('label') || (view.labels ?? []).includes(query.get('label')));
  return views.slice(from).filter(wanted).slice(0, Number(query.get('limit') ?? 50));
}

function queue() {
  const waiting = [...submissions.values()].filter((story) => story.view.state === 'queued').length;
  const running = [...submissions.values()].filter((story) => story.view.state === 'running').length;
  const classes = ['contest', 'normal', 'rejudge', 'bulk'].map((priority) => ({ priority, waiting: priority === 'normal' ? waiting : 0, running: priority === 'normal' ? running : 0, oldest_ms: priority === 'normal' && waiting > 0 ? 1200 : null }));
  return { waiting, running, slots: 2, classes, waiting_for: [{ missing: 'language:rust', waiting: 1 }] };
}

const worker = (name, state, more) => ({ id: randomUUID(), name, version: '0.1.0', protocol: 2, slots: 2, accounting: 'exact', arch: 'x86_64', class: 'x86_64.exact.4f4f4f4f4f4f', speed: 1.19, languages: ['cpp', 'python3'], state, alive: state !== 'lost', draining: state === 'draining', wanted: 'work', unfit: null, registered_at: new Date().toISOString(), seen_at: new Date().toISOString(), ...more });
const workers = [worker('judge-1', 'ready', {}), worker('judge-2', 'cordoned', { wanted: 'cordon' }), worker('judge-3', 'unfit', { unfit: 'the hypervisor took 41 % of the processor time in use; up to 30 % is borne' })];

// Takes what is called anything but `broken.zip`; nothing is unpacked here.
function install(name, kind, response) {
  if (name === 'broken') {
    response.writeHead(422, { 'content-type': 'application/problem+json' });
    return response.end(JSON.stringify({ type: 'about:blank', title: 'Unprocessable Entity', status: 422, code: 'invalid_package', detail: 'the package has 2 errors',
      diagnostics: [{ severity: 'error', path: 'problem.yaml', line: 3, message: '`limits.time` must be a number' }, { severity: 'error', path: 'data/secret', line: null, message: 'there is no test case <img src=x onerror=1>' }] }));
  }
  const problem = { ...(kind === 'harness' ? harnesses : problems)[0], name, title: name, created_at: new Date().toISOString(), statement: null, samples: [] };
  (kind === 'harness' ? harnesses : problems).push(problem);
  return response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(problem));
}

async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://mock');
  const json = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (process.env.MOCK_TOKEN && pathname.startsWith('/api/') && request.headers.authorization !== `Bearer ${process.env.MOCK_TOKEN}`) return refuse(response, 401, 'unauthorized', 'a token is needed');
  if (pathname === '/api/v1/languages') return json(200, languages);
  if (pathname === '/api/v1/problems' && request.method === 'POST') {
    request.resume();
    return install(searchParams.get('name') || 'unnamed', searchParams.get('kind'), response);
  }
  if (pathname === '/api/v1/problems') return json(200, searchParams.get('kind') === 'harness' ? harnesses : problems);
  if (pathname === '/api/v1/queue') return json(200, queue());
  if (pathname === '/api/v1/workers') return json(200, workers);
  if (pathname === '/api/v1/submissions' && request.method === 'GET') return json(200, list(searchParams));
  if (pathname === '/api/v1/submissions' && request.method === 'POST') {
    let text = '';
    for await (const chunk of request) text += chunk;
    const body = JSON.parse(text);
    if (body.files[0].content?.includes('refuse')) return refuse(response, 400, 'source_too_large', 'file `main.py` has 300 KiB; at most 256 KiB are taken');
    return json(201, accept(body));
  }
  const [, id, events] = /^\/api\/v1\/submissions\/([^/]+)(\/events)?$/.exec(pathname) ?? [];
  if (id) {
    const story = submissions.get(id);
    if (!story) return refuse(response, 404, 'unknown_submission', `there is no submission ${id}`);
    return events ? stream(story, request, response) : json(200, story.view);
  }
  const file = pathname === '/' ? 'index.html' : pathname.slice(1);
  const bytes = /^[a-z]+\.[a-z]+$/.test(file) ? await readFile(new URL(file, UI)).catch(() => null) : null;
  if (!bytes) return refuse(response, 404, 'not_found', 'there is nothing at this path');
  response.writeHead(200, { 'content-type': TYPES[file.split('.').pop()], 'content-security-policy': POLICY });
  response.end(bytes);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => refuse(response, 500, 'internal', String(error)));
});
server.listen(Number(process.argv[2] ?? 8089), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
