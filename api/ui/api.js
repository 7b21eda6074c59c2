// The only module that talks to the server: the public native API, nothing else.

import { readEvents } from './sse.js';

const TOKEN = 'tribunal.token';

/** The token of this tab, or null. */
export const token = () => sessionStorage.getItem(TOKEN);

/** Keeps a token until the tab closes; an empty one is forgotten. */
export function setToken(text) {
  if (text) sessionStorage.setItem(TOKEN, text);
  else sessionStorage.removeItem(TOKEN);
}

/** A request the server refused, with the status and the stable code of its problem document. */
export class ApiError extends Error {
  constructor(status, code, detail, document = {}) {
    super(detail);
    this.document = document;
    this.status = status;
    this.code = code;
  }
}

function headers(more = {}) {
  const held = token();
  return held ? { ...more, Authorization: `Bearer ${held}` } : more;
}

async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: headers(options.headers), credentials: 'omit', cache: 'no-store' });
  } catch (cause) {
    if (cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'unreachable', 'The server does not answer. Is it running?');
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  const document = await response.json().catch(() => ({}));
  const detail = document.detail || document.title || `The server answered ${response.status}.`;
  return new ApiError(response.status, document.code || 'unknown', detail, document);
}

// A list is a JSON array, or stands under its own name in an object.
const list = (body, key) => (Array.isArray(body) ? body : (body?.[key] ?? []));

/** Every language any worker knows. */
export const languages = async () => list(await (await request('api/v1/languages')).json(), 'languages');

/** Every installed problem. */
export const problems = async () => list(await (await request('api/v1/problems')).json(), 'problems');

/** Every installed harness (a course's autograder). */
export const harnesses = async () => list(await (await request('api/v1/problems?kind=harness')).json(), 'harnesses');

/** One submission. */
export const submission = async (id, signal) =>
  (await request(`api/v1/submissions/${encodeURIComponent(id)}`, { signal })).json();

/** Submissions, newest first, their judgements without tests and outputs; empty filters are left out. */
export const submissions = async (filters, signal) => {
  const asked = Object.entries({ ...filters, brief: true }).filter(([, value]) => value !== '' && value !== null);
  return list(await (await request(`api/v1/submissions?${new URLSearchParams(asked)}`, { signal })).json(), 'submissions');
};

/** Installs a package; a refusal carries its diagnostics. */
export const upload = async (zip, name) =>
  (await request(`api/v1/problems?${new URLSearchParams({ name })}`, { method: 'POST', headers: { 'Content-Type': 'application/zip' }, body: zip })).json();

/**
 * Installs a harness; answers its view, and status 201 when this revision is new. `shared`: it may share its box with what
 * it grades.
 */
export const uploadHarness = async (zip, name, shared) => {
  const query = new URLSearchParams({ kind: 'harness', name, ...(shared ? { shared_box: 'accept' } : {}) });
  const response = await request(`api/v1/problems?${query}`, { method: 'POST', headers: { 'Content-Type': 'application/zip' }, body: zip });
  return { body: await response.json(), status: response.status };
};

/** The queue by class. */
export const queue = async (signal) => (await request('api/v1/queue', { signal })).json();

/** Every worker. */
export const workers = async (signal) => list(await (await request('api/v1/workers', { signal })).json(), 'workers');

/** Sends a submission; answers `{id, state}`. One with `packed`, a file, goes as a form, so that it is unpacked there. */
export const submit = async (body) => (await request('api/v1/submissions', { method: 'POST', ...(body.packed ? asForm(body) : asJson(body)) })).json();

const asJson = (body) => ({ headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

function asForm({ packed, files, ...words }) {
  const form = new FormData();
  for (const [name, value] of Object.entries(words)) form.append(name, value);
  form.append('files', packed, packed.name);
  return { body: form };
}

/** The server-sent events of a submission after `lastId`, as an async iterator of {id, event, data}. */
export async function* events(id, lastId, signal) {
  const more = { Accept: 'text/event-stream' };
  if (lastId) more['Last-Event-ID'] = lastId;
  const response = await request(`api/v1/submissions/${encodeURIComponent(id)}/events`, { headers: more, signal });
  yield* readEvents(response.body);
}
