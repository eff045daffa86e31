// A response to any request, read as it comes: the events of an event stream, of any type, or else the lines. It reconnects
// as an EventSource does, which knows only `GET`, and hears only events whose types are known before.

import { receive } from './control.js';
import { EventReader } from './event_reader.js';

const { CONNECTING, OPEN, CLOSED } = EventSource;

export class FetchedStream extends EventTarget {
  readyState = CONNECTING;
  /** Why the last response is over, in words. */
  reason = '';
  #request;
  #hear;
  #isRepeated;
  /** Whether the last response with a head was an event stream. */
  #isStream = false;
  #lastEventId = '';
  #retryMs = 1000;
  #abort = new AbortController();
  #timer = 0;

  /** `hear` gets each event; `isRepeated` tells, at the end of an event stream, whether to connect again. */
  constructor(request, hear, isRepeated) {
    super();
    this.#request = request;
    this.#hear = hear;
    this.#isRepeated = isRepeated;
    this.#run();
  }

  close() {
    this.readyState = CLOSED;
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  async #run() {
    await this.#receive().catch(() => (this.reason = 'the connection broke off'));
    if (this.readyState === CLOSED) return;
    const isRepeated = this.#isStream && this.#request.method === 'GET' && this.#isRepeated();
    this.readyState = isRepeated ? CONNECTING : CLOSED;
    if (isRepeated) this.#timer = setTimeout(() => this.#run(), this.#retryMs);
    this.dispatchEvent(new Event('error'));
  }

  /** Receives one response. */
  async #receive() {
    const { path, ...init } = this.#request;
    const resumed = this.#lastEventId === '' ? {} : { 'Last-Event-ID': this.#lastEventId };
    const response = await receive(path, { ...init, headers: { ...init.headers, ...resumed }, signal: this.#abort.signal });
    this.#isStream = response.ok && /^text\/event-stream\b/.test(response.headers.get('Content-Type') ?? '');
    this.reason = response.ok ? 'the response has ended' : `the answer was ${response.status} ${response.statusText}`.trim();
    this.readyState = OPEN;
    this.dispatchEvent(new Event('open'));
    await this.#read(response, this.#isStream ? this.#events() : this.#lines());
  }

  async #read(response, take) {
    // A 204 has no body.
    const text = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await text?.read(); part && !part.done; part = await text.read()) take(part.value);
    take(null);
  }

  #events() {
    const reader = new EventReader(this.#lastEventId);
    return (text) => {
      if (text === null) return;
      for (const event of reader.push(text)) this.#hear(event);
      this.#lastEventId = reader.lastEventId;
      this.#retryMs = reader.retryMs ?? this.#retryMs;
    };
  }

  #lines() {
    let rest = '';
    return (text) => {
      const lines = (rest + (text ?? '\n')).split('\n');
      rest = lines.pop();
      for (const data of lines.filter((line) => line !== '')) this.#hear({ type: 'line', data, lastEventId: '' });
    };
  }
}
