// Reads the text of an event stream, in any pieces (WHATWG HTML, 9.2.6).

export class EventReader {
  #rest = '';
  #data = [];
  #type = '';
  #id;
  #isStart = true;
  /** The ID of the last event that was complete. */
  lastEventId;
  /** The reconnection time that the stream asks for, in milliseconds; nothing before it asks. */
  retryMs;

  /** Reads on behind the event with this ID. */
  constructor(lastEventId) {
    this.#id = lastEventId;
    this.lastEventId = lastEventId;
  }

  /** Takes the next piece. Returns the events that are complete. */
  push(text) {
    let all = this.#rest + text;
    if (this.#isStart && all !== '') {
      all = all.replace(/^\ufeff/, '');
      this.#isStart = false;
    }
    // A CR at the end may be half of a line end.
    const whole = all.endsWith('\r') ? all.slice(0, -1) : all;
    const lines = whole.split(/\r\n|\n|\r/);
    this.#rest = lines.pop() + all.slice(whole.length);
    return lines.flatMap((line) => this.#line(line));
  }

  #line(line) {
    if (line === '') return this.#dispatch();
    const [name, value] = field(line);
    if (name === 'data') this.#data.push(value);
    if (name === 'event') this.#type = value;
    if (name === 'id' && !value.includes('\0')) this.#id = value;
    if (name === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
    return [];
  }

  #dispatch() {
    this.lastEventId = this.#id;
    const [type, data] = [this.#type || 'message', this.#data.splice(0)];
    this.#type = '';
    return data.length === 0 ? [] : [{ type, data: data.join('\n'), lastEventId: this.lastEventId }];
  }
}

/** The name and the value in a line; a comment has no name. */
function field(line) {
  const colon = line.indexOf(':');
  if (colon < 0) return [line, ''];
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
}
