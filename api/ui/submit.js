// The form: problem, language, code. Sources are typed, chosen or dropped; drafts stay in this tab.

import * as api from './api.js';
import { byId, el, fill } from './dom.js';
import { bytes, count, time } from './format.js';
import { paint } from './highlight.js';
import { markdown } from './markdown.js';
import { TEMPLATES } from './templates.js';

const FILE_MAX = 256 * 1024; // the service's own caps; it checks again
const TOTAL_MAX = 1024 * 1024;
const FILES_MAX = 100;
const REASONS_MAX = 3; // more unusable languages are counted, not explained

const state = { problems: [], languages: [], files: [], name: null, template: null };
const code = () => byId('code');

/** Wires the form. `sent(reply, body)` is called when a submission was accepted, `failed(error)` when not. */
export function start({ sent, failed }) {
  const chosen = (event) => take([...event.target.files]).catch(failed).finally(() => { event.target.value = ''; });
  byId('problem').addEventListener('change', () => { location.hash = `#/problems/${encodeURIComponent(byId('problem').value)}`; });
  byId('language').addEventListener('change', () => { sessionStorage.setItem('tribunal.language', byId('language').value); languageChosen(); });
  byId('template').addEventListener('click', insertTemplate);
  byId('file').addEventListener('change', chosen);
  code().addEventListener('input', () => { typed(); saveDraft(); });
  code().addEventListener('keydown', editorKey);
  code().addEventListener('scroll', scrolled);
  new ResizeObserver(scrolled).observe(code());
  wireDrop(failed);
  byId('submit-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = byId('submit');
    if (button.disabled) return;
    button.disabled = true;
    try {
      const body = request();
      sent(await api.submit(body), body);
    } catch (error) {
      failed(error);
    } finally {
      button.disabled = false;
    }
  });
}

/** The installed problems. */
export const problems = () => state.problems;
/** The registered languages. */
export const languages = () => state.languages;

/** Shows the problems; keeps the choice when it is still there. */
export function setProblems(list) {
  state.problems = [...list].sort((a, b) => a.name.localeCompare(b.name));
  const select = byId('problem');
  const before = select.value;
  fill(select, state.problems.map((problem) => el('option', { value: problem.name }, problem.title && problem.title !== problem.name ? `${problem.title} (${problem.name})` : problem.name)));
  select.disabled = state.problems.length === 0;
  if (state.problems.some((problem) => problem.name === before)) select.value = before;
}

/** Shows the languages; what cannot be used here is listed, disabled, with its reason. */
export function setLanguages(list) {
  state.languages = list;
  const select = byId('language');
  const before = select.value || sessionStorage.getItem('tribunal.language');
  fill(select, list.map((language) => el('option', { value: language.id, disabled: language.usable === false, title: language.reason },
    language.usable === false ? `${language.name} – not usable` : language.name)));
  const usable = list.filter((language) => language.usable !== false);
  select.value = (usable.find((language) => language.id === before) ?? usable[0])?.id ?? '';
  byId('submit').disabled = usable.length === 0;
  languageChosen();
}

/** Shows the statement of `name`, or of the first problem; answers whether the name is installed. */
export function choose(name) {
  const problem = state.problems.find((entry) => entry.name === name) ?? (name ? null : firstProblem());
  if (!problem) {
    fill(byId('statement'), el('p', { class: 'note' }, name ? `No problem is called “${name}” here.` : 'No problem is installed yet.'));
    return false;
  }
  byId('problem').value = problem.name;
  fill(byId('statement'), el('h1', {}, problem.title || problem.name), limits(problem),
    problem.statement ? markdown(problem.statement, problem.title) : el('p', { class: 'note' }, 'This package has no statement.'), samples(problem));
  loadDraft();
  return true;
}

// The example that the templates solve is the best first sight; elsewhere it is the first of the list.
const firstProblem = () => state.problems.find((problem) => problem.name === 'aplusb') ?? state.problems[0];

function limits(problem) {
  const facts = [['CPU time', time(problem.cpu_time_ms)], ['Memory', bytes(problem.memory_bytes)], ['Tests', String(problem.tests ?? '–')], ['Type', problem.type ?? 'pass-fail']];
  return el('dl', { class: 'chips', testid: 'limits' }, facts.map(([name, text]) => el('div', {}, el('dt', {}, name), el('dd', {}, text))));
}

function samples(problem) {
  return (problem.samples ?? []).map((sample, index) => el('section', { class: 'sample', testid: 'sample', 'aria-label': `Sample ${index + 1}` },
    [['Input', sample.input], ['Answer', sample.answer]].map(([name, text]) =>
      el('div', {}, el('h3', {}, `${name} ${index + 1}`), el('pre', { tabindex: 0 }, text)))));
}

function languageChosen() {
  const language = state.languages.find((entry) => entry.id === byId('language').value);
  byId('template').hidden = !TEMPLATES[language?.id];
  typed();
  const unusable = state.languages.filter((entry) => entry.usable === false);
  const notes = [
    language?.version ?? null,
    language?.image_kind === 'host' ? 'runs on the files of this host until its image is built' : null,
    ...(unusable.length > REASONS_MAX ? [`${unusable.length} languages have no image here: the list shows them, disabled`] : unusable.map((entry) => `${entry.name}: ${entry.reason ?? 'not usable here'}`)),
  ];
  byId('language-note').textContent = state.languages.length === 0 ? 'Waiting for a worker to say what it can judge…' : notes.filter(Boolean).join('  ·  ');
  loadDraft();
}

function guessLanguage(fileName) {
  const extension = fileName.includes('.') ? fileName.split('.').pop().toLowerCase() : '';
  const meant = state.languages.filter((language) => language.usable !== false && (language.extensions ?? []).some((known) => known.toLowerCase() === extension));
  // Another compiler or version of a language is chosen by hand.
  return meant.find((language) => !language.variant_of) ?? meant[0];
}

// Sources -------------------------------------------------------------------------------------------

async function take(files) {
  if (files.length === 0) return;
  if (files.length > FILES_MAX) throw new Error(`${files.length} files were given; at most ${FILES_MAX} can be sent together.`);
  const large = files.find((file) => file.size > FILE_MAX);
  if (large) throw new Error(`${large.name} has ${bytes(large.size)}; a source file may have ${bytes(FILE_MAX)}.`);
  const read = await Promise.all(files.map(readSource));
  const guess = files.map((file) => guessLanguage(file.name)).find(Boolean);
  if (guess && byId('language').value !== guess.id) {
    byId('language').value = guess.id;
    languageChosen();
  }
  if (read.length === 1 && read[0].content !== undefined) {
    setFiles([]);
    setCode(read[0].content);
    state.name = read[0].name;
    saveDraft();
  } else setFiles(read);
  typed();
}

async function readSource(file) {
  const raw = new Uint8Array(await file.arrayBuffer());
  try {
    return { name: file.name, content: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw), size: raw.length };
  } catch {
    return { name: file.name, content_base64: btoa(Array.from(raw, (byte) => String.fromCharCode(byte)).join('')), size: raw.length };
  }
}

function setFiles(files) {
  state.files = files;
  byId('editor').hidden = files.length > 0;
  byId('files').hidden = files.length === 0;
  fill(byId('files'), files.map((file) => el('li', {}, el('code', {}, file.name), el('span', { class: 'note' }, bytes(file.size)),
    el('button', { type: 'button', class: 'quiet', 'aria-label': `Remove ${file.name}`, on: { click: () => { setFiles(state.files.filter((other) => other !== file)); typed(); } } }, 'Remove'))));
}

/** The request body of what the form holds. */
function request() {
  const language = state.languages.find((entry) => entry.id === byId('language').value);
  const problem = byId('problem').value;
  if (!problem) throw new Error('Choose a problem first.');
  if (!language) throw new Error('Choose a language first.');
  const files = state.files.length > 0 ? state.files.map(({ size, ...file }) => file) : [typedFile(language)];
  const total = state.files.length > 0 ? state.files.reduce((sum, file) => sum + file.size, 0) : sizeOf(code().value);
  if (total > (state.files.length > 0 ? TOTAL_MAX : FILE_MAX)) throw new Error(`The source has ${bytes(total)}; ${bytes(state.files.length > 0 ? TOTAL_MAX : FILE_MAX)} can be sent.`);
  return { problem, language: language.id, files };
}

function typedFile(language) {
  const content = code().value;
  if (content.trim() === '') {
    code().focus();
    throw new Error('There is no code yet: paste some, choose a file, or insert the template.');
  }
  const extensions = language.extensions ?? [];
  const fits = state.name && extensions.some((extension) => state.name.toLowerCase().endsWith(`.${extension.toLowerCase()}`));
  return { name: fits ? state.name : `main.${extensions[0] ?? 'txt'}`, content };
}

const sizeOf = (text) => new TextEncoder().encode(text).length;

// Editor --------------------------------------------------------------------------------------------

function setCode(text) {
  code().value = text;
  code().scrollTop = 0;
  typed();
}

// Line numbers and colours follow the text.
function scrolled() {
  byId('gutter').scrollTop = code().scrollTop;
  byId('paint').scrollTop = code().scrollTop;
  byId('paint').scrollLeft = code().scrollLeft;
}

let drawing = false;

// At most once a frame: what arrives line by line is coloured once.
function colour() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    code().classList.toggle('painted', paint(byId('paint'), code().value, byId('language').value));
    scrolled();
  });
}

function typed() {
  colour();
  const lines = code().value.split('\n').length;
  if (byId('gutter').dataset.lines !== String(lines)) {
    byId('gutter').dataset.lines = String(lines);
    byId('gutter').textContent = Array.from({ length: lines }, (_, line) => line + 1).join('\n');
  }
  const size = state.files.length > 0 ? state.files.reduce((sum, file) => sum + file.size, 0) : sizeOf(code().value);
  byId('size-note').textContent = state.files.length > 0 ? `${count(state.files.length, 'file')}, ${bytes(size)}` : `${count(lines, 'line')}, ${bytes(size)}`;
}

function insertTemplate() {
  const text = TEMPLATES[byId('language').value];
  if (!text) return;
  setFiles([]);
  setCode(text);
  state.name = null;
  saveDraft();
  code().focus();
}

let leaving = false; // Esc was the last key: Tab moves on instead of indenting

function editorKey(event) {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    byId('submit-form').requestSubmit();
  } else if (event.key === 'Tab' && !event.shiftKey && !event.ctrlKey && !event.altKey && !leaving) {
    event.preventDefault();
    code().setRangeText('    ', code().selectionStart, code().selectionEnd, 'end');
    typed();
    saveDraft();
  }
  leaving = event.key === 'Escape';
}

const draftKey = () => `tribunal.draft.${byId('problem').value}.${byId('language').value}`;

function saveDraft() {
  try {
    sessionStorage.setItem(draftKey(), code().value);
  } catch {
    // No room for the draft: the text stays in the editor.
  }
}

function loadDraft() {
  const key = draftKey();
  if (code().dataset.draft === key) return;
  const draft = sessionStorage.getItem(key);
  const own = code().value.trim() !== '' && code().dataset.draft === undefined;
  code().dataset.draft = key;
  if (own) return saveDraft();
  state.name = null;
  setFiles([]);
  setCode(draft ?? '');
}

function wireDrop(failed) {
  const card = byId('submit-form');
  const over = (event) => {
    if (![...(event.dataTransfer?.types ?? [])].includes('Files')) return;
    event.preventDefault();
    card.dataset.drop = 'yes';
  };
  card.addEventListener('dragenter', over);
  card.addEventListener('dragover', over);
  card.addEventListener('dragleave', (event) => { if (!card.contains(event.relatedTarget)) delete card.dataset.drop; });
  card.addEventListener('drop', (event) => {
    delete card.dataset.drop;
    if (event.dataTransfer.files.length === 0) return;
    event.preventDefault();
    take([...event.dataTransfer.files]).catch(failed);
  });
}
