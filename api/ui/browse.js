// The lists of the service: submissions with filters (`#/submissions?state=done`), problems with upload
// (`#/problems`), queue and workers (`#/queue`). Each shows one state of the service and can be asked again.

import * as api from './api.js';
import { byId, el, fill } from './dom.js';
import { bytes, count, moment, points, time } from './format.js';
import { gradedBadge } from './graded.js';
import { badge, card, diagnostics, headline, lack, table } from './parts.js';
import { VERDICTS } from './verdicts.js';

const PAGE = 50;
const REFRESH_MS = 2000;
const STATES = ['queued', 'running', 'held', 'done', 'cancelled'];
const FILTERS = ['problem', 'language', 'state', 'verdict', 'participant', 'label'];

// Submissions ---------------------------------------------------------------------------------------

/** Shows the submissions that `query` chooses. */
export async function submissions(query, { packages, languages }, signal) {
  const asked = Object.fromEntries(FILTERS.map((key) => [key, query.get(key) ?? '']));
  const body = el('tbody');
  const more = el('button', { type: 'button', class: 'plain', testid: 'more', hidden: true }, 'Show more');
  const note = el('p', { class: 'note', role: 'status', testid: 'list-note' });
  const list = table('submissions', 'Submissions', ['Sent', 'Problem or harness', 'Language', 'Verdict', 'Score', 'Participant', 'State'], []);
  list.querySelector('tbody').replaceWith(body);
  fill(byId('view-browse'), card(el('h1', {}, 'Submissions'), filters(asked, packages(), languages()), list, el('div', { class: 'row centre' }, note, more)));
  let before = null;
  const next = async () => {
    more.disabled = true;
    try {
      const page = await api.submissions({ ...asked, limit: PAGE, before }, signal);
      body.append(...page.map(submissionRow));
      before = page.at(-1)?.id ?? before;
      more.hidden = page.length < PAGE;
      note.textContent = body.children.length === 0 ? 'None here.' : `${count(body.children.length, 'submission')} shown`;
    } finally {
      more.disabled = false;
    }
  };
  more.addEventListener('click', () => next().catch((error) => { note.textContent = error.message; }));
  await next();
}

function submissionRow(view) {
  return el('tr', { testid: 'submission-row' },
    el('th', { scope: 'row' }, el('a', { href: `#/submissions/${encodeURIComponent(view.id)}` }, moment(view.created_at))),
    el('td', {}, view.problem ?? 'own tests'), el('td', {}, view.language), el('td', {}, view.judgement?.graded ? gradedBadge(view) : badge(view.verdict, view.state)),
    el('td', { class: 'figure' }, points(view.score, view.judgement?.max_score)), el('td', {}, view.participant ?? '–'), el('td', {}, view.state));
}

function filters(asked, problems, languages) {
  const choice = (key, name, options) => el('div', { class: 'field' }, el('label', { for: `filter-${key}` }, name),
    el('select', { id: `filter-${key}`, name: key, testid: `filter-${key}` }, el('option', { value: '' }, 'any'),
      options.map((value) => el('option', { value, selected: value === asked[key] }, value))));
  const text = (key, name) => el('div', { class: 'field' }, el('label', { for: `filter-${key}` }, name), el('input', { id: `filter-${key}`, name: key, value: asked[key], testid: `filter-${key}` }));
  const apply = (event) => {
    event.preventDefault();
    const chosen = [...new FormData(event.currentTarget)].filter(([, value]) => value !== '');
    location.hash = `#/submissions${chosen.length > 0 ? `?${new URLSearchParams(chosen)}` : ''}`;
  };
  return el('form', { class: 'filters', 'aria-label': 'Which submissions', on: { submit: apply } },
    choice('problem', 'Problem or harness', problems.map((problem) => problem.name)), choice('language', 'Language', languages.map((language) => language.id)),
    choice('state', 'State', STATES), choice('verdict', 'Verdict', VERDICTS.map(([code]) => code)), text('participant', 'Participant'), text('label', 'Label'),
    el('button', { type: 'submit', class: 'primary', testid: 'filter' }, 'Filter'));
}

// Problems ------------------------------------------------------------------------------------------

/** Shows the installed problems and takes packages; `changed` is called after one was taken. */
export function problems(list, changed) {
  const said = el('div', { role: 'status', testid: 'upload-said' });
  const file = el('input', { type: 'file', id: 'package', accept: '.zip,application/zip', testid: 'package', on: { change: (event) => send(event.target, said, changed) } });
  fill(byId('view-browse'),
    card(el('h1', {}, 'Problems'),
      list.length === 0 ? el('p', { class: 'note' }, 'No problem is installed yet.') : table('problems', 'Problems', ['Name', 'Title', 'Type', 'Tests', 'CPU time', 'Memory', 'Installed'], list.map(problemRow))),
    card(el('h2', {}, 'Install a package'), el('p', { class: 'note' }, 'A zip of an ICPC problem package; its name is the file’s, or that of the folder in it. It is checked first.'),
      el('label', { class: 'plain file-button', for: 'package' }, 'Choose a zip…', file), said));
}

function problemRow(problem) {
  return el('tr', {}, el('th', { scope: 'row' }, el('a', { href: `#/problems/${encodeURIComponent(problem.name)}` }, problem.name)), el('td', {}, problem.title),
    el('td', {}, problem.type), el('td', {}, String(problem.tests)), el('td', {}, time(problem.cpu_time_ms)), el('td', {}, bytes(problem.memory_bytes)), el('td', {}, moment(problem.created_at)));
}

async function send(input, said, changed) {
  const [file] = input.files;
  if (!file) return;
  fill(said, el('p', { class: 'note' }, `${file.name} is being checked…`));
  input.disabled = true;
  try {
    const problem = await api.upload(file, file.name.replace(/\.zip$/i, ''));
    await changed();
    fill(byId('view-browse').querySelector('[data-testid=upload-said]') ?? said, el('p', {}, el('a', { href: `#/problems/${encodeURIComponent(problem.name)}` }, problem.name), ` is installed: ${count(problem.tests, 'test')}.`));
  } catch (error) {
    fill(said, el('p', { class: 'refused' }, headline(error)), diagnostics(error.document?.diagnostics ?? []));
  } finally {
    input.disabled = false;
    input.value = '';
  }
}

// Queue and workers ---------------------------------------------------------------------------------

// State of a worker -> tone of its colour.
const TONES = { ready: 'pass', cordoned: 'part', draining: 'part', unfit: 'fail', lost: 'mute' };

/** Shows queue and workers, again and again until `signal`. Only rows are replaced, so the focus stays where it is. */
export async function queue(signal) {
  const figures = el('p', { testid: 'queue' });
  const lacks = el('div', { role: 'status' });
  const classes = el('tbody');
  const rows = el('tbody');
  const nobody = el('p', { class: 'note' }, 'No worker has registered.');
  const whole = table('workers', 'Workers', ['Name', 'State', 'Slots', 'Version', 'Figures', 'Languages', 'Heard of'], []);
  whole.querySelector('tbody').replaceWith(rows);
  const byClass = table('classes', 'Classes of the queue, most urgent first', ['Class', 'Waiting', 'Running', 'Oldest waits for'], []);
  byClass.querySelector('tbody').replaceWith(classes);
  let said = '';
  while (!signal.aborted) {
    const [state, workers] = await Promise.all([api.queue(signal), api.workers(signal)]);
    if (!figures.isConnected) fill(byId('view-browse'), card(el('h1', {}, 'Queue'), figures, lacks, byClass), card(el('h2', {}, 'Workers'), nobody, whole));
    fill(figures, `${state.waiting} waiting, ${state.running} running, ${count(state.slots, 'slot')}`);
    const lacking = (state.waiting_for ?? []).map((entry) => `${entry.waiting} of them ${entry.waiting === 1 ? 'waits' : 'wait'}: ${lack(entry.missing)}.`);
    // A screen reader hears it when it changes, not every time.
    if (lacking.join() !== said) fill(lacks, lacking.map((text) => el('p', { class: 'warning', testid: 'lacking' }, text)));
    said = lacking.join();
    fill(classes, (state.classes ?? []).map((entry) =>
      el('tr', {}, el('th', { scope: 'row' }, entry.priority), el('td', {}, String(entry.waiting)), el('td', {}, String(entry.running)), el('td', {}, time(entry.oldest_ms)))));
    nobody.hidden = workers.length > 0;
    whole.hidden = workers.length === 0;
    fill(rows, workers.map(workerRow));
    await new Promise((resolve) => { setTimeout(resolve, REFRESH_MS); signal.addEventListener('abort', resolve, { once: true }); });
  }
}

function workerRow(worker) {
  const state = worker.state ?? (!worker.alive ? 'lost' : worker.draining ? 'draining' : 'ready');
  return el('tr', { testid: 'worker', data: { state } }, el('th', { scope: 'row' }, worker.name),
    el('td', {}, el('span', { class: 'badge', data: { tone: TONES[state] ?? 'mute' } }, state), worker.unfit && state !== 'lost' ? el('p', { class: 'why', testid: 'unfit' }, worker.unfit) : null),
    el('td', {}, String(worker.slots)), el('td', {}, worker.version), el('td', {}, worker.accounting),
    el('td', { class: 'languages' }, (worker.languages ?? []).join(', ')),
    el('td', { class: 'moment' }, moment(worker.seen_at)));
}
