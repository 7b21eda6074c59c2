// Courses' autograders: the list with upload (`#/harnesses`), and the face of one beside the form.

import * as api from './api.js';
import { byId, el, fill } from './dom.js';
import { bytes, count, moment, sum, time } from './format.js';
import { card, diagnostics, headline, table } from './parts.js';
import { line, plain } from './plain.js';

const PLAN_MAX = 500; // planned tests that are listed; more are counted
const FORMATS = { gradescope: 'Gradescope', prairielearn: 'PrairieLearn', command: 'own command' };
const HOST = 'host';
const SHARED = 'This harness shares its box with what it grades: a submission could read its tests and write its own results. Run submissions in boxes of their own with `separate = true` in harness.toml, or tick the box above to take it all the same; its results are marked.';

// Who sees a test, and when: in words, for those who see it.
const SEEN = { after_due_date: 'after the due date', after_published: 'when grades are published', hidden: 'hidden' };

/** Where the form for this harness is. */
export const place = (name) => `#/harnesses/${encodeURIComponent(name)}`;

/** A tag that says who sees a test; null for one that everybody sees at once. */
export const visibility = (word) => (SEEN[word] ? el('span', { class: 'tag', testid: 'visibility' }, SEEN[word]) : null);

/** Name of the image everything runs in, for people. */
export const image = (id) => (id === HOST ? 'the worker’s own files' : id);

const short = (digest) => String(digest).replace(/^sha256:/, '').slice(0, 12);
const points = (plan) => (plan.length > 0 && plan.every((test) => test.max_score != null) ? sum(plan.map((test) => test.max_score)) : null);

/** The plan of tests, folded when `folded`; null where there is none. */
export function plan(harness, folded) {
  const tests = harness.harness?.plan ?? [];
  if (tests.length === 0) return null;
  const most = points(tests);
  const said = [count(tests.length, 'test'), most === null ? null : `${most} ${most === '1' ? 'point' : 'points'}`].filter(Boolean).join(', ');
  const rows = tests.slice(0, PLAN_MAX).map((test) => el('li', {}, el('bdi', {}, line(test.name)), ' ',
    test.max_score == null ? null : el('span', { class: 'note' }, `${test.max_score} ${test.max_score === '1' ? 'point' : 'points'}`), visibility(test.visibility)));
  const list = el('ul', { class: 'plan', testid: 'plan' }, rows, tests.length > PLAN_MAX ? el('li', { class: 'note' }, `and ${count(tests.length - PLAN_MAX, 'more test')}`) : null);
  return folded ? el('details', {}, el('summary', {}, said), list) : [el('h2', {}, 'What is tested ', el('span', { class: 'note' }, said)), list];
}

const notes = (harness) => (harness.harness?.notes ?? []).map((note) => el('p', { class: 'warning', testid: 'harness-note' }, plain(note)));

/** What stands beside the form: title, limits, plan, and for its author what to know. */
export function face(harness) {
  const { format, image: runs, separate, wall_time_ms: wall } = harness.harness ?? {};
  const facts = [['Time', time(wall)], ['Memory', bytes(harness.memory_bytes)], ['Image', runs === HOST ? 'host' : runs], ['Form', FORMATS[format] ?? format],
    ['Your program', separate ? 'in boxes of its own' : 'in the harness’s box'], ['Revision', short(harness.digest)]];
  return [el('h1', {}, harness.name), el('p', { class: 'note' }, 'A course’s autograder: it runs what you submit and gives points.'),
    el('dl', { class: 'chips', testid: 'limits' }, facts.map(([name, text]) => el('div', {}, el('dt', {}, name), el('dd', {}, text)))),
    plan(harness) ?? el('p', { class: 'note' }, 'It does not say ahead what it tests.'), notes(harness)];
}

// The list ------------------------------------------------------------------------------------------

/** Shows the harnesses and takes new ones; `changed` is called after one was taken, and shows the list anew. */
export function list(harnesses, changed) {
  const said = el('div', { role: 'status', testid: 'upload-said' });
  fill(byId('view-browse'),
    card(el('h1', {}, 'Harnesses'), el('p', { class: 'note' }, 'Courses’ autograders: what runs a student’s submission and gives points.'),
      harnesses.length === 0 ? el('p', { class: 'note', testid: 'no-harness' }, 'No harness is installed yet.')
        : table('harnesses', 'Harnesses', ['Name', 'Revision', 'Image', 'Form', 'Time', 'Memory', 'Plan', 'Submission runs', 'Installed'], harnesses.map(row))),
    card(el('h2', {}, 'Install a harness'), uploadForm(said, changed), said));
}

function row(harness) {
  const { format, image: runs, separate, wall_time_ms: wall } = harness.harness ?? {};
  return el('tr', { testid: 'harness-row' }, el('th', { scope: 'row' }, el('a', { href: place(harness.name) }, harness.name)),
    el('td', {}, el('code', { title: harness.digest }, short(harness.digest))), el('td', {}, runs ?? '–'), el('td', {}, FORMATS[format] ?? format ?? '–'),
    el('td', { class: 'figure' }, time(wall)), el('td', { class: 'figure' }, bytes(harness.memory_bytes)), el('td', {}, plan(harness, true) ?? 'none'),
    el('td', {}, separate ? 'in boxes of its own' : 'in the harness’s box'), el('td', {}, moment(harness.created_at)));
}

function uploadForm(said, changed) {
  const name = el('input', { id: 'harness-name', testid: 'harness-name', autocomplete: 'off', spellcheck: 'false', maxlength: 100, 'aria-describedby': 'harness-help', placeholder: 'hw1' });
  const chosen = el('span', { class: 'note', testid: 'harness-chosen' });
  const file = el('input', { type: 'file', id: 'harness-zip', accept: '.zip,application/zip', testid: 'harness-zip', on: { change: () => {
    const [zip] = file.files;
    chosen.textContent = zip ? `${zip.name}, ${bytes(zip.size)}` : '';
    if (zip && name.value === '') name.value = zip.name.replace(/\.zip$/i, '');
  } } });
  const shared = el('input', { type: 'checkbox', id: 'harness-shared', testid: 'harness-shared' });
  const button = el('button', { type: 'submit', class: 'primary', testid: 'harness-install' }, 'Install');
  const send = async (event) => {
    event.preventDefault();
    const [zip] = file.files;
    if (!zip || name.value.trim() === '') {
      fill(said, el('p', { class: 'refused' }, zip ? 'It needs a name.' : 'Choose the zip of the autograder first.'));
      (zip ? name : file).focus();
      return;
    }
    fill(said, el('p', { class: 'note' }, `${zip.name} is being checked…`));
    button.disabled = true;
    try {
      const { body, status } = await api.uploadHarness(zip, name.value.trim(), shared.checked);
      await changed();
      installed(byId('view-browse').querySelector('[data-testid=upload-said]') ?? said, body, status === 201);
    } catch (error) {
      fill(said, el('p', { class: 'refused', testid: 'refused' }, error.code === 'shared_box' ? SHARED : plain(headline(error))), diagnostics(error.document?.diagnostics ?? []));
    } finally {
      button.disabled = false;
    }
  };
  return el('form', { class: 'upload', 'aria-label': 'Install a harness', on: { submit: send } },
    el('p', { class: 'note', id: 'harness-help' }, 'The zip of a Gradescope autograder, a PrairieLearn question, or anything with a harness.toml at its top. A name that is there already gets a new revision, which is the active one then.'),
    el('div', { class: 'row' }, el('label', { class: 'plain file-button', for: 'harness-zip' }, 'Choose a zip…', file),
      el('div', { class: 'field grow' }, el('label', { for: 'harness-name' }, 'Name'), name), button),
    chosen,
    el('label', { class: 'check', for: 'harness-shared' }, shared, 'Take it even if it shares its box with submissions, which can then read its tests and forge its results'));
}

function installed(said, harness, fresh) {
  const what = fresh ? ' is installed' : ' was installed with the same content before; that revision is the active one';
  fill(said, el('p', {}, el('a', { href: place(harness.name) }, harness.name), `${what}: revision ${short(harness.digest)}, ${harness.tests > 0 ? count(harness.tests, 'planned test') : 'no plan of tests'}.`), notes(harness));
}
