// The page: a form (`#/problems/<name>`, `#/harnesses/<name>`), a result (`#/submissions/<id>`) and lists
// (`#/submissions`, `#/problems`, `#/harnesses`, `#/queue`), all safe to reload.
// Talks only to the public API (api.js); everything it shows is text (dom.js).

import * as api from './api.js';
import * as browse from './browse.js';
import { byId, el, fill } from './dom.js';
import * as graded from './graded.js';
import * as harnesses from './harnesses.js';
import * as recent from './recent.js';
import { Result } from './result.js';
import * as form from './submit.js';
import { badge } from './parts.js';
import { VERDICTS } from './verdicts.js';
import { watch } from './watch.js';

const LANGUAGES_RETRY_MS = 2000; // a worker registers within seconds of the start
const LANGUAGES_TRIES = 60;

let leave = new AbortController(); // ends what the shown route started

function fail(error) {
  if (error.name === 'AbortError') return;
  if (error.status === 401) return askForToken(true);
  const box = byId('alert');
  fill(box, el('span', {}, error.message), error.code ? el('code', {}, error.code) : null,
    el('button', { type: 'button', class: 'quiet', 'aria-label': 'Dismiss', on: { click: () => { box.hidden = true; } } }, '×'));
  box.hidden = false;
}

// Routes --------------------------------------------------------------------------------------------

function route() {
  leave.abort();
  leave = new AbortController();
  byId('alert').hidden = true;
  const [path, query] = location.hash.split('?');
  const [, kind, raw] = path.split('/');
  let name;
  try {
    name = decodeURIComponent(raw ?? '');
  } catch {
    name = raw;
  }
  const list = ['submissions', 'problems', 'harnesses', 'queue'].includes(kind) && name === '';
  const result = kind === 'submissions' && !list;
  byId('view-submit').hidden = result || list;
  byId('view-result').hidden = !result;
  byId('view-browse').hidden = !list;
  byId('recent-card').hidden = list;
  for (const link of document.querySelectorAll('nav a[href^="#"]')) {
    if (list && link.getAttribute('href') === `#/${kind}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (list) return showList(kind, new URLSearchParams(query ?? ''));
  if (result) return showSubmission(name);
  document.title = 'Tribunal';
  form.choose(kind === 'problems' || kind === 'harnesses' ? name : '');
}

async function showList(kind, query) {
  const { signal } = leave;
  document.title = `${kind.charAt(0).toUpperCase()}${kind.slice(1)} · Tribunal`;
  byId('view-browse').replaceChildren();
  try {
    if (kind === 'submissions') await browse.submissions(query, form, signal);
    else if (kind === 'queue') await browse.queue(signal);
    else if (kind === 'harnesses') harnesses.list(form.harnesses(), reloadHarnesses);
    else browse.problems(form.problems(), reloadProblems);
  } catch (error) {
    if (!signal.aborted) fail(error);
  }
}

const loadPackages = async () => form.setPackages(...await Promise.all([api.problems(), api.harnesses()]));

async function reloadHarnesses() {
  await loadPackages();
  harnesses.list(form.harnesses(), reloadHarnesses);
}

async function reloadProblems() {
  await loadPackages();
  browse.problems(form.problems(), reloadProblems);
}

async function showSubmission(id) {
  const result = new Result(id, form.packages, form.languages);
  const { signal } = leave;
  try {
    await watch(id, {
      event: (kind, data) => result.event(kind, data),
      submission: (view) => { result.submission(view); noteRecent(view); },
      place: (view) => result.place(view),
      lost: () => result.lost(),
    }, signal);
  } catch (error) {
    if (signal.aborted) return;
    if (error.status === 404) {
      recent.forget(id);
      fill(byId('view-result'), el('div', { class: 'card' }, el('h1', {}, 'No such submission'), el('p', {}, error.message), el('a', { href: '#/' }, '← Submit one')));
    } else fail(error);
  }
}

function noteRecent({ id, problem, language, verdict, state, created_at, score, judgement }) {
  const marks = judgement?.graded ? { graded: graded.title(judgement.graded).toLowerCase() } : {};
  recent.remember({ id, problem, language, verdict, state, created_at, score: score ?? null, max_score: judgement?.max_score ?? null, ...marks });
}

// Start ---------------------------------------------------------------------------------------------

async function loadLanguages() {
  for (let tries = 0; tries < LANGUAGES_TRIES; tries += 1) {
    const list = await api.languages();
    form.setLanguages(list);
    if (list.some((language) => language.usable !== false)) return;
    await new Promise((resolve) => setTimeout(resolve, LANGUAGES_RETRY_MS));
  }
}

async function refreshRecent() {
  for (const entry of recent.unfinished()) {
    await api.submission(entry.id).then(noteRecent).catch((error) => { if (error.status === 404) recent.forget(entry.id); });
  }
}

async function load() {
  try {
    await loadPackages();
    route();
    await loadLanguages();
    await refreshRecent();
  } catch (error) {
    route();
    fail(error);
  }
}

function askForToken(refused) {
  byId('token-why').textContent = refused
    ? 'This server asks for a token. Its first one was printed when it started; it is kept until this tab closes.'
    : 'Not needed on this machine. Elsewhere every request needs one; it is kept until this tab closes.';
  if (!byId('token-dialog').open) byId('token-dialog').showModal();
}

function wireToken() {
  byId('token-open').addEventListener('click', () => askForToken(false));
  byId('token-dialog').addEventListener('close', () => {
    const text = byId('token').value.trim();
    byId('token').value = '';
    if (byId('token-dialog').returnValue !== 'save') return;
    api.setToken(text);
    byId('alert').hidden = true;
    load();
  });
}

const THEMES = { auto: ['light', 'Auto', 'as the system'], light: ['dark', 'Light', 'light'], dark: ['auto', 'Dark', 'dark'] };

function wireTheme() {
  const show = (theme) => {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    byId('theme').textContent = `◐ ${THEMES[theme][1]}`;
    byId('theme').setAttribute('aria-label', `Colour theme: ${THEMES[theme][2]}`);
  };
  let theme = localStorage.getItem('tribunal.theme');
  if (!THEMES[theme]) theme = 'auto';
  show(theme);
  byId('theme').addEventListener('click', () => {
    [theme] = THEMES[theme];
    localStorage.setItem('tribunal.theme', theme);
    show(theme);
  });
}

function legend() {
  fill(byId('legend'), VERDICTS.map(([code, title, , meaning]) => el('div', {}, el('dt', {}, badge(code)), el('dd', {}, el('strong', {}, title), ' ', meaning))));
}

wireTheme();
wireToken();
legend();
recent.show();
byId('recent-clear').addEventListener('click', () => recent.forget());
form.start({
  sent: (reply, body) => {
    recent.remember({ id: reply.id, problem: body.problem ?? body.harness, language: body.language ?? reply.language, state: reply.state, created_at: new Date().toISOString() });
    location.hash = `#/submissions/${reply.id}`;
    byId('main').focus({ preventScroll: true });
    window.scrollTo(0, 0);
  },
  failed: fail,
});
window.addEventListener('hashchange', route);
load();
