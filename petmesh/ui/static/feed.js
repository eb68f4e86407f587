// The server's feed of parts, and what is asked of it. The token is sent as a header alone.

const KEY = 'petmesh-token';
const LIMIT = 900;
const SILENT = 6000;

/** Takes the token out of the address, so that neither history nor a shared screen shows it. */
export function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem(KEY) || '';
}

const headers = () => ({Authorization: `Bearer ${token()}`});

/** Asks for an action; throws an Error with the server's line where it is refused. */
export async function ask(name, body) {
  let response;
  try {
    response = await fetch(`/api/${name}`, {
      method: 'POST', headers: {...headers(), 'Content-Type': 'application/json'}, body: JSON.stringify(body),
    });
  } catch {
    throw new Error('the server is gone: nothing was changed');
  }
  const held = await response.json().catch(() => ({error: `status ${response.status}`}));
  if (!response.ok) throw new Error(held.error);
  return held;
}

/** The parts as they are, and whoever wants to know of a part's changes. */
export class Feed {
  constructor() {
    this.parts = {};
    this.listeners = {};
    this.writes = false;
    this.readingToken = '';
    this.onstate = () => {};
  }

  on(part, listener) {
    (this.listeners[part] ||= []).push(listener);
  }

  /** Follows the feed for as long as the page is open. */
  async follow() {
    let wait = 500;
    for (;;) {
      const ended = await this.read(() => { wait = 500; });
      if (ended === 'end' || ended === 'refused') return;
      this.onstate('lost');
      await new Promise((resolve) => { setTimeout(resolve, wait); });
      wait = Math.min(wait * 2, 5000);
    }
  }

  async read(began) {
    const abort = new AbortController();
    // A page that was left may be kept to go back to: its connection would count among the six that
    // a browser opens to a server, and keep the next page's requests waiting.
    const leave = () => abort.abort();
    addEventListener('pagehide', leave);
    let silence;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), SILENT);
    };
    try {
      heard();
      const response = await fetch('/api/events', {headers: headers(), signal: abort.signal, cache: 'no-store'});
      if (response.status === 401) {
        this.onstate('refused');
        return 'refused';
      }
      if (!response.ok) return 'lost';
      began();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const {value, done} = await reader.read();
        if (done) return 'lost';
        heard();
        const events = (rest + value).split('\n\n');
        rest = events.pop();
        for (const event of events) {
          if (!event.startsWith('data: ')) continue;
          const change = JSON.parse(event.slice(6));
          if (change.end) {
            this.onstate('ended');
            return 'end';
          }
          this.take(change);
        }
      }
    } catch {
      return 'lost';
    } finally {
      clearTimeout(silence);
      removeEventListener('pagehide', leave);
      abort.abort();
    }
  }

  take(change) {
    if (change.hello) {
      this.writes = change.hello.writes;
      this.readingToken = change.hello.readingToken;
      this.onstate('live');
    } else if (change.parts) {
      this.parts = change.parts;
      for (const part of Object.keys(change.parts)) this.tell(part);
    } else if ('item' in change) {
      const held = (this.parts[change.part] ||= []);
      held.push(change.item);
      if (held.length > LIMIT) held.splice(0, held.length - LIMIT);
      this.tell(change.part);
    } else {
      this.parts[change.part] = change.value;
      this.tell(change.part);
    }
  }

  tell(part) {
    for (const listener of this.listeners[part] || []) {
      try {
        listener(this.parts[part]);
      } catch (error) {
        // What can't be shown keeps nothing else from being shown.
        console.error(error);
      }
    }
  }
}
