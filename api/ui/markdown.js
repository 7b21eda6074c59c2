// A small part of Markdown, made of nodes: headings, paragraphs, lists, code, emphasis, and TeX left
// readable as text. Statements come from uploaded packages, so nothing here ever becomes HTML, a link
// or an image.

import { el } from './dom.js';

const SPAN = /(`+)(.+?)\1|\*\*(.+?)\*\*|(?<![\w*])[*_](\S(?:[^*_]*?\S)?)[*_](?![\w*])|\$\$?([^$\n]+?)\$\$?/s;
const FENCE = /^\s*(```+|~~~+)/;
const HEADING = /^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const BULLET = /^\s*([-*+]|\d{1,9}[.)])\s+(.*)$/;

/** Nodes for a statement; its headings start at h3, below the page's own. A first one that repeats `title` is left out. */
export function markdown(text, title) {
  const opening = HEADING.exec(text.trimStart().split('\n', 1)[0]);
  const lines = (opening && opening[2] === title ? text.trimStart().slice(opening[0].length) : text).replaceAll('\r\n', '\n').split('\n');
  const nodes = [];
  let at = 0;
  while (at < lines.length) {
    const [node, next] = block(lines, at);
    if (node) nodes.push(node);
    at = next;
  }
  return nodes;
}

function block(lines, at) {
  const line = lines[at];
  if (line.trim() === '') return [null, at + 1];
  const fence = FENCE.exec(line);
  if (fence) return fenced(lines, at, fence[1]);
  const heading = HEADING.exec(line);
  if (heading) return [el(`h${Math.min(6, heading[1].length + 2)}`, {}, spans(heading[2])), at + 1];
  if (BULLET.test(line)) return bullets(lines, at);
  let end = at + 1;
  while (end < lines.length && startsNothing(lines[end])) end += 1;
  return [el('p', {}, spans(lines.slice(at, end).join('\n'))), end];
}

const startsNothing = (line) =>
  line.trim() !== '' && !FENCE.test(line) && !HEADING.test(line) && !BULLET.test(line);

function fenced(lines, at, mark) {
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(mark)) end += 1;
  return [el('pre', {}, el('code', {}, lines.slice(at + 1, end).join('\n'))), end + 1];
}

function bullets(lines, at) {
  const list = el(/^\s*\d/.test(lines[at]) ? 'ol' : 'ul');
  let end = at;
  while (end < lines.length && BULLET.test(lines[end])) {
    let item = BULLET.exec(lines[end])[2];
    end += 1;
    while (end < lines.length && startsNothing(lines[end])) {
      item += `\n${lines[end].trim()}`;
      end += 1;
    }
    list.append(el('li', {}, spans(item)));
  }
  return [list, end];
}

function spans(text) {
  const nodes = [];
  let rest = text;
  for (let found = SPAN.exec(rest); found; found = SPAN.exec(rest)) {
    if (found.index > 0) nodes.push(raised(rest.slice(0, found.index)));
    const [, , code, strong, emphasis, math] = found;
    if (code !== undefined) nodes.push(el('code', {}, code.trim()));
    else if (strong !== undefined) nodes.push(el('strong', {}, spans(strong)));
    else if (emphasis !== undefined) nodes.push(el('em', {}, emphasis));
    else nodes.push(el('span', { class: 'math' }, readable(math)));
    rest = rest.slice(found.index + found[0].length);
  }
  if (rest !== '') nodes.push(raised(rest));
  return nodes;
}

const TEX = {
  leq: '≤', le: '≤', geq: '≥', ge: '≥', neq: '≠', ne: '≠', times: '×', cdot: '·', ldots: '…', dots: '…', dotsc: '…',
  in: '∈', infty: '∞', pm: '±', to: '→', sum: 'Σ', lt: '<', gt: '>', left: '', right: '', ',': ' ', ' ': ' ',
};
const SUPERSCRIPT = { 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶', 7: '⁷', 8: '⁸', 9: '⁹', '-': '⁻', '+': '⁺' };

function readable(tex) {
  return raised(tex.replace(/\\([A-Za-z]+|[ ,])/g, (whole, name) => TEX[name] ?? whole))
    .replace(/(\d)\s*\{,\}\s*(?=\d)/g, '$1,');
}

// `10^12` with its power raised; a power in braces as well.
const raised = (text) =>
  text.replace(/(?<=[\w)])\^(?:\{([-+]?\d+)\}|([-+]?\d+))/g, (_, braced, bare) => [...(braced ?? bare)].map((digit) => SUPERSCRIPT[digit]).join(''));
