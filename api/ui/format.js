// Figures for people.

const known = (value) => typeof value === 'number' && Number.isFinite(value);

/** Milliseconds as `0.4 ms`, `12 ms`, `1.25 s`; an unmeasured value is a dash, never 0. */
export function time(ms) {
  if (!known(ms)) return '–';
  if (ms === 0) return '0 ms';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 100_000) return `${trim((ms / 1000).toFixed(2))} s`;
  return `${Math.round(ms / 1000)} s`;
}

/** Bytes as `512 B`, `1.5 MiB`, `2 GiB`; an unmeasured value is a dash. */
export function bytes(n) {
  if (!known(n)) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = n;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : trim(value.toFixed(1))} ${units[unit]}`;
}

/** `1 test`, `2 tests`. */
export const count = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;

/** A moment in the reader's own time zone; the text itself when it is no moment. */
export function moment(rfc3339) {
  const date = new Date(rfc3339);
  if (Number.isNaN(date.getTime())) return String(rfc3339 ?? '');
  const today = new Date().toDateString() === date.toDateString();
  return today ? date.toLocaleTimeString() : date.toLocaleString();
}

/** `cpu_time` as `cpu time`. */
export const words = (name) => String(name).replaceAll('_', ' ');

/** Points as the service writes them: `5 of 6`, `5`; a dash when there are none to show. */
export function points(score, most) {
  if (score == null) return '–';
  return most == null ? String(score) : `${score} of ${most}`;
}

/** The sum of decimal strings, good enough to read. */
export const sum = (decimals) => String(Number(decimals.reduce((total, text) => total + Number(text), 0).toPrecision(12)));

const trim = (text) => text.replace(/\.?0+$/, '');
