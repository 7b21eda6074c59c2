// Small pieces that several views share.

import { el } from './dom.js';
import { verdict } from './verdicts.js';

/** The badge of a verdict; without one, of a state (`queued`, `running`). */
export function badge(code, state = 'queued') {
  if (!code) return el('span', { class: 'badge', data: { tone: 'wait' } }, state === 'running' ? '…' : state === 'cancelled' ? '×' : '·', hidden(state ?? 'queued'));
  const known = verdict(code);
  return el('span', { class: 'badge', data: { tone: known.tone }, title: known.title }, known.code, hidden(`, ${known.title}`));
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
