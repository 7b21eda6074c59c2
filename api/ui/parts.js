// Small pieces that several views share.

import { el } from './dom.js';
import { verdict } from './verdicts.js';

const DIAGNOSTICS_MAX = 100;

// What stands in the place of a verdict until there is one: [sign, tone of its colour].
const STATES = { queued: ['···', 'wait'], running: ['···', 'wait'], held: ['‖', 'part'], cancelled: ['×', 'mute'], done: ['', 'mute'] };

/** Sign and tone of a state without a verdict; one nobody knows yet is shown as waiting. */
export const sign = (state) => STATES[state] ?? STATES.queued;

/** The badge of a verdict, called `title` where its own is not meant; without one, of a state. */
export function badge(code, state = 'queued', title = null) {
  if (!code) return el('span', { class: 'badge', data: { tone: sign(state)[1] }, title: state }, el('span', { 'aria-hidden': 'true' }, sign(state)[0]), hidden(state));
  const known = verdict(code);
  return el('span', { class: 'badge', data: { tone: known.tone }, title: title ?? known.title }, known.code, hidden(`, ${title ?? known.title}`));
}

// What `waiting_for` names, in words; the part after the colon is filled in.
const LACKS = {
  worker: () => 'no worker is alive',
  architecture: (name) => `no worker has the architecture ${name}`,
  language: (id) => `no worker has the language ${id} now`,
  harness_worker: () => 'the workers that could are of a release that knows no autograders',
  room: (what) => what,
  accounting: () => 'no worker measures exactly',
  fit_worker: () => 'the workers that could are unfit for timed work now',
  uncordoned_worker: () => 'the workers that could are cordoned or drained by an operator',
};

/** Why nobody can judge something that waits, as `waiting_for` of the API has it. */
export function lack(missing) {
  const [, kind, what] = /^([^:]*):?(.*)$/s.exec(String(missing));
  return LACKS[kind]?.(what) ?? `no worker has ${missing}`;
}

/** Text for screen readers only. */
export const hidden = (text) => el('span', { class: 'visually-hidden' }, text);

/**
 * An amount with a bar against its limit. The bar is full and marked at or over the limit; without a
 * measured value or a known limit there is only the text.
 */
export function meter(value, limit, show, label) {
  const text = show(value);
  if (typeof value !== 'number' || !(limit > 0)) return el('span', { class: 'amount' }, text);
  const share = Math.min(1, value / limit);
  const bar = el('span', { class: 'bar-fill' });
  bar.style.width = `${Math.max(share * 100, value > 0 ? 1.5 : 0)}%`;
  return el('span', { class: 'amount' }, text,
    el('span', {
      class: 'bar', role: 'meter', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': limit,
      'aria-valuenow': Math.min(value, limit), 'aria-valuetext': `${text} of ${show(limit)}`,
      title: `${text} of ${show(limit)}`, data: { level: share >= 1 ? 'over' : share > 0.8 ? 'near' : 'fine' },
    }, bar));
}

/** A table with a caption for screen readers, which scrolls by itself where it is too wide. */
export const table = (id, caption, heads, body) => el('div', { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: 0 },
  el('table', { testid: id }, el('caption', { class: 'visually-hidden' }, caption), el('thead', {}, el('tr', {}, heads.map((name) => el('th', { scope: 'col' }, name)))), el('tbody', {}, body)));

/** A section of the page. */
export const card = (...children) => el('section', { class: 'card' }, ...children);

/** What a refusal says, without the diagnostics that are listed below it. */
export const headline = (error) => (error.document?.diagnostics?.length > 0 ? error.message.split('\n', 1)[0] : error.message);

/** What is wrong with a package: place, severity and what would be right. */
export function diagnostics(list) {
  const rows = list.slice(0, DIAGNOSTICS_MAX).map((entry) => el('li', { data: { severity: entry.severity }, testid: 'diagnostic' },
    el('code', {}, [entry.path === '.' ? 'top of the zip' : entry.path, entry.line].filter((part) => part != null).join(':')), ` ${entry.severity}: `, entry.message.includes('\n') ? el('pre', {}, entry.message) : entry.message));
  return rows.length === 0 ? null : el('ul', { class: 'diagnostics' }, rows, list.length > DIAGNOSTICS_MAX ? el('li', {}, `and ${list.length - DIAGNOSTICS_MAX} more`) : null);
}
