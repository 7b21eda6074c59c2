// Reads server-sent events from a fetch response. EventSource cannot send a token in a header, so one
// reader serves both the machine without a token and the service with one.

const EVENT_MAX = 8 << 20; // characters; the largest message the service sends: a report has 4 MiB, its submission comes beside it

/** Yields {id, event, data} for each event of a byte stream; comments are skipped. */
export async function* readEvents(stream) {
  let buffer = '';
  let message = blank();
  let cut = false;
  for await (const text of decoded(stream)) {
    buffer += text;
    if (buffer.length + (message.data?.length ?? 0) > EVENT_MAX) throw new Error('an event is larger than the page reads');
    // A long line comes in many pieces: only one with a line end is worth a look.
    const looked = cut || /[\r\n]/.test(text);
    cut = text.endsWith('\r');
    if (!looked) continue;
    const lines = buffer.split(/\r\n|\n|\r(?!$)/);
    buffer = lines.pop();
    for (const line of lines) {
      if (line !== '') read(line, message);
      else if (message.data !== null) {
        yield message;
        message = { ...blank(), id: message.id };
      }
    }
  }
}

const blank = () => ({ id: null, event: 'message', data: null });

function read(line, message) {
  const colon = line.indexOf(':');
  if (colon === 0) return; // a comment, sent to keep the connection open
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (field === 'event') message.event = value;
  else if (field === 'id') message.id = value;
  else if (field === 'data') message.data = message.data === null ? value : `${message.data}\n${value}`;
}

async function* decoded(stream) {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
