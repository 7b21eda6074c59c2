// Files from the reader's machine as the service takes them: read whole, held against its caps, text or base64.

import { bytes, count } from './format.js';

export const FILE_MAX = 256 * 1024; // the service's own caps; it checks again
export const TOTAL_MAX = 1024 * 1024;
export const FILES_MAX = 100;

/** Whether a harness's service unpacks a file of this name, when it comes alone. */
export const isPacked = (name) => /.\.(zip|tar\.gz|tgz)$/i.test(name);

/** Bytes of a text as it is sent. */
export const sizeOf = (text) => new TextEncoder().encode(text).length;

/** What was chosen: files by their names, those of a folder by their paths in it. */
export const chosen = (list) => [...list].map((file) => ({ file, name: file.webkitRelativePath ? file.webkitRelativePath.split('/').slice(1).join('/') : file.name }));

/** What was dropped: the same. */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return chosen(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, entry.isDirectory ? '' : entry.name, found);
  return found;
}

// One more than may be sent is enough to refuse them all.
async function walk(entry, name, found) {
  if (found.length > FILES_MAX) return;
  if (entry.isFile) found.push({ file: await new Promise((resolve, reject) => { entry.file(resolve, reject); }), name });
  if (!entry.isDirectory) return;
  const reader = entry.createReader();
  // A reader hands out a part at a time; the last one is empty.
  for (let part = await entriesOf(reader); part.length > 0 && found.length <= FILES_MAX; part = await entriesOf(reader)) {
    for (const inside of part) if (!isHidden(inside.name)) await walk(inside, name === '' ? inside.name : `${name}/${inside.name}`, found);
  }
}

const entriesOf = (reader) => new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });

// What editors and version control leave; the service refuses such names.
const isHidden = (name) => name.split('/').some((part) => part.startsWith('.'));

/** Reads files; each becomes `{name, content | content_base64, size}`. Hidden files of a folder are left out. */
export async function read(files) {
  const wanted = files.filter(({ file, name }) => !(file.webkitRelativePath && isHidden(name)));
  if (wanted.length > FILES_MAX) throw new Error(`More than ${count(FILES_MAX, 'file')} were given; at most ${FILES_MAX} can be sent together.`);
  const most = ({ name }) => (isPacked(name) ? TOTAL_MAX : FILE_MAX);
  const large = wanted.find((one) => one.file.size > most(one));
  if (large) throw new Error(`${large.name} has ${bytes(large.file.size)}; a ${isPacked(large.name) ? 'packed folder' : 'source file'} may have ${bytes(most(large))}.`);
  return Promise.all(wanted.map(readSource));
}

async function readSource({ file, name }) {
  const raw = new Uint8Array(await file.arrayBuffer());
  if (isPacked(name)) return { name, content_base64: base64(raw), size: raw.length, packed: file };
  try {
    return { name, content: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw), size: raw.length };
  } catch {
    return { name, content_base64: base64(raw), size: raw.length };
  }
}

const base64 = (raw) => btoa(Array.from(raw, (byte) => String.fromCharCode(byte)).join(''));
