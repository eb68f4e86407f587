// A ramp: who gets what, both versions' curves, the journal, and orders to it.

import {byId, el, fill, milliseconds} from './dom.js';
import {ask} from './feed.js';
import {Curves} from './traffic.js';

const CONFIRM = 4000;
const HEIGHT = 150;
const SHOWN = 200;
const LABELS = {approve: 'Approve', pause: 'Pause', resume: 'Resume', rollback: 'Roll back'};
const PLOTS = [
  {title: 'Failed tries', unit: '%', value: 'failed', least: 1},
  {title: 'Latency, p50', unit: ' ms', value: 'p50', least: 5},
  {title: 'Latency, p99', unit: ' ms', value: 'p99', least: 5},
];

export function showRamp(page) {
  const place = byId('ramp');
  let view;
  page.feed.on('ramp', (ramp) => {
    if (!view) {
      view = build(page, ramp);
      fill(place, view.element);
      place.hidden = false;
      view.figures(page.feed.parts.figures || []);
      view.journal(page.feed.parts.journal || []);
    }
    view.set(ramp);
  });
  page.feed.on('figures', (points) => view?.figures(points));
  page.feed.on('journal', (lines) => view?.journal(lines));
}

function build(page, first) {
  const group = first.members.length > 1;
  const [only] = first.members;
  let ramp = first;
  let member = only;
  const line = el('p', {className: 'standing', role: 'status'});
  const verdict = el('p', {className: 'hint verdict'});
  const clock = el('span', {className: 'clock'});
  const stages = el('ol', {className: 'stages', 'aria-label': 'Steps'});
  const own = el('span', {className: 'own'});
  const stable = el('b', {className: 'stable'});
  const canary = el('b', {className: 'canary'});
  const bar = el('div', {className: 'split-bar', role: 'img'}, own);
  const orders = orderButtons(page, () => ramp);
  const table = el('tbody');
  const rows = el('tbody');
  const names = group ? {stable: 'stable', canary: 'canary'} : {stable: only.stable, canary: only.canary};

  const share = plotOf('The canary’s share of the requests', '%', {least: 10});
  const plots = PLOTS.map((plot) => ({...plot, ...plotOf(plot.title, plot.unit, plot)}));
  const draw = () => {
    const points = page.feed.parts.figures || [];
    const from = new Date(first.begun).getTime() / 1000;
    const until = Math.max(from + 30, points.length ? points.at(-1).at : 0);
    const at = points.map((point) => point.at);
    const colours = {stable: 'var(--version-1)', canary: 'var(--version-2)'};
    share.curves.show([{name: 'asked', colour: '--muted', dash: [4, 3], stepped: true, width: 1.5}, {name: 'measured', colour: colours.canary}],
      [at, points.map((point) => point.weight), points.map((point) => point.members[member.service].share)], [from, until]);
    for (const plot of plots) {
      const values = (kind) => points.map((point) => point.members[member.service][kind][plot.value]);
      plot.curves.show([{name: member.stable, colour: colours.stable, points: points.length < 3}, {name: member.canary, colour: colours.canary, points: points.length < 3}],
        [at, values('stable'), values('canary')], [from, until]);
    }
    const latest = points.at(-1)?.members || {};
    fill(table, first.members.flatMap((each) => ['stable', 'canary'].map((kind) => figureRow(each, kind, latest[each.service]?.[kind], group))));
  };
  const chooser = group ? el('select', {'aria-label': 'Service of the curves', onchange: (event) => {
    member = first.members.find((each) => each.service === event.target.value);
    draw();
  }}, first.members.map((each) => el('option', {value: each.service}, each.service))) : null;

  const tick = () => {
    const left = ramp.ends === null ? null : Math.max(0, Math.round(ramp.ends - Date.now() / 1000));
    clock.textContent = left === null || document.body.dataset.state !== 'live' ? ''
      : left ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')} left of this step at least` : 'waits for enough data and a pass';
  };
  setInterval(tick, 500);

  return {
    element: el('div', {className: 'ramp'},
      el('div', {className: 'bar'}, el('h2', {}, `Ramp of ${group ? '' : `${only.service}: `}${first.title}`), el('span', {className: 'hint'}, `on the ${first.target}`), chooser),
      el('div', {className: 'head'}, el('div', {}, line, verdict), orders.element),
      el('div', {className: 'who'}, stable, bar, canary), el('div', {className: 'under'}, stages, clock),
      el('table', {className: 'figures'}, el('thead', {}, el('tr', {}, ['Version', 'Tries', 'Failed', 'p50', 'p99'].map((name) => el('th', {scope: 'col'}, name)))), table),
      el('div', {className: 'plots'}, share.element, plots.map((plot) => plot.element)),
      el('details', {open: true, className: 'journal'}, el('summary', {}, 'Journal'),
        el('div', {className: 'scroll', tabIndex: 0}, el('table', {}, el('thead', {className: 'unseen'}, el('tr', {}, ['Time', 'Weight', 'Phase', 'What happened'].map((name) => el('th', {scope: 'col'}, name)))), rows)))),
    set(given) {
      ramp = given;
      line.textContent = given.line;
      line.dataset.tone = given.tone;
      document.title = `${given.weight}% ${given.phase} · petmesh`;
      verdict.textContent = given.verdict;
      stable.textContent = `${names.stable} ${100 - given.weight}%`;
      canary.textContent = `${names.canary} ${given.weight}%${given.mirror ? `, copies of ${given.mirror}%` : ''}`;
      own.style.width = `${given.weight}%`;
      bar.setAttribute('aria-label', `${stable.textContent}, ${canary.textContent}`);
      fill(stages, given.stages.map((stage, index) => el('li', {
        className: index < given.stage ? 'done' : index === given.stage ? 'now' : '', 'aria-current': index === given.stage ? 'step' : undefined,
      }, stage)));
      orders.set(given);
      tick();
    },
    figures: draw,
    journal(lines) {
      fill(rows, lines.slice(-SHOWN).reverse().map((each) => el('tr', {'data-tone': each.tone},
        el('td', {}, new Date(each.at * 1000).toLocaleTimeString('en-GB')), el('td', {}, `${each.weight}%`), el('td', {}, each.phase), el('td', {}, each.text))));
    },
  };
}

function plotOf(name, unit, options) {
  const place = el('div', {className: 'plot'});
  const curves = new Curves(place, HEIGHT, {unit, ...options});
  return {element: el('figure', {}, el('figcaption', {}, name), place), curves};
}

function figureRow(member, kind, figures, group) {
  const percent = figures && figures.failed !== null ? `${figures.failed.toFixed(2)}%` : '–';
  return el('tr', {},
    el('th', {scope: 'row', className: kind}, group ? `${member.service} ${member[kind]}` : member[kind]),
    el('td', {}, figures ? Math.round(figures.requests).toLocaleString('en') : '–'), el('td', {}, percent),
    el('td', {}, milliseconds(figures?.p50)), el('td', {}, milliseconds(figures?.p99)));
}

/** The orders; those that move weight ask once more, so that no single click does. */
function orderButtons(page, now) {
  const told = el('p', {className: 'refusal', role: 'alert'});
  const made = Object.keys(LABELS).map((name) => {
    let armed;
    const button = el('button', {type: 'button', className: name === 'rollback' ? 'danger' : name === 'approve' ? 'primary' : '', 'data-order': name});
    const label = () => {
      const what = name === 'approve' ? `Approve ${now().gate}` : LABELS[name];
      button.textContent = armed ? `Sure? ${what}` : what;
    };
    const disarm = () => {
      clearTimeout(armed);
      armed = undefined;
      label();
    };
    button.addEventListener('click', async () => {
      told.textContent = '';
      if (!armed && (name === 'rollback' || name === 'approve')) {
        armed = setTimeout(disarm, CONFIRM);
        label();
        return;
      }
      const {gate} = now();
      disarm();
      button.disabled = true;
      try {
        await ask('order', {order: name, gate});
      } catch (error) {
        told.textContent = error.message;
      } finally {
        button.disabled = !page.feed.writes;
      }
    });
    return {name, button, disarm, label};
  });
  let gate = '';
  return {
    element: el('div', {className: 'orders'}, made.map((each) => each.button), told),
    set(ramp) {
      for (const {name, button, disarm, label} of made) {
        const offered = ramp.orders.includes(name);
        if (button.hidden !== !offered || (name === 'approve' && ramp.gate !== gate)) disarm();
        button.hidden = !offered;
        button.disabled = !page.feed.writes;
        label();
      }
      gate = ramp.gate;
    },
  };
}
