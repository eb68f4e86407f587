// A declared object as YAML, in a dialog.

import {byId, el} from './dom.js';
import {ask} from './feed.js';

/** A button with an object's name, which shows the object. */
export function objectButton(name, label = name) {
  return el('button', {type: 'button', className: 'object', title: `Show ${name}`, onclick: () => show(name)}, label);
}

async function show(name) {
  const dialog = byId('object');
  byId('object-title').textContent = name;
  byId('object-text').textContent = '';
  dialog.showModal();
  try {
    byId('object-text').textContent = (await ask('object', {name})).text;
  } catch (error) {
    byId('object-text').textContent = error.message;
  }
}
