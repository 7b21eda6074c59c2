// Building the page out of nodes. Everything a submission, a package or a server says goes through
// textContent here: no string is ever parsed as HTML.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/**
 * Makes an element. `props`: `class`, `testid`, `on` ({event: handler}), `data` ({key: value}); any other
 * key is an attribute, left out when null, undefined or false. Children are nodes or text.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === 'class') node.className = value;
    else if (key === 'testid') node.dataset.testid = value;
    else if (key === 'data') Object.assign(node.dataset, value);
    else if (key === 'on') for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else node.setAttribute(key, value === true ? '' : String(value));
  }
  append(node, children);
  return node;
}

/** Makes an SVG element; props are attributes. */
export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(props)) node.setAttribute(key, String(value));
  if (props.class) node.setAttribute('class', props.class);
  append(node, children);
  return node;
}

/** Appends nodes and text; skips null, undefined and false. */
export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Replaces what a node holds. */
export function fill(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}
