// The page: each part of the feed is shown by a module of its own.

import {byId, copies, el, fill} from './dom.js';
import {Feed, token} from './feed.js';
import {showGraph} from './graph.js';
import {showTrial} from './trial.js';
import {showTraffic} from './traffic.js';
import {showControls} from './controls.js';
import {showRamp} from './ramp.js';

const STATES = {
  live: 'live',
  lost: 'connection lost: what you see is from before; trying again',
  ended: 'petmesh has ended: what you see is how it was then',
  refused: 'no access',
};

const feed = new Feed();
const page = {feed, selected: null, listeners: [], select(id) {
  page.selected = id;
  for (const listener of page.listeners) listener(id);
}};

feed.onstate = (state) => {
  const shown = byId('connection');
  shown.textContent = STATES[state] + (state === 'live' && !feed.writes ? ', read only' : '');
  shown.dataset.state = state;
  document.body.dataset.state = state;
  if (state === 'refused') {
    notice(token()
      ? 'This link is of another start: open the one that petmesh printed last.'
      : 'This page needs the link that petmesh printed, with the token in it.');
  }
  if (state === 'live') {
    document.body.dataset.writes = feed.writes;
    const share = byId('share');
    if (feed.writes && share.hidden) {
      const button = copies('Copy read-only link', () => `${location.origin}/#token=${feed.readingToken}`);
      button.id = 'share';
      share.replaceWith(button);
    }
  }
};

function notice(text) {
  byId('notice').textContent = text;
  byId('notice').hidden = !text;
}

feed.on('trouble', notice);
feed.on('waiting', (text) => {
  byId('waiting').textContent = text;
  byId('waiting').hidden = !text;
});
feed.on('about', (about) => {
  byId('title').textContent = about.title;
  document.title = `${about.title} · petmesh`;
  const several = about.findings.length === 1 ? '1 finding' : `${about.findings.length} findings`;
  fill(byId('findings'), about.findings.length
    ? el('details', {className: 'findings'}, el('summary', {}, several),
      el('ul', {}, about.findings.map((line) => el('li', {}, line))))
    : null);
});

token();
showGraph(page);
showTrial(page);
showTraffic(page);
showControls(page);
showRamp(page);
feed.follow();
