// The canaries' sliders and the switches of a rehearsed stack's config.

import {byId, el, fill} from './dom.js';
import {ask} from './feed.js';

export function showControls(page) {
  const made = new Map();
  page.feed.on('controls', (controls) => {
    const all = [...controls.sliders.map((each) => ({...each, kind: 'slider'})), ...controls.switches.map((each) => ({...each, kind: 'switch'}))];
    byId('controls').hidden = !all.length;
    const shape = (each) => `${each.kind} ${each.key} ${each.canary ?? ''} ${each.stable ?? ''} ${page.feed.writes}`;
    if (all.map(shape).join() !== [...made.keys()].join()) {
      made.clear();
      for (const each of all) made.set(shape(each), each.kind === 'slider' ? slider(each, page) : toggle(each, page));
      fill(byId('controls-body'), [...made.values()].map((each) => each.element));
    }
    for (const each of all) made.get(shape(each)).set(each);
  });
}

/** Sends the latest value alone: what is chosen while a change is under way replaces what waits. */
function sender(key, told, settle) {
  let waiting;
  let sending = false;
  return async (value) => {
    waiting = value;
    if (sending) return;
    sending = true;
    while (waiting !== undefined) {
      const next = waiting;
      waiting = undefined;
      told.className = 'told hint';
      told.textContent = 'applying';
      try {
        const done = await ask('config', {key, value: next});
        told.textContent = `${done.changed}; in force after ${done.milliseconds} ms`;
      } catch (error) {
        told.className = 'told refusal';
        told.textContent = error.message;
        settle();
      }
    }
    sending = false;
  };
}

function slider(given, page) {
  let now = given;
  const told = el('output', {className: 'told hint'}, `config ${given.key}`);
  const range = el('input', {type: 'range', min: 0, max: 100, step: 1, disabled: !page.feed.writes, 'aria-label': `Weight of ${given.canary}, percent of the requests of ${given.service}`});
  const number = el('output', {className: 'number'});
  const stable = el('output', {className: 'number'});
  const show = (weight) => {
    range.value = weight;
    range.style.setProperty('--at', `${weight}%`);
    number.textContent = `${weight}%`;
    stable.textContent = `${100 - weight}%`;
  };
  const send = sender(given.key, told, () => show(now.weight));
  range.addEventListener('input', () => show(Number(range.value)));
  range.addEventListener('change', () => send(Number(range.value)));
  const steps = [0, 10, 25, 50, 100].map((weight) => el('button', {type: 'button', disabled: !page.feed.writes, onclick: () => {
    show(weight);
    send(weight);
  }}, `${weight}`));
  return {
    element: el('div', {className: 'control'},
      el('span', {className: 'label'}, given.service),
      el('span', {className: 'slide'}, el('b', {className: 'stable'}, given.stable), stable, range, number, el('b', {className: 'canary'}, given.canary)),
      el('span', {className: 'steps', role: 'group', 'aria-label': 'Weights'}, steps), told),
    set: (each) => {
      now = each;
      if (document.activeElement !== range || Number(range.value) !== each.weight) show(each.weight);
    },
  };
}

function toggle(given, page) {
  let now = given;
  const told = el('output', {className: 'told hint'}, `config ${given.key}`);
  const button = el('button', {type: 'button', role: 'switch', className: 'switch', disabled: !page.feed.writes, 'aria-label': given.label});
  const show = (on) => button.setAttribute('aria-checked', on);
  const send = sender(given.key, told, () => show(now.on));
  button.addEventListener('click', () => {
    const on = button.getAttribute('aria-checked') !== 'true';
    show(on);
    send(on);
  });
  return {
    element: el('div', {className: 'control'}, el('span', {className: 'label'}, given.label), button, told),
    set: (each) => {
      now = each;
      show(each.on);
    },
  };
}
