// One submission as it is judged. The model below takes live parts and stored states in any order; the
// view shows what it holds. Rows are changed one at a time, so a thousand cases stay cheap.

import { append, byId, el, fill } from './dom.js';
import { bytes, count, moment, time, words } from './format.js';
import * as graded from './graded.js';
import { image, place } from './harnesses.js';
import { badge, hidden, lack, meter, sign } from './parts.js';
import { line } from './plain.js';
import { plot } from './plot.js';
import { transcript } from './transcript.js';
import { verdict } from './verdicts.js';

const ROWS_MAX = 2000; // more are counted, not drawn

/** Opens the view of submission `id`; `problems` (and harnesses) give the limits until the judgement names its own. */
export class Result {
  constructor(id, problems, languages) {
    this.id = id;
    this.problems = problems;
    this.languages = languages;
    this.view = { id, state: 'queued' };
    this.compile = null;
    this.tests = new Map(); // index -> test report
    this.rows = new Map(); // index -> <tr>
    this.total = null;
    this.judgement = null;
    this.lostLive = false;
    this.said = null;
    this.build();
  }

  /** Takes one live part. */
  event(kind, data) {
    if (kind === 'state') this.onState(data);
    else if (kind === 'compile') this.onCompile(data);
    else if (kind === 'test') this.onTest(data);
    else if (kind === 'done') this.onJudgement(data);
  }

  /** Takes the stored submission. */
  submission(view) {
    this.view = view;
    if (view.judgement) this.onJudgement(view.judgement);
    else this.drawAll();
  }

  /** Takes where it stands while it waits: events do not tell that. */
  place(view) {
    const waits = (state) => state === 'queued' || state === 'held';
    if (!waits(this.view.state) || !waits(view.state)) return;
    this.view = { ...this.view, state: view.state, queue: view.queue };
    this.drawHead();
  }

  /** Live events were given up; the state is asked for instead. */
  lost() {
    this.lostLive = true;
    this.drawHead();
  }

  onState({ state, tests_total: total }) {
    // A new attempt starts over; what an earlier one showed is dropped.
    if (state !== 'done') {
      this.tests.clear();
      this.clearRows();
    }
    if (this.judgement === null) this.view = { ...this.view, state };
    if (typeof total === 'number') this.total = total;
    this.drawHead();
    this.drawPending();
  }

  onCompile(report) {
    this.compile = report;
    this.drawHead();
    this.drawCompile();
    if (report.status === 'error') announce('Compile error.');
  }

  onTest({ index, total, test }) {
    const at = Number.isInteger(index) ? index : this.tests.size;
    if (Number.isInteger(total)) this.total = total;
    this.tests.set(at, test);
    this.drawHead();
    this.drawPending();
    this.drawRow(at);
    announce(test.graded ? `${line(test.name)}: ${test.graded.status ?? 'reported'}.` : `Test ${at + 1}: ${verdict(test.verdict).title}.`);
  }

  onJudgement(judgement) {
    this.judgement = judgement;
    this.view = { ...this.view, state: 'done', verdict: judgement.verdict };
    this.compile = judgement.compile ?? null;
    this.tests = new Map((judgement.tests ?? []).map((test, index) => [index, test]));
    this.total = this.tests.size;
    this.clearRows();
    this.drawAll();
    this.say(judgement.graded ? `${graded.title(judgement.graded)}. ${this.points()}` : `Verdict: ${verdict(judgement.verdict).title}.`);
  }

  // Says something aloud, once.
  say(text) {
    if (this.said !== text) announce(text);
    this.said = text;
  }

  // The frame, built once.
  build() {
    this.head = el('div', { class: 'banner', testid: 'banner' });
    this.timing = el('div', { class: 'card', testid: 'timing', hidden: true });
    this.log = el('details', { class: 'card', testid: 'compile', hidden: true });
    this.body = el('tbody', { testid: 'tests', role: 'rowgroup' });
    this.more = el('p', { class: 'note' });
    this.heads = el('tr', { role: 'row' });
    this.testsTitle = el('h2', { id: 'tests-title' });
    // Roles by name: a narrow screen shows the rows of a harness's tests below each other, and they stay a table.
    this.grid = el('table', { role: 'table' }, el('thead', { role: 'rowgroup' }, this.heads), this.body);
    this.table = el('div', { class: 'card table-card', hidden: true },
      this.testsTitle, el('div', { class: 'scroll', role: 'region', 'aria-labelledby': 'tests-title', tabindex: 0 }, this.grid), this.more);
    this.remarks = el('div', { class: 'card remarks', testid: 'remarks', hidden: true });
    this.picture = el('div', { class: 'card', testid: 'plot', hidden: true });
    this.facts = el('div', { class: 'card', testid: 'facts', hidden: true });
    fill(byId('view-result'), this.head, this.log, this.remarks, this.table, this.picture, this.timing, this.facts);
  }

  drawAll() {
    this.drawHead();
    this.drawCompile();
    this.drawPending();
    for (const index of this.tests.keys()) this.drawRow(index);
    this.drawRemarks();
    this.drawPlot();
    this.drawTiming();
    this.drawFacts();
  }

  // Once for the whole judgement: while cases arrive the table is enough to look at.
  drawPlot() {
    const drawn = this.judgement ? plot([...this.tests.values()], this.limits()) : null;
    this.picture.hidden = drawn === null;
    fill(this.picture, drawn && [el('h2', {}, 'Time and memory by case'), drawn]);
  }

  // Once for the whole judgement.
  drawRemarks() {
    const said = this.judgement?.graded ? graded.remarks(this.judgement) : [];
    this.remarks.hidden = said.length === 0;
    fill(this.remarks, said);
  }

  // What it is judged against, as it is installed now.
  installed() {
    return this.problems().find((problem) => problem.name === this.view.problem);
  }

  limits() {
    return this.judgement?.limits ?? this.installed() ?? {};
  }

  // Whether a course's autograder grades it.
  isGraded() {
    return this.judgement ? Boolean(this.judgement.graded) : Boolean(this.installed()?.harness);
  }

  points() {
    const { score, max_score: most } = this.judgement;
    return score == null ? '' : `Score ${score}${most == null ? '' : ` of ${most}`}.`;
  }

  drawHead() {
    const code = this.judgement?.verdict ?? null;
    const state = this.view.state;
    const known = code ? verdict(code) : null;
    const [mark, tone] = sign(state);
    const stuck = state === 'queued' && this.view.queue?.waiting_for;
    const marks = this.judgement?.graded ? this.judgement : null;
    this.head.dataset.tone = (marks && graded.tone(marks)) ?? known?.tone ?? (stuck ? 'part' : tone);
    this.head.dataset.state = state;
    const language = this.languages().find((entry) => entry.id === this.view.language);
    fill(this.head,
      el('p', { class: 'crumbs' },
        this.view.problem
          ? el('a', { href: this.isGraded() ? place(this.view.problem) : `#/problems/${encodeURIComponent(this.view.problem)}`, testid: 'again' }, '← Edit and submit again')
          : el('a', { href: '#/' }, '← Submit another')),
      el('div', { class: marks ? 'banner-line marked' : 'banner-line' },
        el('span', { class: 'banner-code', testid: 'verdict', data: { verdict: code ?? '' }, 'aria-hidden': known ? null : 'true' }, code ?? mark),
        el('div', {},
          el('h1', { testid: 'verdict-title' }, marks ? graded.title(marks.graded) : known ? capital(known.title) : this.progressTitle(state)),
          el('p', { class: 'banner-sub', testid: 'summary' }, this.summary())),
        marks ? graded.score(marks) : this.judgement?.score != null ? el('span', { class: 'score', testid: 'score' }, hidden('Score '), this.judgement.score) : null),
      this.progress(),
      el('p', { class: 'banner-meta' },
        [this.view.problem ? this.title() : 'Own tests', language?.name ?? image(this.view.language), moment(this.view.created_at)].filter(Boolean).join('  ·  ')));
    if (!known && state !== 'running') this.say(`${this.progressTitle(state)}. ${this.summary()}`);
    document.title = `${code ?? capital(state)} · ${this.view.problem ?? 'submission'} · Tribunal`;
  }

  title() {
    return this.installed()?.title ?? this.view.problem;
  }

  progressTitle(state) {
    if (state === 'cancelled') return 'Cancelled';
    if (state === 'held') return 'Held by an operator';
    if (state !== 'running') return this.view.queue?.waiting_for ? 'Nobody can judge it now' : 'Waiting for a worker';
    if (this.isGraded()) return 'Grading';
    if (this.tests.size > 0) return `Judged ${this.tests.size} of ${this.total ?? '?'}`;
    return this.compile ? 'Running' : 'Compiling';
  }

  summary() {
    if (this.judgement?.graded) return graded.summary(this.judgement);
    if (this.judgement?.reason) return this.judgement.reason;
    if (this.compile?.status === 'error') return 'The compiler refused it; the log is below.';
    const done = [...this.tests.values()].filter((test) => test.verdict !== 'SK');
    if (done.length === 0) return [this.waits(), this.lostLive ? 'Live updates were lost; asking every second.' : ''].filter(Boolean).join('  ·  ');
    if (this.isGraded()) return `${count(done.length, 'test')} reported so far`;
    const passed = done.filter((test) => test.verdict === 'AC' || test.verdict === 'OK').length;
    const slowest = top(done.map((test) => test.cpu_time_ms));
    const largest = top(done.map((test) => test.memory_bytes));
    return [`${passed} of ${count(this.total ?? done.length, 'test')} passed`, slowest === null ? null : `slowest ${time(slowest)}`,
      largest === null ? null : `most memory ${bytes(largest)}`].filter(Boolean).join('  ·  ');
  }

  // What a submission that nobody judges waits for.
  waits() {
    const { state, queue } = this.view;
    if (state === 'held') return 'It keeps its place and is judged when the hold ends.';
    if (state === 'cancelled') return 'It was taken back and is not judged.';
    if (state !== 'queued' || !queue) return '';
    if (queue.waiting_for) return `It waits: ${lack(queue.waiting_for)}.`;
    return [queue.ahead > 0 ? `${queue.ahead} before it` : 'Next in turn', queue.estimate_ms == null ? null : `done in about ${Math.max(1, Math.round(queue.estimate_ms / 1000))} s`].filter(Boolean).join('  ·  ');
  }

  progress() {
    const idle = this.view.state === 'held' || (this.view.state === 'queued' && this.view.queue?.waiting_for);
    if (this.judgement || this.view.state === 'cancelled' || idle) return null;
    const bar = el('progress', { 'aria-label': 'Progress', max: this.total ?? 1 });
    // How many a harness will report, nobody may know.
    if (this.total && !this.isGraded()) bar.value = this.tests.size;
    return bar;
  }

  drawCompile() {
    const report = this.compile;
    this.log.hidden = !report || (report.status === 'skipped' && !report.log);
    if (this.log.hidden) return;
    const failed = report.status === 'error';
    if (failed) this.log.open = true;
    fill(this.log,
      el('summary', {}, 'Compile log ',
        el('span', { class: 'note' }, [failed ? 'failed' : 'ok', time(report.cpu_time_ms), report.cached ? 'from the cache' : null,
          report.limit_hit ? `${words(report.limit_hit)} limit` : null].filter(Boolean).join('  ·  '))),
      report.log ? el('pre', { class: 'log', testid: 'compile-log', tabindex: 0 }, report.log) : el('p', { class: 'note', testid: 'compile-log' }, 'The compiler said nothing.'));
  }

  clearRows() {
    this.rows.clear();
    this.body.replaceChildren();
  }

  // Draws a waiting row for each case that is known to come.
  drawPending() {
    // Of a harness's tests only those that everybody sees are counted to those who watch; its plan has all that this reader may see.
    const plan = this.judgement || this.view.state !== 'running' ? [] : (this.installed()?.harness?.plan ?? []);
    const total = Math.max(this.total ?? 0, this.tests.size, plan.length);
    const compileFailed = this.compile?.status === 'error';
    this.table.hidden = total === 0 || (compileFailed && this.tests.size === 0);
    this.drawHeads();
    const drawn = Math.min(total, ROWS_MAX);
    for (let index = this.rows.size; index < drawn; index += 1) {
      const row = el('tr', { class: 'pending', role: 'row', testid: 'test-row', data: { index } },
        this.isGraded() ? toCome(plan[index], index) : [el('td', {}, String(index + 1)), el('td', {}, badge(null)), el('td', {}, '–'), el('td', {}, '–'), el('td', {})]);
      this.rows.set(index, row);
      this.body.append(row);
    }
    this.more.textContent = total > drawn ? `and ${count(total - drawn, 'more test case')}` : '';
  }

  drawHeads() {
    const marks = this.isGraded();
    if (this.grid.className === (marks ? 'marks' : 'cases')) return;
    this.grid.className = marks ? 'marks' : 'cases';
    this.testsTitle.textContent = marks ? 'Tests' : 'Test cases';
    fill(this.heads, (marks ? ['Test', 'Result', 'Points', 'Output'] : ['Case', 'Verdict', 'CPU time', 'Memory', 'Details']).map((name) => el('th', { scope: 'col', role: 'columnheader' }, name)));
  }

  drawRow(index) {
    const test = this.tests.get(index);
    const row = this.rows.get(index);
    if (!row || !test) return;
    const limits = this.limits();
    row.className = test.verdict === 'SK' ? 'skipped' : 'decided';
    row.dataset.verdict = test.verdict;
    if (test.graded) return fill(row, graded.cells(test, index));
    fill(row,
      el('th', { scope: 'row' }, test.name ?? String(index + 1), test.sample ? el('span', { class: 'tag' }, 'sample') : null),
      el('td', {}, badge(test.verdict), test.score != null ? el('span', { class: 'note' }, ` ${test.score}`) : null),
      el('td', {}, meter(test.cpu_time_ms, limits.cpu_time_ms, time, 'CPU time')),
      el('td', {}, meter(test.memory_bytes, limits.memory_bytes, bytes, 'Memory')),
      el('td', { class: 'details' }, details(test)));
  }

  drawTiming() {
    const timing = this.judgement?.timing;
    this.timing.hidden = !timing;
    if (!timing) return;
    const parts = [['queue', timing.queue_ms], ['compile', timing.compile_ms], ['run', timing.run_ms], ['check', timing.check_ms]]
      .map(([name, ms]) => [name, Number.isFinite(ms) ? ms : null]);
    const whole = parts.reduce((sum, [, ms]) => sum + (ms ?? 0), 0);
    const bar = el('div', { class: 'split', 'aria-hidden': 'true' });
    for (const [name, ms] of parts) {
      const piece = el('span', { data: { part: name } });
      piece.style.flexGrow = String(whole > 0 ? (ms ?? 0) / whole : 0);
      bar.append(piece);
    }
    fill(this.timing, el('h2', {}, 'Where the time went'), bar,
      el('dl', { class: 'split-legend' }, parts.map(([name, ms]) =>
        el('div', { data: { part: name }, testid: `timing-${name}` }, el('dt', {}, name), el('dd', {}, time(ms))))));
  }

  drawFacts() {
    const judgement = this.judgement;
    this.facts.hidden = !judgement;
    if (!judgement) return;
    const limits = this.limits();
    const rows = [
      ['Submission', this.id],
      ...(judgement.graded ? graded.record(judgement) : [['Limits', [limits.cpu_time_ms && `cpu time ${time(limits.cpu_time_ms)}`, limits.memory_bytes && `memory ${bytes(limits.memory_bytes)}`].filter(Boolean).join(', ')]]),
      [judgement.graded ? 'Harness' : 'Problem', judgement.problem], ['Image', [judgement.image_kind, judgement.image].filter(Boolean).join(' ')],
      ['Judgement', judgement.number && `no. ${judgement.number}${judgement.attempt ? `, attempt ${judgement.attempt}` : ''}`],
      ['Notes', (judgement.notes ?? []).map(noted).join(', ')],
    ].filter(([, text]) => text);
    fill(this.facts, el('h2', {}, 'Record'), el('dl', { class: 'record' }, rows.map(([name, text]) => [el('dt', {}, name), el('dd', {}, text)])));
  }
}

// Cells of a harness's test that is to come.
const toCome = (planned, index) => [el('td', { role: 'cell' }, planned ? el('bdi', {}, line(planned.name)) : String(index + 1)), el('td', { role: 'cell' }, badge(null)),
  el('td', { class: 'points', role: 'cell' }, planned?.max_score == null ? '–' : `of ${planned.max_score}`), el('td', { role: 'cell' })];

// A judgement's notes; of one, what it means for the reader.
const noted = (note) => (note === 'shared_box' ? 'it ran in the harness’s own box and could have written these results itself' : words(note));

// What the details column says: how it ended, why, and what it wrote.
function details(test) {
  const facts = [
    test.limit_hit ? `${words(test.limit_hit)} limit` : null,
    test.signal != null ? `signal ${test.signal}` : null,
    test.exit_code != null && test.exit_code !== 0 ? `exit status ${test.exit_code}` : null,
    test.accounting === 'sampled' ? 'figures sampled' : null,
    ...(test.notes ?? []).map(words),
  ].filter(Boolean);
  const nodes = [facts.length > 0 ? el('span', { class: 'facts' }, facts.join(', ')) : null];
  const said = [...new Set([test.reason, test.feedback].filter(Boolean))];
  nodes.push(...said.map((text) => el('p', { class: 'reason', testid: 'reason' }, text)));
  nodes.push(transcript(test.interaction));
  for (const [name, text, cut] of [['stdout', test.stdout, test.stdout_truncated], ['stderr', test.stderr, test.stderr_truncated]]) {
    if (text) nodes.push(el('details', {}, el('summary', {}, name, cut ? ' (cut)' : ''), el('pre', { class: 'log', tabindex: 0 }, text)));
  }
  return nodes;
}

let pending = [];

// One message for what arrived within a moment, so a screen reader is not flooded.
function announce(text) {
  pending.push(text);
  if (pending.length > 1) return;
  setTimeout(() => {
    const last = pending.slice(-3).join(' ');
    const skipped = pending.length > 3 ? `${pending.length - 3} more. ` : '';
    pending = [];
    append(fill(byId('announce')), [skipped + last]);
  }, 250);
}

function top(values) {
  const measured = values.filter((value) => typeof value === 'number');
  return measured.length === 0 ? null : Math.max(...measured);
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
