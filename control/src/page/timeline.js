// All streams against the world's time: when they were open, when they wrote, and which events came of it.

import { byId, grouped, span } from './elements.js';

const space = 'http://www.w3.org/2000/svg';
const lane = { height: 52, label: 12, top: 19, bottom: 45 };
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
/** What two ticks may be apart. */
const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second]
  .concat([minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 6 * hour, 12 * hour])
  .concat([day, 2 * day, 7 * day, 30 * day, 365 * day, 3650 * day]);

export class Timeline {
  #drawing = byId('drawing');
  #streams;
  #clock;
  #lanes;
  #frame = 0;
  #width = 0;
  /** When the page began to look. */
  start = 0;

  constructor(streams, clock) {
    this.#streams = streams;
    this.#clock = clock;
    this.arrange();
    byId('window').addEventListener('change', () => this.draw());
    new ResizeObserver(([{ contentRect }]) => {
      this.#width = Math.floor(contentRect.width);
      this.draw();
    }).observe(this.#drawing);
  }

  /** Makes a lane for each stream anew. */
  arrange() {
    byId('lanes').replaceChildren();
    this.#lanes = this.#streams.map(({ name }, index) => this.#lane(name, index * lane.height));
    this.#drawing.style.height = `${this.#streams.length * lane.height + 20}px`;
    this.draw();
  }

  #lane(name, y) {
    const group = svg('g', { transform: `translate(0 ${y})` });
    const label = svg('text', { x: 5, y: lane.label });
    label.textContent = name;
    const parts = ['open', 'written', 'heard', 'coming'].map((name) => [name, svg('path', { class: name })]);
    group.append(label, ...parts.map(([, path]) => path));
    byId('lanes').append(group);
    return Object.fromEntries(parts);
  }

  /** Draws all anew, with the next frame. */
  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#width > 0) this.#render();
    });
  }

  #render() {
    const now = this.#clock.now();
    const length = Number(byId('window').value);
    const first = length > 0 ? Math.max(0, now - length) : Math.min(this.start, now);
    // Some room to the right shows what comes next.
    const last = first + Math.max((now - first) * 1.08, length > 0 ? length : 10 * second);
    const x = (ms) => Math.round(((ms - first) / (last - first)) * (this.#width - 1)) + 0.5;
    const strokes = (times, top, bottom) => {
      const columns = new Set(times.filter((ms) => ms >= first && ms <= last).map(x));
      return [...columns].map((column) => `M${column} ${top}V${bottom}`).join('');
    };
    for (const [index, stream] of this.#streams.entries()) {
      const parts = this.#lanes[index];
      set(parts.open, spans(stream.spans, first, now, x));
      set(parts.written, strokes(stream.written, lane.top + 13, lane.bottom));
      set(parts.heard, strokes(stream.heard, lane.top, lane.bottom));
      const coming = this.#clock.pending.filter(({ connection }) => connection === stream.connection);
      set(parts.coming, strokes(coming.map(({ due_ms }) => due_ms), lane.top, lane.bottom));
    }
    const height = this.#streams.length * lane.height;
    set(byId('at-now'), `M${x(now)} 0V${height}`);
    this.#axis(first, last, height, x);
    const events = this.#streams.map(({ name, heard }) => `${name} ${grouped(heard.length)}`).join(', ');
    this.#drawing.setAttribute('aria-label', `Events by time, from ${span(first)} to ${span(now)}: ${events}`);
  }

  #axis(first, last, height, x) {
    const room = Math.max(2, this.#width / 96);
    const step = steps.find((step) => (last - first) / step <= room) ?? steps.at(-1);
    const ticks = [];
    for (let at = Math.ceil(first / step) * step; at <= last; at += step) ticks.push(at);
    set(byId('grid'), ticks.map((at) => `M${x(at)} 0V${height}`).join(''));
    const labels = ticks.map((at) => {
      const isFirst = x(at) < 24;
      const isLast = x(at) > this.#width - 32;
      const anchor = isFirst ? 'start' : isLast ? 'end' : 'middle';
      const label = svg('text', { x: x(at), y: height + 16, 'text-anchor': anchor });
      label.textContent = span(at);
      return label;
    });
    byId('ticks').replaceChildren(...labels);
  }
}

/** Where a stream was open. */
function spans(list, first, now, x) {
  const seen = list.map(({ from, to }) => [Math.max(from, first), to ?? now]).filter(([from, to]) => to >= from);
  return seen.map(([from, to]) => `M${x(from)} ${lane.bottom}H${Math.max(x(to), x(from) + 2)}`).join('');
}

function svg(name, attributes) {
  const made = document.createElementNS(space, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

function set(path, shape) {
  if (path.getAttribute('d') !== shape) path.setAttribute('d', shape);
}
