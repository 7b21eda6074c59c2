// Colours for source code, drawn behind a plain text area: the text area stays what is typed into, read aloud and
// sent; without this module it simply shows its own text. A few rules for all languages, no grammar of any.

import { el } from './dom.js';

const SIZE_MAX = 64 * 1024; // longer text is shown plain: colouring it anew on every key would be felt

const C_WORDS = 'auto bool break case catch char class const constexpr continue default delete do double else enum extern false final float for goto if inline int long namespace new null nullptr operator override private protected public return short signed sizeof static struct switch template this throw true try typedef typename union unsigned using virtual void volatile while';
const WORDS = {
  c: C_WORDS,
  java: `${C_WORDS} abstract boolean byte extends implements import instanceof interface package record super synchronized throws var`,
  js: 'async await break case catch class const continue default delete do else export extends false finally for from function if import in instanceof interface let new null of return static super switch this throw true try type typeof undefined var void while with yield',
  py: 'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield',
  rs: 'as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type unsafe use where while',
  go: 'break case chan const continue default defer else fallthrough false for func go goto if import interface map nil package range return select struct switch true type var',
  rb: 'begin break case class def do else elsif end ensure false for if in module next nil not or rescue return self then true unless until when while yield local function repeat my sub use print fi done esac',
};
// Language ids by family; what is not named here gets numbers and strings only.
const FAMILY = [[/^(c|cpp)([^a-z]|$)|^d$/, 'c'], [/^(java|csharp|kotlin|scala)$/, 'java'], [/^(javascript|typescript|node|php)/, 'js'],
  [/^(py|python|pypy)/, 'py'], [/^rust/, 'rs'], [/^go$/, 'go'], [/^(ruby|lua|luajit|perl|bash|awk|tcl)$/, 'rb']];
const HASH = new Set(['py', 'rb']); // comments begin with #, elsewhere with //

const familyOf = (language) => FAMILY.find(([pattern]) => pattern.test(language))?.[1] ?? null;

/** Pieces of `text` as [kind, piece]; kind is null, `comment`, `string`, `number` or `keyword`. Joined they are the text. */
export function pieces(text, language) {
  const family = familyOf(language);
  const words = new Set((WORDS[family] ?? '').split(' '));
  const comment = HASH.has(family) ? '#[^\\n]*' : '//[^\\n]*|/\\*[^]*?(?:\\*/|(?![^]))';
  const directive = family === 'c' ? '|^[ \\t]*#[^\\n]*' : '';
  const string = family === 'py' ? '"""[^]*?(?:"""|(?![^]))|\'\'\'[^]*?(?:\'\'\'|(?![^]))|' : '';
  const quotes = family === 'rs' ? '"(?:[^"\\\\]|\\\\[^])*"?|\'(?:[^\'\\\\\\n]|\\\\.)\'' : '"(?:[^"\\\\\\n]|\\\\[^])*"?|\'(?:[^\'\\\\\\n]|\\\\[^])*\'?|`(?:[^`\\\\]|\\\\[^])*`?';
  const rule = new RegExp(`(${comment})${directive ? `|(${directive.slice(1)})` : '|($.^)'}|(${string}${quotes})|(\\b\\d[\\w.]*)|([A-Za-z_]\\w*)`, 'gm');
  const out = [];
  let at = 0;
  for (const match of text.matchAll(rule)) {
    const [all, note, direct, quoted, number] = match;
    const kind = note ? 'comment' : direct ? 'keyword' : quoted ? 'string' : number ? 'number' : words.has(all) ? 'keyword' : null;
    if (kind === null) continue;
    if (match.index > at) out.push([null, text.slice(at, match.index)]);
    out.push([kind, all]);
    at = match.index + all.length;
  }
  if (at < text.length) out.push([null, text.slice(at)]);
  return out;
}

/** Draws `text` into `paint`; answers whether it did, so that plain text can show itself instead. */
export function paint(node, text, language) {
  if (text.length > SIZE_MAX || familyOf(language) === null) {
    node.replaceChildren();
    return false;
  }
  // The last line feed of a <pre> has no height of its own.
  node.replaceChildren(...pieces(text, language).map(([kind, piece]) => (kind ? el('span', { class: `code-${kind}` }, piece) : document.createTextNode(piece))), '\n');
  return true;
}
