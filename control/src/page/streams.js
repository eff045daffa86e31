// The streams: an EventSource each, or any response to a request, what it has heard, and when that was in the world's time.

import { byId, count, element, milliseconds, say } from './elements.js';
import { FetchedStream } from './fetched.js';
import { sent } from './requests.js';

/** So many of a stream's events are listed, the latest first. */
const shownMax = 100;
/** An EventSource hears a named event only if it listens for that name: these are the names of the built-in streams. */
const types = ['message', 'status', 'alert', 'broadcast', 'heartbeat'];
const words = ['connecting', 'open', 'closed'];
export class Stream {
  #world;
  #panel;
  /** The request that a route matches; a built-in stream has only a name, its path. */
  #request;
  #source = null;
  #detail = 'not connected';
  /** Events that came while the clock was moved: its answer will tell when they were written. */
  #held = [];
  /** When the last advance made this stream write. */
  #dues = [];
  #rows = [];
  #frame = 0;
  #events = 0;
  #lastEventId = '';
  /** What the server says of the connection, as far as it is known; the last one, if there is none now. */
  #connection = null;
  /** When it came to its end, if that was in the last advance. */
  #endedAt = null;
  /** Resolves when the last attempt to connect was answered. */
  answered = Promise.resolve();
  /** When it wrote, as far as the page knows; when events came; and from when to when it was open. */
  written = [];
  heard = [];
  spans = [];

  /** `world` has the clock, and is told what changes. */
  constructor(request, world) {
    this.name = request.name;
    this.#request = request;
    this.#world = world;
    const fragment = byId('stream').content.cloneNode(true);
    this.#panel = fragment.querySelector('article');
    this.#find('h3').textContent = this.name;
    this.#find('ol').ariaLabel = `Events of ${this.name}, the latest first`;
    this.#offer();
    this.#find('button').addEventListener('click', () => this.toggle());
    this.place();
    this.#show();
  }

  /** Whether it is that of a route, and no built-in stream. */
  get isOwn() {
    return this.#request.target !== undefined;
  }

  /** The path that is requested, without a query. */
  get path() {
    return this.isOwn ? this.#find('[name=target]').value.split('?')[0] : this.name;
  }

  /** Shows the fields that a request needs: a path, if the route leaves it open, and a body. */
  #offer() {
    const { target = '', body, method = 'GET' } = this.#request;
    const [path, text] = [this.#find('[name=target]'), this.#find('[name=body]')];
    path.value = target;
    text.value = body ?? '';
    path.closest('label').hidden = !target.includes('*');
    text.closest('label').hidden = method === 'GET' || method === 'HEAD';
    this.#find('.fields').hidden = path.closest('label').hidden && text.closest('label').hidden;
  }

  /** Takes over the request that the route matches now. */
  takeOver(request) {
    if (JSON.stringify(request) === JSON.stringify(this.#request)) return;
    this.#request = request;
    this.#offer();
  }

  /** Puts the panel behind those that were placed before. */
  place() {
    byId('sending').before(this.#panel);
  }

  /** Takes the panel away. */
  remove() {
    this.disconnect();
    this.#panel.remove();
  }

  #find(selector) {
    return this.#panel.querySelector(selector);
  }

  /** The id of the connection. */
  get connection() {
    return this.#connection?.id;
  }

  get isOpen() {
    return this.#source?.readyState === EventSource.OPEN;
  }

  toggle() {
    if (this.#source) this.disconnect();
    else this.connect();
  }

  /** Connects, if it is not connected yet. */
  connect() {
    if (this.#source) return;
    const source = this.#open();
    this.#source = source;
    this.answered = new Promise((resolve) => {
      for (const type of ['open', 'error']) source.addEventListener(type, resolve, { once: true });
    });
    this.#detail = 'waiting for the answer';
    source.addEventListener('open', () => this.#opened());
    source.addEventListener('error', () => this.#lost());
    this.#show();
  }

  #open() {
    const hear = (event) => this.#hear(event);
    if (this.isOwn) {
      const request = sent(this.#request, this.#find('[name=target]').value, this.#find('[name=body]').value);
      return new FetchedStream(request, hear, () => byId('reconnecting').checked);
    }
    const source = new EventSource(this.path);
    for (const type of types) source.addEventListener(type, hear);
    return source;
  }

  disconnect(detail = 'disconnected by this page') {
    if (!this.#source) return;
    this.#source.close();
    this.#source = null;
    this.#detail = detail;
    this.#over();
  }

  #opened() {
    this.#detail = '';
    this.#connection = null;
    this.#endedAt = null;
    this.spans.push({ from: this.#world.clock.now(), to: null });
    this.#show();
    this.#world.opened();
  }

  #lost() {
    const { readyState, reason } = this.#source;
    if (readyState === EventSource.CLOSED && reason) {
      this.#source = null;
      this.#detail = reason;
    } else if (readyState === EventSource.CLOSED) {
      this.#source = null;
      this.#detail = 'the browser has given up: the answer was no event stream';
    } else if (byId('reconnecting').checked) {
      this.#detail = 'ended or lost; the browser connects again in its own time';
    } else {
      this.#source.close();
      this.#source = null;
      this.#detail = 'ended or lost';
    }
    this.#over();
  }

  #over() {
    const open = this.spans.at(-1);
    // While the clock is being moved nobody knows when this was: `settle` will say.
    if (open && open.to === null && this.#world.clock.advancing === 0) this.#close(open);
    this.#show();
    this.#world.changed();
  }

  #close(span) {
    span.to = this.#endedAt ?? this.#world.clock.now();
  }

  #hear({ type, data, lastEventId }) {
    const event = { type, data, lastEventId };
    if (this.#world.clock.advancing > 0) this.#held.push(event);
    else this.#take(event);
    this.#world.changed();
  }

  /** Takes over what the server says of the connection. */
  meet(connection) {
    this.#connection = connection;
    this.#show();
  }

  /** What an advance made due on the connection. */
  advanced(due) {
    const dues = due.flatMap(({ due_ms, writes }) => new Array(writes).fill(due_ms));
    this.written.push(...dues);
    // Only where each write is an event do the times of the writes tell those of the events.
    this.#dues = dues.length === this.#held.length ? dues : [];
    this.#endedAt = due.at(-1)?.due_ms ?? null;
    for (const event of this.#held.splice(0)) this.#take(event);
    this.#show();
  }

  /** After an advance: whether the stream goes on. */
  settle(goesOn) {
    if (goesOn) this.#endedAt = null;
    const open = this.spans.at(-1);
    if (open && open.to === null && !this.isOpen) this.#close(open);
  }

  #take(event) {
    const at = this.#time(event.data);
    this.#events += 1;
    this.#lastEventId = event.lastEventId;
    this.heard.push(at);
    // A list that is seldom cut: the timeline needs no more than there are pixels.
    for (const times of [this.heard, this.written]) if (times.length > 20_000) times.splice(0, 10_000);
    this.#rows.push({ ...event, at });
    if (this.#rows.length > shownMax) this.#rows.shift();
    this.#show();
  }

  /**
   * When an event was due: as it says itself; or else as the advance has told; or else now.
   */
  #time(data) {
    const { clock } = this.#world;
    const own = Date.parse(timestamp(data)) - clock.epoch;
    const due = this.#dues.shift();
    return Number.isFinite(own) ? own : (due ?? clock.now());
  }

  /** Forgets all that it has heard. */
  forget() {
    for (const list of [this.#held, this.#dues, this.#rows, this.written, this.heard, this.spans]) list.length = 0;
    this.#events = 0;
    this.#lastEventId = '';
    this.#endedAt = null;
    this.#find('ol').replaceChildren();
    if (this.isOpen) this.spans.push({ from: 0, to: null });
    this.#show();
  }

  /** Shows what has changed with the next frame, however much that was. */
  #show() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
      this.#world.drawn();
    });
  }

  #render() {
    const word = words[this.#source?.readyState ?? EventSource.CLOSED];
    const state = this.#find('.state');
    state.dataset.state = word;
    say(state, word);
    say(this.#find('.detail'), this.#detail);
    const wrote = this.isOpen && this.#connection;
    const writes = wrote ? `, ${count(wrote.writes, 'write')} on connection ${wrote.id}` : '';
    const listed = this.#events > shownMax ? `, the last ${shownMax} below` : '';
    say(this.#find('.count'), count(this.#events, 'event') + listed + writes);
    say(this.#find('.last'), this.#lastEventId === '' ? 'empty' : this.#lastEventId);
    const button = this.#find('button');
    const verb = this.#source ? 'Disconnect' : 'Connect';
    say(button, verb);
    button.ariaLabel = `${verb} ${this.name}`;
    const list = this.#find('ol');
    list.prepend(...this.#rows.splice(0).reverse().map(row));
    while (list.children.length > shownMax) list.lastChild.remove();
    list.tabIndex = list.children.length === 0 ? -1 : 0;
  }
}

/** The timestamp in an event's data, if it has one. */
function timestamp(data) {
  try {
    const { ts, timestamp } = JSON.parse(data);
    return ts ?? timestamp;
  } catch {
    return undefined;
  }
}

function row({ type, data, lastEventId, at }) {
  const id = lastEventId === '' ? [] : [element('span', { className: 'id' }, `id ${lastEventId}`)];
  return element(
    'li',
    {},
    element('span', { className: 'at' }, milliseconds(at)),
    element('span', { className: 'type' }, type),
    ...id,
    element('code', {}, data),
  );
}
