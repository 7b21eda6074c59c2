// Time and memory of every case at a glance, against their limits: two rows of bars, drawn as SVG. The table above
// it says the same in words, so a screen reader gets one sentence.

import { el, svg } from './dom.js';
import { bytes, count, time } from './format.js';
import { verdict } from './verdicts.js';

const WIDTH = 720;
const HEIGHT = 84;
const CASES_MAX = 400; // more bars than this are no longer told apart
const LEAST = 3; // cases; fewer need no picture

/** The plot of these tests, or null when there is nothing to see. */
export function plot(tests, limits) {
  const run = tests.filter((test) => typeof test.cpu_time_ms === 'number').slice(0, CASES_MAX);
  if (run.length < LEAST) return null;
  return el('div', { class: 'plots' },
    bars(run, 'CPU time', (test) => test.cpu_time_ms, limits.cpu_time_ms, time),
    bars(run, 'Memory', (test) => test.memory_bytes, limits.memory_bytes, bytes));
}

function bars(tests, name, value, limit, show) {
  const values = tests.map((test) => value(test) ?? 0);
  const most = Math.max(...values);
  // The limit is in the picture when the bars come near it; else it would flatten them all.
  const near = limit > 0 && most > limit / 8;
  const top = Math.max(near ? limit : most, most) * 1.05 || 1;
  const step = WIDTH / tests.length;
  const drawn = tests.map((test, index) => {
    const height = (values[index] / top) * HEIGHT;
    const shape = svg('rect', { class: 'plot-bar', x: (index * step + step * 0.1).toFixed(2), y: (HEIGHT - height).toFixed(2), width: Math.max(step * 0.8, 0.8).toFixed(2), height: Math.max(height, 0.5).toFixed(2), rx: 1 });
    shape.dataset.tone = verdict(test.verdict).tone;
    shape.append(svg('title', {}, `${test.name}: ${show(value(test))}, ${test.verdict}`));
    return shape;
  });
  if (near) {
    const y = HEIGHT - (limit / top) * HEIGHT;
    drawn.push(svg('line', { class: 'plot-limit', x1: 0, x2: WIDTH, y1: y, y2: y }));
  }
  const said = `${name} of ${count(tests.length, 'case')}: most ${show(most)}${limit > 0 ? ` of ${show(limit)}` : ''}`;
  return el('figure', { class: 'plot', testid: `plot-${name === 'Memory' ? 'memory' : 'time'}` },
    el('figcaption', {}, name, el('span', { class: 'note' }, ` most ${show(most)}${limit > 0 ? `, limit ${show(limit)}${near ? '' : ' (far above)'}` : ''}`)),
    svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': said }, ...drawn));
}
