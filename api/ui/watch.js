// Follows one submission until it is final: live events first; when they fail, asking again and again.
// Events are hints, the stored submission is the truth: it is read at the end in every case.

import * as api from './api.js';

const FAILURES_MAX = 4; // consecutive broken streams before asking instead
const PAUSE_MS = 400; // before the second try; doubled each time
const POLL_MS = 1000;
const PLACE_MS = 2000; // how often its place is asked for while it waits

const isFinal = (state) => state === 'done' || state === 'cancelled';

/**
 * Calls `on.event(kind, data)` for live parts, `on.submission(view)` for every stored state read, `on.place(view)`
 * now and then while it waits, and `on.lost()` once when live events are given up. Returns when the submission is final.
 * Throws what the server refuses (an unknown id, a missing token) and AbortError on `signal`.
 */
export async function watch(id, on, signal) {
  let view = await api.submission(id, signal);
  on.submission(view);
  if (isFinal(view.state)) return;
  await followWithPlace(id, view.state, on, signal);
  view = await api.submission(id, signal);
  on.submission(view);
  while (!isFinal(view.state)) {
    await pause(POLL_MS, signal);
    view = await api.submission(id, signal).catch(passing);
    if (view.state) on.submission(view);
  }
}

// Follows, and asks for its place as long as nobody judges it.
async function followWithPlace(id, before, on, signal) {
  const over = new AbortController();
  const leave = () => over.abort();
  signal.addEventListener('abort', leave, { once: true });
  let running = before === 'running';
  const event = (kind, data) => {
    running = kind !== 'state' || data.state === 'running';
    on.event(kind, data);
  };
  const places = async () => {
    for (;;) {
      await pause(PLACE_MS, over.signal);
      const view = running ? {} : await api.submission(id, over.signal).catch(passing);
      if (!running && view.state) on.place(view);
    }
  };
  places().catch(() => {}); // it was left, or is not there: following tells
  try {
    await follow(id, { ...on, event }, signal);
  } finally {
    signal.removeEventListener('abort', leave);
    leave();
  }
}

async function follow(id, on, signal) {
  let lastId = null;
  for (let failures = 0; failures < FAILURES_MAX; failures += 1) {
    try {
      for await (const message of api.events(id, lastId, signal)) {
        failures = 0;
        lastId = message.id ?? lastId;
        if (deliver(message, on)) return;
      }
    } catch (error) {
      passing(error);
    }
    await pause(PAUSE_MS * 2 ** failures, signal);
  }
  on.lost();
}

// Hands one event on; true for the last one. Data is the JSON of that part, bare or under its own name.
function deliver({ event, data }, on) {
  let body;
  try {
    body = JSON.parse(data);
  } catch {
    return false;
  }
  if (event === 'state') {
    on.event('state', body);
    return body.state === 'cancelled';
  }
  if (event === 'compile') on.event('compile', body.compile ?? body);
  else if (event === 'test') on.event('test', { index: body.index, total: body.total, test: body.test ?? body });
  else if (event === 'done') on.event('done', body.judgement ?? body);
  return event === 'done';
}

// Lets a passing trouble pass; what will not go away by waiting is thrown.
function passing(error) {
  const status = error.status;
  if (error.name === 'AbortError' || (status >= 400 && status < 500 && status !== 429)) throw error;
  return {};
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(left());
    const abort = () => {
      clearTimeout(timer);
      reject(left());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal.addEventListener('abort', abort, { once: true });
  });
}

const left = () => new DOMException('the reader went elsewhere', 'AbortError');
