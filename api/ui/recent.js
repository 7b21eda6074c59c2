// What this browser submitted. The list lives in localStorage, so it survives a reload and tells nobody
// else's submissions.

import { byId, el, fill } from './dom.js';
import { moment, points } from './format.js';
import { badge } from './parts.js';

const KEY = 'tribunal.recent';
const KEPT = 25;

function load() {
  try {
    const list = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(list) ? list.filter((entry) => typeof entry?.id === 'string') : [];
  } catch {
    return [];
  }
}

function save(list) {
  try {
    localStorage.setItem(KEY, JSON.stringify(list.slice(0, KEPT)));
  } catch {
    // A browser that keeps nothing still judges.
  }
}

/** Adds a submission or updates what is known of it, and shows the list. */
export function remember(entry) {
  const list = load();
  const at = list.findIndex((known) => known.id === entry.id);
  if (at >= 0) list[at] = { ...list[at], ...entry };
  else list.unshift(entry);
  save(list);
  show();
}

/** Drops one submission, or all without an id. */
export function forget(id) {
  save(id ? load().filter((entry) => entry.id !== id) : []);
  show();
}

/** Entries that had no verdict when last seen. */
export const unfinished = () => load().filter((entry) => !entry.verdict && entry.state !== 'cancelled');

/** Shows the list. */
export function show() {
  const list = load();
  byId('recent-empty').hidden = list.length > 0;
  byId('recent-clear').hidden = list.length === 0;
  fill(byId('recent'), list.map(row));
}

function row(entry) {
  return el('li', {},
    el('a', { href: `#/submissions/${encodeURIComponent(entry.id)}` },
      badge(entry.verdict ?? null, entry.state, entry.graded ?? null),
      el('span', { class: 'recent-name' }, entry.problem ?? 'own tests'),
      entry.score == null ? null : el('span', { class: 'recent-score', testid: 'recent-score' }, points(entry.score, entry.max_score)),
      el('span', { class: 'recent-language' }, entry.language ?? ''),
      el('time', { datetime: entry.created_at ?? '' }, moment(entry.created_at))));
}
