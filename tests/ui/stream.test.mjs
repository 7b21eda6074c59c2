// The page's reader of server-sent events, in the browser, over streams made there. `page.test.mjs` runs them.

import assert from 'node:assert/strict';
import { URL_BASE, test } from './browser.mjs';

// In the page: what the reader makes of `pieces` of bytes or texts; `{events}`, or `{error, cancelled}`. A number stands
// for so many KiB of a line that does not end.
async function readIn(pieces) {
  const { readEvents } = await import(new URL('sse.js', document.baseURI).href);
  const encoder = new TextEncoder();
  const filler = encoder.encode('x'.repeat(1024));
  let cancelled = false;
  let taken = 0;
  const bytes = pieces.flatMap((piece) => (typeof piece === 'number' ? Array(piece).fill(filler) : [typeof piece === 'string' ? encoder.encode(piece) : Uint8Array.from(piece)]));
  const stream = new ReadableStream({
    pull: (to) => (taken < bytes.length ? to.enqueue(bytes[taken++]) : to.close()),
    cancel: () => { cancelled = true; },
  }, { highWaterMark: 0 });
  const events = [];
  try {
    for await (const { id, event, data } of readEvents(stream)) events.push({ id, event, data: data.length > 100 ? data.length : data });
  } catch (error) {
    return { error: error.message, cancelled, events, taken };
  }
  return { events };
}

test('events_are_the_same_however_the_network_cuts_them_and_characters_too', async ({ page }) => {
  await page.goto(URL_BASE);
  const text = ': hello\n\nid: 3\nevent: test\ndata: {"a":\ndata: "ü€😀"}\n\nevent:done\r\ndata:{}\r\n\r\nid: 9\revent: late\rdata: x\r\rdata: never ended';
  const whole = await page.evaluate(readIn, [text]);
  assert.deepEqual(whole.events, [
    { id: '3', event: 'test', data: '{"a":\n"ü€😀"}' },
    { id: '3', event: 'done', data: '{}' },
    { id: '9', event: 'late', data: 'x' },
  ]);
  const bytes = [...Buffer.from(text)];
  const cuts = bytes.map((_, cut) => [bytes.slice(0, cut), bytes.slice(cut)]);
  for (const pieces of [...cuts, bytes.map((byte) => [byte])]) {
    const found = await page.evaluate(readIn, pieces);
    assert.deepEqual(found, whole, `cut after ${pieces[0].length} of ${bytes.length} bytes`);
  }
});

test('an_event_as_large_as_a_report_is_read_and_one_without_end_is_given_up', async ({ page }) => {
  await page.goto(URL_BASE);
  const large = await page.evaluate(readIn, ['id: 1\ndata: ', 7 * 1024, '\n\ndata: next\n\n']);
  assert.deepEqual(large.events, [{ id: '1', event: 'message', data: 7 << 20 }, { id: '1', event: 'message', data: 'next' }]);
  // One line without an end, and lines without an end of the event: both stop at 8 MiB and leave the stream.
  const lines = Array(12 * 1024).fill(['data: ', 1, '\n']).flat();
  for (const [what, pieces] of [['a line', ['data: ', 12 * 1024]], ['lines', lines]]) {
    const endless = await page.evaluate(readIn, pieces);
    assert.match(endless.error ?? `read: ${JSON.stringify(endless.events)}`, /larger than the page reads/, what);
    assert.equal(endless.cancelled, true, what);
    assert.deepEqual(endless.events, [], what);
  }
  // Events that end are no event too large, however many come together.
  const many = await page.evaluate(readIn, Array(10).fill(['data: ', 1024, '\n\n']).flat());
  assert.equal(many.events.length, 10);
});
