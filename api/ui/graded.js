// What a course's autograder said of a submission: its points instead of a verdict, its own tests, its words. All of it
// comes from programs that a student may have had a hand in, and is shown as text or as nodes made of it.

import { el } from './dom.js';
import { bytes, count, points, time, words } from './format.js';
import { visibility } from './harnesses.js';
import { markup } from './markup.js';
import { markdown } from './markdown.js';
import { badge } from './parts.js';
import { line, plain, uncoloured } from './plain.js';

const SHORT = 400; // characters of an output that is shown at once; a longer one is folded
const SHORT_LINES = 8;
const FIRST_LINE = 110;
const OUT_OF_TIME = ['ILE', 'TLE'];

// How a grading ended, in words; the judge's word stands beside it.
const STATUSES = { graded: 'Graded', partial: 'Graded in part', failed: 'Grading failed', ungradable: 'Not gradable', error: 'Grading failed' };

/** How it ended, as a title. */
export const title = (graded) => STATUSES[graded.status] ?? String(graded.status);

/** The badge of a graded submission in a list. */
export const gradedBadge = (view) => badge(view.verdict, view.state, title(view.judgement.graded).toLowerCase());

/** Tone of the colour of a graded submission: by its points when it was graded, else null. */
export function tone({ graded, score, max_score: most }) {
  if (graded.status === 'ungradable') return 'part';
  if (graded.status !== 'graded') return null;
  if (score == null) return 'wait';
  if (most == null) return 'pass';
  if (Number(score) >= Number(most)) return 'pass';
  return Number(score) > 0 ? 'part' : 'fail';
}

/** What the head says below the title: how it ended, what was kept, how many tests passed. */
export function summary({ graded, verdict, limits, tests = [], reason }) {
  const missing = tests.filter((test) => test.graded?.not_reported).length;
  const heard = tests.length - missing;
  const why = reason ?? graded.feedback; // contestants have no reason
  const parts = [];
  if (graded.status === 'ungradable') parts.push(why ? `The harness says that it cannot be graded: ${ended(plain(why))}` : 'The harness says that it cannot be graded.', 'It has no score, and that is no zero.');
  else if (graded.status !== 'graded') {
    const out = OUT_OF_TIME.includes(verdict) ? `The harness ran out of time${limits?.wall_time_ms ? ` (${time(verdict === 'TLE' ? limits.cpu_time_ms : limits.wall_time_ms)})` : ''}.` : null;
    parts.push(out ?? (why ? sentence(plain(why)) : 'The harness ended without its final word.'));
    if (heard > 0) parts.push(`What it had reported until then is kept: ${count(heard, 'test')}.`);
    if (missing > 0) parts.push(`${missing} planned ${missing === 1 ? 'test was' : 'tests were'} not reported and ${missing === 1 ? 'counts' : 'count'} nothing.`);
    if (heard === 0 && missing === 0) parts.push('There is no result to count.');
  }
  if (heard > 0) {
    const judged = tests.filter((test) => test.graded?.status);
    const passed = judged.filter((test) => test.graded.status === 'passed').length;
    if (judged.length > 0) parts.push(`${passed} of ${count(judged.length, 'test')} passed.`);
  }
  return parts.join(' ');
}

const ended = (text) => (/[.!?]\s*$/.test(text) ? text : `${text}.`);
const sentence = (text) => ended(`${text.charAt(0).toUpperCase()}${text.slice(1)}`);

/** Points beside the title; words where the harness keeps the total back. */
export function score({ graded, score: had, max_score: most }) {
  if (graded.status === 'ungradable') return null;
  if (had == null) return el('span', { class: 'note kept-back', testid: 'score' }, 'The total is not shown: the harness keeps a part of it back.');
  return el('span', { class: 'score', testid: 'score' }, el('span', { class: 'visually-hidden' }, 'Score '), points(had, most));
}

/** The cells of a test's row. */
export function cells(test, index) {
  const { graded = {} } = test;
  const name = line(test.name || `test ${index + 1}`);
  return [
    el('th', { scope: 'row', role: 'rowheader' }, graded.number ? el('bdi', { class: 'number' }, `${line(graded.number)} `) : null, el('bdi', {}, name), visibility(graded.visibility),
      (graded.tags ?? []).map((tag) => el('span', { class: 'tag' }, el('bdi', {}, line(tag))))),
    el('td', { role: 'cell' }, result(test)),
    el('td', { class: 'points', role: 'cell' }, test.score == null && test.max_score != null ? `– of ${test.max_score}` : points(test.score, test.max_score)),
    el('td', { class: 'details', role: 'cell' }, graded.not_reported ? el('p', { class: 'reason', testid: 'reason' }, plain(test.feedback ?? test.reason ?? 'nothing was heard of it')) : [output(test.feedback, graded.output_format), graded.output_truncated ? cutNote(test.feedback) : null]),
  ];
}

// Said below an output of which not all is kept.
const cutNote = (text) => el('p', { class: 'note', testid: 'output-cut' }, text ? `Cut: it said more than the ${bytes(new Blob([text]).size)} that are kept.` : 'Cut: nothing of it is kept, because other outputs took all room.');

const RESULTS = { passed: 'pass', failed: 'fail' };

function result({ graded = {} }) {
  const [word, colour] = graded.not_reported ? ['not reported', 'limit'] : graded.status ? [words(graded.status), RESULTS[graded.status] ?? 'mute'] : ['informs', 'mute'];
  return el('span', { class: 'badge', data: { tone: colour } }, word);
}

// A text in the form its harness gives: folded when it is long.
function output(text, format) {
  if (text == null || text === '') return null;
  if (text.length <= SHORT && text.split('\n').length <= SHORT_LINES) return said(text, format);
  const first = firstLine(text, format);
  const folded = el('details', { testid: 'long-output' }, el('summary', {}, el('bdi', {}, first), el('span', { class: 'note' }, ` ${bytes(new Blob([text]).size)}`)));
  // Thousands of long outputs cost nothing until somebody looks.
  folded.addEventListener('toggle', () => folded.append(said(text, format, true)), { once: true });
  return folded;
}

function firstLine(text, format) {
  const start = format === 'html' ? text.slice(0, 4000).replace(/<[^>]*(?:>|$)/g, ' ') : text.slice(0, 4000);
  const first = uncoloured(start).split('\n').map((part) => part.trim()).find((part) => part !== '') ?? 'Output';
  return first.length > FIRST_LINE ? `${first.slice(0, FIRST_LINE)}…` : first;
}

function said(text, format, scrolls = false) {
  const props = { class: 'said', testid: 'output', data: { format: format ?? 'text' }, ...(scrolls ? { tabindex: 0, role: 'region', 'aria-label': 'Output' } : {}) };
  if (format === 'md') return el('div', props, markdown(plain(text)));
  if (format === 'html') return el('div', props, markup(text));
  return el('pre', { ...props, class: 'said log' }, format === 'ansi' ? uncoloured(text) : plain(text));
}

/** What the harness says of all of it, what it printed, and for staff what was wrong with its results and who sees what. */
export function remarks({ graded, tests = [], notes = [] }) {
  const parts = [];
  // For staff: contestants read it in the record.
  if (graded.shown && notes.includes('shared_box')) parts.push(el('p', { class: 'warning', testid: 'shared-box' }, 'The submission ran in the harness’s own box: it could have written these results itself.'));
  if (graded.output) parts.push(el('h2', {}, 'What the harness says'), said(graded.output, graded.output_format, graded.output.length > SHORT));
  if (graded.output_truncated) parts.push(cutNote(graded.output));
  if (graded.stdout) {
    parts.push(el('details', { testid: 'graded-stdout' }, el('summary', {}, 'What the harness printed ', el('span', { class: 'note' }, `${bytes(new Blob([graded.stdout]).size)}${graded.stdout_truncated ? ', cut' : ''}`)),
      el('pre', { class: 'log', tabindex: 0 }, uncoloured(graded.stdout)),
      graded.stdout_truncated ? el('p', { class: 'note', testid: 'stdout-cut' }, 'It printed more: the first 64 KiB of stdout and of stderr are kept.') : null));
  }
  if (notes.includes('graded_output_truncated')) parts.push(el('p', { class: 'note', testid: 'outputs-cut' }, 'Some texts were cut: of each 64 KiB are kept, and 1 MiB of all together. Each output that was cut says so.'));
  if (notes.includes('graded_tests_truncated')) parts.push(el('p', { class: 'note', testid: 'tests-cut' }, 'It reported more tests than are kept here: the points are those of all.'));
  if (graded.diagnostics?.length > 0) {
    parts.push(el('h2', {}, 'What was wrong with its results'), el('ul', { class: 'diagnostics', testid: 'graded-diagnostics' }, graded.diagnostics.map((entry) => el('li', { data: { severity: 'warning' } }, plain(entry)))));
  }
  if (graded.shown && tests.length > 0) parts.push(el('p', { class: 'note', testid: 'shown' }, shownTo(graded.shown, tests.length)));
  return parts;
}

// What a contestant sees before the due date, said to staff.
function shownTo(shown, tests) {
  const parts = [['the total', shown.total], ['what the harness says', shown.output], ['what it printed', shown.stdout]];
  const some = (seen) => parts.filter(([, is]) => is === seen).map(([what]) => what);
  const kept = some(false);
  return `Before the due date a contestant sees ${[`${shown.tests.length} of ${count(tests, 'test')}`, ...some(true)].join(', ')}${kept.length > 0 ? `; not ${kept.join(', not ')}` : ''}.`;
}

/** Rows of the record that only a graded submission has. */
export const record = ({ graded, limits }) => [
  ['Limits', limits && [`time ${time(limits.wall_time_ms)}`, `cpu time ${time(limits.cpu_time_ms)}`, `memory ${bytes(limits.memory_bytes)}`].join(', ')],
  ['Used', graded.wall_time_ms == null ? null : [`time ${time(graded.wall_time_ms)}`, `cpu time ${time(graded.cpu_time_ms)}`, `memory ${bytes(graded.memory_bytes)}`].join(', ')],
  ['Submission ran', graded.separate ? 'in boxes of its own' : 'in the harness’s box'],
];
