// The form: problem, language, code; or harness and files. Sources are typed, chosen or dropped; drafts stay in this tab.

import * as api from './api.js';
import { byId, el, fill } from './dom.js';
import { bytes, count, time } from './format.js';
import { face } from './harnesses.js';
import { paint } from './highlight.js';
import { markdown } from './markdown.js';
import * as sources from './sources.js';
import { TEMPLATES } from './templates.js';

const { FILE_MAX, TOTAL_MAX, sizeOf } = sources;
const REASONS_MAX = 3; // more unusable languages are counted, not explained

const state = { problems: [], harnesses: [], languages: [], files: [], name: null, template: null, failed: null };
const code = () => byId('code');
// The chosen harness, if one is chosen: the two kinds share their names.
const harness = () => state.harnesses.find((entry) => entry.name === byId('problem').value);

/** Wires the form. `sent(reply, body)` is called when a submission was accepted, `failed(error)` when not. */
export function start({ sent, failed }) {
  state.failed = failed;
  const chosen = (event) => take(sources.chosen(event.target.files)).catch(failed).finally(() => { event.target.value = ''; });
  byId('problem').addEventListener('change', () => { location.hash = `#/${harness() ? 'harnesses' : 'problems'}/${encodeURIComponent(byId('problem').value)}`; });
  byId('language').addEventListener('change', () => { sessionStorage.setItem('tribunal.language', byId('language').value); languageChosen(); });
  byId('template').addEventListener('click', insertTemplate);
  byId('file').addEventListener('change', chosen);
  byId('folder').addEventListener('change', chosen);
  byId('keep').addEventListener('click', () => tried(keep));
  byId('file-name').addEventListener('input', () => { colour(); saveDraft(); });
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
      allow();
    }
  });
}

/** The installed problems. */
export const problems = () => state.problems;
/** The installed harnesses. */
export const harnesses = () => state.harnesses;
/** Both. */
export const packages = () => [...state.problems, ...state.harnesses];
/** The registered languages. */
export const languages = () => state.languages;

/** Shows problems and harnesses; keeps the choice when it is still there. */
export function setPackages(problems, harnesses) {
  const sorted = (list) => [...list].sort((a, b) => a.name.localeCompare(b.name));
  [state.problems, state.harnesses] = [sorted(problems), sorted(harnesses)];
  const select = byId('problem');
  const before = select.value;
  const options = (list) => list.map((entry) => el('option', { value: entry.name }, entry.title && entry.title !== entry.name ? `${entry.title} (${entry.name})` : entry.name));
  const group = (label, list) => (list.length > 0 ? el('optgroup', { label }, options(list)) : null);
  if (harnesses.length === 0) fill(select, options(state.problems));
  else fill(select, group('Problems', state.problems), group('Harnesses', state.harnesses));
  byId('problem-label').textContent = harnesses.length > 0 ? 'Problem or harness' : 'Problem';
  select.disabled = packages().length === 0;
  if (packages().some((entry) => entry.name === before)) select.value = before;
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
  allow();
  languageChosen();
}

// A harness names its image itself; for a problem some language has to be usable.
function allow() {
  byId('submit').disabled = !harness() && !state.languages.some((language) => language.usable !== false);
}

/** Shows the statement of `name`, or of the first problem; answers whether the name is installed. */
export function choose(name) {
  const problem = packages().find((entry) => entry.name === name) ?? (name ? null : firstProblem());
  if (!problem) {
    fill(byId('statement'), el('p', { class: 'note' }, name ? `Nothing is called “${name}” here.` : 'No problem is installed yet.'));
    return false;
  }
  byId('problem').value = problem.name;
  kindChosen();
  if (problem.harness) fill(byId('statement'), face(problem));
  else fill(byId('statement'), el('h1', {}, problem.title || problem.name), limits(problem),
    problem.statement ? markdown(problem.statement, problem.title) : el('p', { class: 'note' }, 'This package has no statement.'), samples(problem));
  loadDraft();
  return true;
}

// The example that the templates solve is the best first sight; elsewhere it is the first of the list.
const firstProblem = () => state.problems.find((problem) => problem.name === 'aplusb') ?? state.problems[0] ?? state.harnesses[0];

// The form of a problem has a language, that of a harness a file name.
function kindChosen() {
  const named = Boolean(harness());
  byId('language-field').hidden = named;
  byId('name-field').hidden = !named;
  byId('keep').hidden = !named;
  byId('folder-button').hidden = !named;
  byId('code-label').textContent = named ? 'Content of the file' : 'Source code';
  byId('code').placeholder = named ? 'Write or paste a file here, or drop files.' : 'Paste code here, or drop a file.';
  allow();
  languageChosen();
}

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
  byId('template').hidden = Boolean(harness()) || !TEMPLATES[language?.id];
  typed();
  if (harness()) {
    byId('language-note').textContent = 'The harness says what runs and in which image. Each file keeps its name; a zip is sent as it is.';
    return loadDraft();
  }
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
  const read = await sources.read(files);
  if (read.length === 0) throw new Error('There is no file to send in it: hidden ones are left out.');
  if (harness()) return takeForHarness(read);
  const guess = read.map((file) => guessLanguage(file.name)).find(Boolean);
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

// A harness takes many files: one text goes into an empty editor, the rest joins the list.
function takeForHarness(read) {
  if (read.length === 1 && read[0].content !== undefined && state.files.length === 0 && code().value.trim() === '') edit(read[0]);
  else setFiles(joined(read));
  typed();
}

// The files with these in place of those of the same names.
function joined(files) {
  const names = new Set(files.map((file) => file.name));
  const all = [...state.files.filter((file) => !names.has(file.name)), ...files];
  if (all.length > sources.FILES_MAX) throw new Error(`These would be ${all.length} files; at most ${sources.FILES_MAX} can be sent together.`);
  return all;
}

// Into the editor, to be changed.
function edit(file) {
  byId('file-name').value = file.name;
  setCode(file.content);
  saveDraft();
}

// Out of the editor into the list, to write another one.
function keep() {
  const file = typedForHarness();
  setFiles(joined([{ ...file, size: sizeOf(file.content) }]));
  byId('file-name').value = '';
  setCode('');
  saveDraft();
  byId('file-name').focus();
  byId('announce').textContent = `${file.name} is in the list of files.`;
}

function setFiles(files) {
  state.files = files;
  byId('editor').hidden = files.length > 0 && !harness();
  byId('files').hidden = files.length === 0;
  const without = (file) => () => { setFiles(state.files.filter((other) => other !== file)); typed(); };
  const change = (file) => () => {
    if (code().value.trim() !== '') keep();
    without(file)();
    edit(file);
    code().focus();
  };
  fill(byId('files'), files.map((file) => el('li', {}, el('code', {}, file.name), el('span', { class: 'note' }, `${bytes(file.size)}${harness() && file.packed && alone() ? ', is unpacked' : ''}`),
    harness() && file.content !== undefined ? el('button', { type: 'button', class: 'quiet', 'aria-label': `Edit ${file.name}`, on: { click: () => tried(change(file)) } }, 'Edit') : null,
    el('button', { type: 'button', class: 'quiet', 'aria-label': `Remove ${file.name}`, on: { click: without(file) } }, 'Remove'))));
}

function tried(action) {
  try {
    action();
  } catch (error) {
    state.failed(error);
  }
}

/** The request body of what the form holds. */
function request() {
  if (harness()) return harnessRequest();
  const language = state.languages.find((entry) => entry.id === byId('language').value);
  const problem = byId('problem').value;
  if (!problem) throw new Error('Choose a problem first.');
  if (!language) throw new Error('Choose a language first.');
  const files = state.files.length > 0 ? state.files.map(bare) : [typedFile(language)];
  const total = state.files.length > 0 ? state.files.reduce((sum, file) => sum + file.size, 0) : sizeOf(code().value);
  bounded(total, state.files.length > 0 ? TOTAL_MAX : FILE_MAX);
  return { problem, language: language.id, files };
}

const bare = ({ size, packed, ...file }) => file;

function bounded(total, most) {
  if (total > most) throw new Error(`The source has ${bytes(total)}; ${bytes(most)} can be sent.`);
}

// The only file of the list.
const alone = () => (state.files.length === 1 ? state.files[0] : null);

// What is in the list, and what is in the editor when something is.
function harnessRequest() {
  const typed = state.files.length === 0 || code().value.trim() !== '' ? [typedForHarness()] : [];
  const twice = typed.find((file) => state.files.some((other) => other.name === file.name));
  if (twice) throw new Error(`${twice.name} is in the list of files already: remove it there, or give the text another name.`);
  bounded(state.files.reduce((sum, file) => sum + file.size, sizeOf(typed[0]?.content ?? '')), TOTAL_MAX);
  bounded(sizeOf(typed[0]?.content ?? ''), FILE_MAX);
  const packed = alone()?.packed;
  const files = [...state.files.map(bare), ...typed];
  return { harness: harness().name, files, ...(packed && typed.length === 0 ? { packed } : {}) };
}

function typedForHarness() {
  const content = code().value;
  const name = byId('file-name').value.trim();
  if (content.trim() === '') {
    code().focus();
    throw new Error('There is no file yet: write one, or choose or drop some.');
  }
  if (name === '') {
    byId('file-name').focus();
    throw new Error('The file has no name yet: the harness looks for its files by name.');
  }
  return { name, content };
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
    code().classList.toggle('painted', paint(byId('paint'), code().value, harness() ? guessLanguage(byId('file-name').value)?.id : byId('language').value));
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
  const listed = state.files.reduce((sum, file) => sum + file.size, 0);
  const alone = state.files.length === 0;
  const too = !alone && harness() && code().value.trim() !== ''; // what is written goes along with the list
  byId('keep').disabled = code().value.trim() === '';
  byId('size-note').textContent = alone ? `${count(lines, 'line')}, ${bytes(sizeOf(code().value))}` : `${count(state.files.length + (too ? 1 : 0), 'file')}, ${bytes(listed + (too ? sizeOf(code().value) : 0))}`;
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

const draftKey = () => `tribunal.draft.${byId('problem').value}.${harness() ? '' : byId('language').value}`;

function saveDraft() {
  try {
    sessionStorage.setItem(draftKey(), code().value);
    if (harness()) sessionStorage.setItem(`${draftKey()}name`, byId('file-name').value);
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
  byId('file-name').value = harness() ? sessionStorage.getItem(`${key}name`) ?? '' : '';
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
    sources.dropped(event.dataTransfer).then(take).catch(failed);
  });
}
