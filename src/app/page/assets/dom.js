// Elements without markup strings: what comes from outside is only ever text.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat(2)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/** An HTML element: attributes (`onclick` and the like take functions), then children (strings become text). */
export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

/** The same for SVG. */
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** Sets text only when it differs, so that an unchanged page costs no layout and disturbs no selection. */
export function put(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** Sets an attribute only when it differs; `null` removes it. */
export function attr(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, value);
  }
}

/** Puts a figure, or `n/a` with its reason on hover and focus: what is not known is never shown as 0. */
export function figure(element, text, reason) {
  const known = text !== null && text !== undefined;
  put(element, known ? text : 'n/a');
  attr(element, 'data-why', known ? null : reason);
  attr(element, 'tabindex', known ? null : '0');
  attr(element, 'aria-label', known ? null : `n/a: ${reason}`);
  attr(element, 'role', known ? null : 'note');
  element.classList.toggle('na', !known);
}

/** Width of a bar in percent, clamped; `null` empties it. */
export function width(element, percent) {
  const wanted = `${Math.max(0, Math.min(100, percent ?? 0)).toFixed(1)}%`;
  if (element.style.width !== wanted) element.style.width = wanted;
}

/** Keeps `parent`'s children one per key, in order: makes what is new, removes what is gone, reuses the rest. */
export function keyed(parent, items, key, make) {
  const held = (parent.held ??= new Map());
  const wanted = new Set();
  items.forEach((item, index) => {
    const name = key(item, index);
    wanted.add(name);
    if (!held.has(name)) held.set(name, make(item, index));
    const element = held.get(name).element;
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
  for (const [name, part] of held) {
    if (wanted.has(name)) continue;
    part.element.remove();
    held.delete(name);
  }
  return items.map((item, index) => held.get(key(item, index)));
}
