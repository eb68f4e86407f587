// A request to compose and send, and the path that it took.

import {byId, copies, el, fill, milliseconds} from './dom.js';
import {ask} from './feed.js';
import {objectButton} from './objects.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const NAMES = {outside: 'outside, by a gateway', unmeshed: 'a pod without a sidecar'};

export function showTrial(page) {
  const form = byId('form');
  const field = {};
  const options = (names) => names.map((name) => el('option', {value: name}, NAMES[name] || name));
  field.examples = el('select', {'aria-label': 'Examples', onchange: () => choose(page, field)});
  field.from = el('select', {name: 'from', id: 'from'});
  field.method = el('select', {name: 'method', 'aria-label': 'Method'}, options(METHODS));
  field.url = el('input', {name: 'url', id: 'url', type: 'text', spellcheck: false, autocomplete: 'off', required: true, placeholder: 'http://service:port/path'});
  field.headers = el('textarea', {id: 'headers', rows: 2, spellcheck: false, placeholder: 'name: value, one a line'});
  field.body = el('textarea', {id: 'body', rows: 2, spellcheck: false});
  field.token = el('textarea', {id: 'token', rows: 1, spellcheck: false, placeholder: '{"iss": "…", "sub": "…"}'});
  field.times = el('input', {id: 'times', type: 'number', min: 1, max: 100, value: 1});
  field.rate = el('input', {id: 'rate', type: 'number', min: 1, max: 100, value: 10});
  field.send = el('button', {className: 'primary'}, 'Send');
  field.load = el('button', {type: 'button', onclick: () => steady(page, field)}, 'Start load');
  field.sending = el('span', {className: 'hint', id: 'sending'});
  field.error = el('p', {className: 'refusal', role: 'alert'});

  fill(form,
    el('div', {className: 'field'}, el('label', {htmlFor: 'from'}, 'From'), field.from, field.examples),
    el('div', {className: 'field'}, field.method, el('label', {htmlFor: 'url', className: 'unseen'}, 'URL'), field.url),
    el('details', {}, el('summary', {}, 'Headers, body, token'),
      el('label', {htmlFor: 'headers'}, 'Headers'), field.headers,
      el('label', {htmlFor: 'body'}, 'Body'), field.body,
      el('label', {htmlFor: 'token'}, 'Claims of a token that this rehearsal signs, as JSON'), field.token),
    el('div', {className: 'field'}, field.send, field.times, el('label', {htmlFor: 'times'}, 'times'),
      el('span', {className: 'space'}), field.load, field.rate, el('label', {htmlFor: 'rate'}, '/s')),
    field.sending, field.error);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    send(page, field);
  });
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) send(page, field);
  });

  page.feed.on('form', (held) => {
    byId('trial').hidden = false;
    const from = field.from.value;
    fill(field.from, options(held.sources));
    if (held.sources.includes(from)) field.from.value = from;
    fill(field.examples, el('option', {value: ''}, 'Examples'), held.examples.map((each, index) => el('option', {value: index},
      `${each.from}: ${each.method} ${each.url.replace(/^https?:\/\//, '')}${Object.keys(each.headers).length ? ' with headers' : ''}`)));
    if (!field.url.value && held.examples.length) fillIn(field, held.examples[0]);
    for (const each of [field.send, field.load]) each.disabled = !page.feed.writes;
    if (!page.feed.writes) field.error.textContent = 'This link only reads.';
  });
  page.feed.on('load', (load) => {
    field.load.textContent = load.rate ? 'Stop load' : 'Start load';
    field.load.dataset.on = load.rate > 0;
    field.sending.textContent = load.rate
      ? `${load.rate}/s of ${load.request}: ${load.sent.toLocaleString('en')} sent, ${load.failed.toLocaleString('en')} failed` : '';
  });
}

function choose(page, field) {
  const example = page.feed.parts.form.examples[field.examples.value];
  field.examples.value = '';
  if (example) fillIn(field, example);
}

function fillIn(field, example) {
  field.from.value = example.from;
  field.method.value = example.method;
  field.url.value = example.url;
  field.headers.value = Object.entries(example.headers).map(([name, value]) => `${name}: ${value}`).join('\n');
}

function composed(field) {
  const headers = {};
  for (const line of field.headers.value.split('\n').filter((each) => each.trim())) {
    const [name, ...rest] = line.split(':');
    if (!rest.length) throw new Error(`headers: ${line}: must be name: value`);
    headers[name.trim()] = rest.join(':').trim();
  }
  const made = {from: field.from.value, method: field.method.value, url: field.url.value.trim(), headers, times: Number(field.times.value)};
  if (field.body.value) made.body = field.body.value;
  if (field.token.value.trim()) {
    try {
      made.token = JSON.parse(field.token.value);
    } catch {
      throw new Error('token: must be a JSON object of claims');
    }
  }
  return made;
}

async function send(page, field) {
  field.error.textContent = '';
  field.send.disabled = true;
  try {
    const result = await ask('request', composed(field));
    fill(byId('result'), shown(result));
    page.showPath(result.path);
  } catch (error) {
    field.error.textContent = error.message;
  } finally {
    field.send.disabled = false;
  }
}

async function steady(page, field) {
  field.error.textContent = '';
  try {
    const running = page.feed.parts.load.rate > 0;
    await ask('load', running ? {rate: 0} : {...composed(field), rate: Number(field.rate.value)});
  } catch (error) {
    field.error.textContent = error.message;
  }
}

const tone = (status) => (status >= 500 || status === 0 ? 'bad' : status >= 400 ? 'odd' : 'good');

function shown(result) {
  const [first] = result.answers;
  const answered = `${first.status || first.error || 'no response'}`;
  return [
    el('div', {className: 'answer'},
      el('strong', {className: `status ${tone(first.status)}`}, answered),
      el('span', {}, milliseconds(first.milliseconds)),
      el('span', {className: 'hint'}, first.workload ? `by ${first.workload}` : '')),
    result.answers.length > 1 ? split(result.answers) : null,
    el('h3', {}, 'Path'),
    result.path.length ? el('ol', {className: 'path'}, result.path.map((step) => stepOf(step, result.path)))
      : el('p', {className: 'hint'}, `No proxy logged it: the connection ended at ${result.first}.`),
    result.body ? el('details', {open: result.body.length < 1500}, el('summary', {}, 'Body'), el('pre', {tabIndex: 0}, pretty(result.body)),
      result.cut ? el('p', {className: 'hint'}, 'Only its beginning is shown.') : null) : null,
    el('details', {}, el('summary', {}, 'Headers'), el('pre', {tabIndex: 0}, result.headers.map(([name, value]) => `${name}: ${value}`).join('\n'))),
    el('details', {}, el('summary', {}, 'As an expectation'), el('pre', {tabIndex: 0}, result.expectation), copies('Copy', result.expectation)),
  ];
}

function split(answers) {
  const counts = new Map();
  for (const each of answers) {
    const key = `${each.status || each.error} ${each.workload.replace(/-\d+$/, '')}`.trim();
    counts.set(key, (counts.get(key) || 0) + 1);
  }
  return el('ul', {className: 'split'}, [...counts].sort((a, b) => b[1] - a[1]).map(([key, count]) => el('li', {},
    el('span', {className: 'fill', style: {width: `${(100 * count) / answers.length}%`}}),
    el('span', {}, key), el('span', {}, `${count} of ${answers.length}`))));
}

function stepOf(step, path) {
  const slowest = Math.max(...path.map((each) => each.milliseconds), 1);
  const decided = step.decided.length ? step.decided : [step.inbound ? 'no policy asks: let in' : 'no object decided'];
  return el('li', {style: {'--depth': step.depth}, className: tone(step.status)},
    el('span', {className: 'proxy'}, step.inbound ? `into ${step.proxy}` : step.proxy),
    el('span', {className: 'outcome'},
      step.tries > 1 ? el('span', {className: 'hint'}, `${step.tries} tries`) : null,
      step.flags ? el('abbr', {title: 'Envoy’s response flags'}, step.flags) : null,
      el('span', {className: 'code'}, `${step.status || '–'}`), el('span', {className: 'time'}, milliseconds(step.milliseconds))),
    el('span', {className: 'took', style: {width: `${(100 * step.milliseconds) / slowest}%`}}),
    decided.map((line) => el('span', {className: 'decision'}, linked(line, step.object))));
}

/** A decision, its object's name as a button. */
function linked(line, object) {
  if (!object || !line.includes(object)) return line;
  const at = line.indexOf(object);
  return [line.slice(0, at), objectButton(object), line.slice(at + object.length)];
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
