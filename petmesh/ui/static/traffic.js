// Requests by version over time, of the selected card or of the one with the most versions.

/* global uPlot */
import {byId, el, fill} from './dom.js';
import {colourOf} from './graph.js';

const SPAN = 120;
const HEIGHT = 190;

/** What a canvas draws with: the page's colours as they are now. */
export function colour(name) {
  const text = name.startsWith('var(') ? name.slice(4, -1) : name;
  return getComputedStyle(document.documentElement).getPropertyValue(text).trim();
}

/** The look that all curves share. */
export function axes(unit) {
  const style = {stroke: colour('--muted'), grid: {stroke: colour('--line'), width: 1}, ticks: {stroke: colour('--line'), width: 1}, font: '11px system-ui'};
  const time = (at) => new Date(at * 1000).toLocaleTimeString('en-GB');
  return [
    {...style, values: (_, values) => values.map(time), space: 80, size: 28},
    {...style, size: 62, values: (_, values) => values.map((value) => `${Number(value.toPrecision(3))}${unit}`)},
  ];
}

/** A plot that follows the width of its place and the theme. */
export class Curves {
  constructor(place, height, options) {
    this.place = place;
    this.height = height;
    this.options = options;
    new ResizeObserver(() => this.plot && this.plot.setSize({width: place.clientWidth, height})).observe(place);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.key = '';
      if (this.last) this.show(...this.last);
    });
  }

  /** Shows data by series; `series` are names and colours. */
  show(series, data, range) {
    this.last = [series, data, range];
    this.range = range;
    const key = JSON.stringify(series);
    if (!this.plot || key !== this.key) {
      this.key = key;
      this.plot?.destroy();
      this.plot = new uPlot({
        width: this.place.clientWidth, height: this.height, legend: {show: false}, cursor: {drag: {x: false, y: false}, y: false},
        scales: {x: {time: false, range: () => this.range}, y: {range: (_, low, high) => [0, Math.max(high * 1.1, this.options.least ?? 1)]}},
        axes: axes(this.options.unit),
        series: [{}, ...series.map((each) => ({
          label: each.name, stroke: colour(each.colour), width: each.width ?? 2, dash: each.dash, points: {show: each.points ?? false, size: 5},
          fill: each.fill ? `${colour(each.colour)}33` : undefined, paths: each.stepped ? uPlot.paths.stepped({align: 1}) : undefined,
        }))],
      }, data, this.place);
    }
    this.plot.setData(data);
  }
}

export function showTraffic(page) {
  const curves = new Curves(byId('curves'), HEIGHT, {unit: '/s'});
  const draw = () => {
    const {mesh, traffic} = page.feed.parts;
    if (!mesh || !traffic) return;
    byId('traffic').hidden = false;
    show(page, curves, mesh, traffic);
  };
  for (const part of ['mesh', 'traffic']) page.feed.on(part, draw);
  page.listeners.push(draw);
}

function chosen(page, mesh) {
  const rows = (card) => card.rows.length;
  return mesh.cards.find((card) => card.id === page.selected && rows(card))
    || [...mesh.cards].sort((a, b) => rows(b) - rows(a))[0];
}

function show(page, curves, mesh, traffic) {
  const card = chosen(page, mesh);
  const workloads = card?.rows || [];
  byId('traffic-title').textContent = card ? `Requests by version of ${card.title}` : 'Requests by version';
  const until = Math.max(Date.now() / 1000, traffic.length ? traffic.at(-1).at : 0);
  const points = traffic.filter((point) => point.at > until - SPAN - 5);
  const data = [points.map((point) => point.at)];
  const sum = (point, wanted, index) => point.calls.reduce((total, call) => total + (wanted(call[1]) ? call[index] : 0), 0) / point.seconds;
  for (const row of workloads) data.push(points.map((point) => sum(point, (name) => name === row.workload, 2)));
  const own = new Set(workloads.map((row) => row.workload));
  data.push(points.map((point) => sum(point, (name) => own.has(name), 3)));
  const series = workloads.map((row, index) => ({name: row.version, colour: colourOf(index)}));
  series.push({name: 'failed (5xx)', colour: '--bad', fill: true, width: 1.5});
  curves.show(series, data, [until - SPAN, until]);
  fill(byId('legend'), series.map((each, index) => el('span', {className: 'key'},
    el('i', {style: {background: each.colour.startsWith('var') ? each.colour : `var(${each.colour})`}}), `${each.name} `,
    el('b', {}, `${(data[index + 1].at(-1) ?? 0).toFixed(1)}/s`))));
}
