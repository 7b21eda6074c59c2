// What a submission and its interactive validator said to each other, in order.

import { el } from './dom.js';
import { bytes, count, time } from './format.js';

const WHO = { submission: 'program', validator: 'judge' };

/** The talk of one case, folded; null when there was none or it is not for this reader. */
export function transcript(interaction) {
  if (!interaction) return null;
  const said = interaction.transcript ?? [];
  const rows = said.map((entry) => el('li', { data: { from: entry.from } },
    el('span', { class: 'who' }, WHO[entry.from] ?? entry.from, el('time', {}, time(entry.at_ms))),
    el('pre', {}, entry.text, entry.bytes > new Blob([entry.text]).size ? el('span', { class: 'note' }, ` … ${bytes(entry.bytes)} in all`) : null)));
  if (interaction.omitted > 0) {
    rows.splice(interaction.omitted_after, 0, el('li', { class: 'note' }, `${count(interaction.omitted, 'entry').replace('entrys', 'entries')} left out`));
  }
  const ended = `The ${WHO[interaction.ended_first] ?? interaction.ended_first} ended first.`;
  return el('details', { testid: 'transcript' }, el('summary', {}, 'Interaction'), el('p', { class: 'note' }, ended), el('ol', { class: 'talk', tabindex: 0, 'aria-label': 'What was said' }, rows));
}
