// The mesh as a graph: cards of HTML, laid out by dagre, and edges of SVG behind them.

/* global dagre */
import {byId, el, fill, perSecond, svg} from './dom.js';
import {objectButton} from './objects.js';

const WIDTH = {callers: 74, gateway: 184, service: 228, host: 184};
const HEAD = 50;
const ROW = 26;
const FOOT = 10;
const SMALLEST = 0.65;
// What is made smaller than this gets the whole width of the page.
const ROOMY = 0.85;
const RECENT = 5;
const POLICY = /^(AuthorizationPolicy|PeerAuthentication|RequestAuthentication|NetworkPolicy) /;

const heightOf = (card) => (card.kind === 'callers' ? 36 : HEAD + (card.rows.length ? card.rows.length * ROW + FOOT : 0));

/** The colour of a card's row, the same in the curves. */
export const colourOf = (index) => `var(--version-${(index % 6) + 1})`;

export function showGraph(page) {
  const shown = {mesh: null, shape: '', room: 0, cards: {}, edges: {}, steps: []};

  page.feed.on('mesh', (mesh) => {
    byId('mesh').hidden = false;
    shown.mesh = mesh;
    mesh.gateways = Object.fromEntries(mesh.cards.filter((card) => card.kind === 'gateway').map((card) => [card.id, card.title]));
    draw(page, shown);
    if (page.selected && !mesh.cards.some((card) => card.id === page.selected)) page.select(null);
    else details(page, shown);
  });
  page.feed.on('traffic', (points) => rates(shown, points));
  page.listeners.push(() => {
    for (const [id, card] of Object.entries(shown.cards)) card.setAttribute('aria-pressed', id === page.selected);
    details(page, shown);
  });
  page.showPath = (steps) => {
    shown.steps = steps;
    highlight(shown);
  };
  new ResizeObserver(() => {
    if (shown.mesh && byId('graph').clientWidth !== shown.room) draw(page, shown);
  }).observe(byId('graph'));
}

function draw(page, shown) {
  const place = byId('graph');
  const shape = JSON.stringify([shown.mesh.edges, shown.mesh.cards.map((card) => [card.id, card.kind, card.rows.length])]);
  if (shape === shown.shape && place.clientWidth === shown.room) {
    // Where everything is as it was, what is focused stays so.
    for (const card of shown.mesh.cards) fill(shown.cards[card.id], contents(card));
  } else {
    shown.shape = shape;
    const main = byId('main');
    main.dataset.broad = false;
    let laid = fitted(shown.mesh, place.clientWidth);
    if (laid.scale < ROOMY && place.clientWidth < main.clientWidth - 100) {
      main.dataset.broad = true;
      laid = fitted(shown.mesh, place.clientWidth);
    }
    place.replaceChildren(frameOf(page, shown, laid));
    shown.room = place.clientWidth;
  }
  rates(shown, page.feed.parts.traffic || []);
  highlight(shown);
}

/** The layout that needs least to be made smaller: from left to right, or from top to bottom. */
function fitted(mesh, room) {
  const [across, down] = ['LR', 'TB'].map((rankdir) => {
    const laid = layout(mesh, rankdir);
    const fits = Math.min(1, room / laid.width);
    return {...laid, fits, scale: Math.max(SMALLEST, fits)};
  });
  return down.fits > across.fits + 0.12 ? down : across;
}

function frameOf(page, shown, laid) {
  const {scale} = laid;
  const edges = svg('svg', {width: laid.width, height: laid.height, 'aria-hidden': 'true'});
  shown.edges = {};
  for (const edge of laid.edges) {
    const group = svg('g', {class: 'edge'},
      svg('path', {d: curve(edge.points), class: 'line'}), svg('path', {d: arrow(edge.points), class: 'head'}));
    const middle = edge.points[Math.floor(edge.points.length / 2)];
    const label = svg('text', {x: middle.x, y: middle.y - 6, 'text-anchor': 'middle'});
    group.append(label);
    edges.append(group);
    shown.edges[`${edge.source}\n${edge.target}`] = {group, label};
  }
  shown.cards = {};
  for (const card of shown.mesh.cards) shown.cards[card.id] = cardOf(card, laid.places[card.id], page);
  const size = (factor) => ({width: `${laid.width * factor}px`, height: `${laid.height * factor}px`});
  const canvas = el('div', {className: 'canvas', style: {...size(1), transform: `scale(${scale})`}}, edges, Object.values(shown.cards));
  return el('div', {className: 'frame', style: size(scale)}, canvas);
}

function layout(mesh, rankdir) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({rankdir, nodesep: 18, ranksep: rankdir === 'LR' ? 50 : 40, marginx: 4, marginy: 12});
  graph.setDefaultEdgeLabel(() => ({}));
  for (const card of mesh.cards) graph.setNode(card.id, {width: WIDTH[card.kind], height: heightOf(card)});
  for (const edge of mesh.edges) graph.setEdge(edge.source, edge.target);
  // What nobody in particular calls stands behind the gateways.
  const called = new Set(mesh.edges.map((edge) => edge.target));
  const first = mesh.cards.find((card) => card.kind === 'gateway');
  for (const card of mesh.cards) {
    if (first && !called.has(card.id) && (card.kind === 'service' || card.kind === 'host')) {
      graph.setEdge(first.id, card.id, {hidden: true, minlen: card.kind === 'host' ? 2 : 1});
    }
  }
  dagre.layout(graph);
  const {width, height} = graph.graph();
  const places = Object.fromEntries(graph.nodes().map((id) => [id, graph.node(id)]));
  const edges = mesh.edges.map(({source, target}) => ({source, target, points: graph.edge(source, target).points}));
  return {width: Math.ceil(width), height: Math.ceil(height), places, edges};
}

function curve(points) {
  const [first, ...rest] = points;
  const parts = [`M${first.x},${first.y}`];
  for (let index = 0; index < rest.length - 1; index += 1) {
    const end = index === rest.length - 2 ? rest[index + 1]
      : {x: (rest[index].x + rest[index + 1].x) / 2, y: (rest[index].y + rest[index + 1].y) / 2};
    parts.push(`Q${rest[index].x},${rest[index].y} ${end.x},${end.y}`);
  }
  if (rest.length === 1) parts.push(`L${rest[0].x},${rest[0].y}`);
  return parts.join(' ');
}

function arrow(points) {
  const end = points.at(-1);
  const before = points.at(-2);
  const angle = Math.atan2(end.y - before.y, end.x - before.x);
  const at = (turn) => `${end.x - 8 * Math.cos(angle + turn)},${end.y - 8 * Math.sin(angle + turn)}`;
  return `M${at(0.42)} L${end.x},${end.y} L${at(-0.42)} Z`;
}

function cardOf(card, at, page) {
  const place = {left: `${at.x - at.width / 2}px`, top: `${at.y - at.height / 2}px`, width: `${at.width}px`, height: `${at.height}px`};
  if (card.kind === 'callers') return el('div', {className: 'card callers', style: place}, contents(card));
  return el('button', {
    className: `card ${card.kind}`, type: 'button', 'aria-pressed': card.id === page.selected, style: place,
    onclick: () => page.select(page.selected === card.id ? null : card.id),
  }, contents(card));
}

function contents(card) {
  const name = el('span', {className: 'name', title: card.title}, card.title);
  if (card.kind === 'callers') return [name];
  const policies = card.objects.filter((each) => POLICY.test(each)).length;
  const meta = [...card.ports, card.mtls && `mTLS ${card.mtls}`, policies && `${policies} ${policies === 1 ? 'policy' : 'policies'}`,
    card.open && 'any caller', card.namespace].filter(Boolean).join(' · ');
  return [name, el('span', {className: 'meta', title: meta}, meta), ...card.rows.map((row, index) => {
    const pods = `${row.pods} ${row.pods === 1 ? 'pod' : 'pods'}`;
    return el('span', {className: 'row', title: `${row.workload}: ${pods}`},
      el('span', {className: 'share', style: {width: `${row.weight ?? 0}%`, background: colourOf(index)}}),
      el('span', {className: 'dot', style: {background: colourOf(index)}}),
      el('span', {className: 'version'}, row.version),
      el('span', {className: 'pods'}, row.meshed ? pods : `${pods}, no sidecar`),
      el('span', {className: 'rate', 'data-workload': row.workload}),
      el('span', {className: 'weight'}, row.weight === null ? '' : `${Math.round(row.weight)}%`));
  })];
}

/** Writes the requests of the last seconds at edges and workloads. */
function rates(shown, points) {
  if (!shown.mesh) return;
  const until = points.length ? points.at(-1).at : 0;
  const recent = points.filter((point) => point.at > until - RECENT);
  const seconds = recent.reduce((sum, point) => sum + point.seconds, 0) || 1;
  const byEdge = {};
  const byWorkload = {};
  for (const point of recent) {
    for (const [caller, called, requests, errors] of point.calls) {
      const [source, target] = [shown.mesh.card_of[caller], shown.mesh.card_of[called]];
      const edge = (byEdge[`${source}\n${target}`] ||= {requests: 0, errors: 0});
      edge.requests += requests;
      edge.errors += errors;
      if (caller === shown.mesh.gateways[source]) {
        const entered = (byEdge[`outside\n${source}`] ||= {requests: 0, errors: 0});
        entered.requests += requests;
        entered.errors += errors;
      }
      byWorkload[called] = (byWorkload[called] || 0) + requests;
    }
  }
  for (const [key, {group, label}] of Object.entries(shown.edges)) {
    const found = byEdge[key];
    group.classList.toggle('busy', Boolean(found));
    group.classList.toggle('failing', Boolean(found?.errors));
    label.textContent = found ? perSecond(found.requests / seconds) : '';
  }
  for (const card of Object.values(shown.cards)) {
    for (const rate of card.querySelectorAll('.rate')) {
      const number = byWorkload[rate.dataset.workload];
      rate.textContent = number ? perSecond(number / seconds) : '';
    }
  }
}

/** Marks the cards and edges of a request's path. */
function highlight(shown) {
  const cards = new Set();
  const edges = new Set();
  const of = (workload) => shown.mesh?.card_of[workload];
  let before;
  for (const step of shown.steps) {
    const own = of(step.workload);
    if (!own) continue;
    if (!before && shown.mesh.cards.find((card) => card.id === own)?.kind === 'gateway') {
      cards.add('outside');
      edges.add(`outside\n${own}`);
    }
    before = own;
    cards.add(own);
    const next = of(step.to.replace(/-\d+$/, ''));
    if (next) {
      cards.add(next);
      edges.add(`${own}\n${next}`);
    }
  }
  for (const [id, card] of Object.entries(shown.cards)) card.classList.toggle('passed', cards.has(id));
  for (const [key, {group}] of Object.entries(shown.edges)) group.classList.toggle('passed', edges.has(key));
}

function details(page, shown) {
  const card = shown.mesh?.cards.find((each) => each.id === page.selected);
  if (!card) {
    fill(byId('details'), el('p', {className: 'hint'}, 'Select a card to see what is declared for it.'));
    return;
  }
  fill(byId('details'),
    el('h3', {}, card.title), card.objects.length
      ? el('ul', {className: 'objects'}, card.objects.map((name) => el('li', {}, objectButton(name))))
      : el('p', {className: 'hint'}, 'No object applies to it.'));
}
