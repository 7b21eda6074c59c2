// Text that others wrote, with the characters that steer a display shown instead of obeyed: what looks like one thing
// on the page is that thing.

// Escape sequences of a terminal: colours and the like (CSI), titles and links (OSC).
const SEQUENCES = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g;
// Control characters but tab and line feed, and what turns the direction of the text after it.
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** The text, each steering character as its number; line ends of every kind are line feeds. */
export const plain = (text) => String(text ?? '').replace(/\r\n?/g, '\n').replace(STEERING, shown);

/** The same for a name: one line. */
export const line = (text) => plain(text).replace(/[\n\t]/g, ' ');

/** The same for text that was written for a terminal: its colours are left out. */
export const uncoloured = (text) => plain(String(text ?? '').replace(SEQUENCES, ''));

const shown = (character) => `\u27e8U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
