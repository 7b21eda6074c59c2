// Small pieces that several views share.

import { el } from './dom.js';
import { verdict } from './verdicts.js';

// What stands in the place of a verdict until there is one: [sign, tone of its colour].
const STATES = { queued: ['···', 'wait'], running: ['···', 'wait'], held: ['‖', 'part'], cancelled: ['×', 'mute'], done: ['', 'mute'] };

/** Sign and tone of a state without a verdict; one nobody knows yet is shown as waiting. */
export const sign = (state) => STATES[state] ?? STATES.queued;

/** The badge of a verdict; without one, of a state. */
export function badge(code, state = 'queued') {
  if (!code) return el('span', { class: 'badge', data: { tone: sign(state)[1] }, title: state }, el('span', { 'aria-hidden': 'true' }, sign(state)[0]), hidden(state));
  const known = verdict(code);
  return el('span', { class: 'badge', data: { tone: known.tone }, title: known.title }, known.code, hidden(`, ${known.title}`));
}

// What `waiting_for` names, in words; the part after the colon is filled in.
const LACKS = {
  worker: () => 'no worker is alive',
  architecture: (name) => `no worker has the architecture ${name}`,
  language: (id) => `no worker has the language ${id} now`,
  harness_worker: () => 'the workers that could are of a release that knows no autograders',
  accounting: () => 'no worker measures exactly',
  fit_worker: () => 'the workers that could are unfit for timed work now',
  uncordoned_worker: () => 'the workers that could are cordoned or drained by an operator',
};

/** Why nobody can judge something that waits, as `waiting_for` of the API has it. */
export function lack(missing) {
  const [kind, name] = String(missing).split(':');
  return LACKS[kind]?.(name) ?? `no worker has ${missing}`;
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
