// The HTML that a harness writes for students, as nodes: a few elements without any attribute, everything else as the text
// in it. The text is read here, token by token; the browser never parses it, so nothing in it can run, load or link.

import { el } from './dom.js';
import { plain } from './plain.js';

const DEPTH_MAX = 24; // deeper elements are left out, their text is kept
const KEPT = new Set(['p', 'div', 'span', 'b', 'strong', 'i', 'em', 'u', 's', 'code', 'pre', 'kbd', 'samp', 'sub', 'sup', 'ul', 'ol', 'li', 'dl', 'dt', 'dd', 'blockquote', 'table', 'thead', 'tbody', 'tr', 'th', 'td']);
const HEADINGS = { h1: 'h3', h2: 'h4', h3: 'h5', h4: 'h6', h5: 'h6', h6: 'h6' }; // below the page's own
const EMPTY = { br: 'br', hr: 'hr' };
const SILENT = new Set(['script', 'style', 'template', 'noscript', 'iframe', 'object', 'svg', 'math', 'head', 'title']); // what is in them is not for reading
// No part can be read in two ways, so that hostile text costs no more than its length.
const TOKEN = /<!--[\s\S]*?(?:-->|$)|<![^<>]*>|<(\/?)([a-zA-Z][a-zA-Z0-9-]*)(?![a-zA-Z0-9-])((?:[^<>"']|"[^"]*"|'[^']*')*)>/g;
const NAMED = { amp: '&', lt: '<', gt: '>', quot: '"', apos: '\'', nbsp: '\u00a0', hellip: '…', mdash: '—', ndash: '–', times: '×', le: '≤', ge: '≥', ne: '≠', rarr: '→', larr: '←', check: '✓', cross: '✗', middot: '·', bull: '•', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”' };

/** Nodes for a text in HTML. */
export function markup(text) {
  const root = el('div');
  const open = [{ tag: null, node: root }];
  let silent = null;
  let at = 0;
  const say = (raw) => { if (silent === null && raw !== '') top(open).node.append(decoded(raw)); };
  for (const token of text.matchAll(TOKEN)) {
    say(text.slice(at, token.index));
    at = token.index + token[0].length;
    const [, end, name, rest] = token;
    const tag = name?.toLowerCase();
    if (silent !== null) {
      if (end && tag === silent) silent = null;
    } else if (tag) silent = element(open, tag, end === '/', rest);
  }
  say(text.slice(at));
  return [...root.childNodes];
}

const top = (open) => open[open.length - 1];

// Opens or closes an element; answers the name of one whose content is passed over.
function element(open, tag, ends, rest) {
  if (EMPTY[tag]) {
    if (!ends) top(open).node.append(el(EMPTY[tag]));
    return null;
  }
  if (SILENT.has(tag)) return ends || rest.trimEnd().endsWith('/') ? null : tag;
  if (!KEPT.has(tag) && !HEADINGS[tag]) {
    if (!ends && tag === 'img') top(open).node.append(el('span', { class: 'note' }, '[picture]'));
    return null;
  }
  if (ends) {
    const place = open.findLastIndex((entry) => entry.tag === tag);
    if (place > 0) open.length = place;
  } else if (open.length <= DEPTH_MAX) {
    const node = el(HEADINGS[tag] ?? tag);
    top(open).node.append(node);
    open.push({ tag, node });
  }
  return null;
}

const decoded = (text) => plain(text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,8}));/g, (whole, decimal, hex, name) => {
  if (name) return NAMED[name] ?? whole;
  const code = decimal ? Number(decimal) : parseInt(hex, 16);
  return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : whole;
}));
