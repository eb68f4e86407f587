// Elements of the page. Text is always text: no markup is ever read from data.

/** Creates an element: properties, `on…` handlers, `data-…` and `aria-…` attributes, children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (name === 'style') for (const [key, each] of Object.entries(value)) made.style.setProperty(key, each);
    else if (name in made && !name.includes('-') && name !== 'list') made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((each) => each !== undefined && each !== null && each !== false));
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Replaces the children of an element. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat().filter((each) => each !== undefined && each !== null && each !== false));
}

/** A rate for people. */
export function perSecond(number) {
  if (!number) return '0/s';
  return `${number < 10 ? number.toFixed(1) : Math.round(number)}/s`;
}

export function milliseconds(number) {
  if (number === null || number === undefined) return '–';
  return number < 10 ? `${number.toFixed(1)} ms` : `${Math.round(number)} ms`;
}

/** A button that copies a text, and says so. */
export function copies(label, text) {
  const button = el('button', {type: 'button', onclick: async () => {
    try {
      await navigator.clipboard.writeText(typeof text === 'function' ? text() : text);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Not allowed to copy';
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  }}, label);
  return button;
}
