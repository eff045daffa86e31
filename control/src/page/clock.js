// The clock: what time it is in the world, and the buttons that move it.

import { ask } from './control.js';
import { attempt, byId, count, grouped, milliseconds, say, span } from './elements.js';

const unknown = { now_ms: 0, kind: 'manual', speed: null, timers: null, epoch: '1970-01-01T00:00:00.000Z' };
const area = byId('clock');

export class Clock {
  #answer = unknown;
  #answeredAt = 0;
  #world;
  #last = Promise.resolve();
  #tick = 0;
  /** How often this page has moved the clock: what was answered before is no longer true. */
  moves = 0;
  /** How many advances are asked for and not yet answered. */
  advancing = 0;

  /** `world` is told before and after each advance, and of a time that went back. */
  constructor(world) {
    this.#world = world;
    for (const button of area.querySelectorAll('button[data-ms]')) {
      button.addEventListener('click', () => this.advance({ ms: Number(button.dataset.ms) }));
    }
    byId('step').addEventListener('click', () => this.advance({ to: 'next' }));
    byId('advance').addEventListener('submit', (event) => {
      event.preventDefault();
      const { ms, unit } = event.target.elements;
      const amount = Number(ms.value);
      // What is no number goes to the server as it is: the answer says what is wrong.
      const isNumber = ms.value.trim() !== '' && Number.isFinite(amount);
      this.advance({ ms: isNumber ? amount * Number(unit.value) : ms.value });
    });
    document.addEventListener('visibilitychange', () => this.#show());
  }

  /** Whether time passes only when told. */
  get isManual() {
    return this.#answer.kind === 'manual';
  }

  /** The epoch, as milliseconds of Unix time. */
  get epoch() {
    return Date.parse(this.#answer.epoch);
  }

  /** What the clock will wake, if it is a manual one. */
  get pending() {
    return this.#answer.timers?.pending ?? [];
  }

  /** What time it is, in milliseconds since the epoch; of a clock that runs, by this machine's since it last told. */
  now() {
    const since = performance.now() - this.#answeredAt;
    return this.#answer.now_ms + (this.isManual ? 0 : since * (this.#answer.speed ?? 1));
  }

  /** Takes over what `GET clock` answered. */
  take(answer) {
    const isBack = answer.now_ms < this.#answer.now_ms;
    this.#answer = answer;
    this.#answeredAt = performance.now();
    if (isBack) this.#world.wentBack();
    this.#show();
  }

  /** Lets time pass, after the advances that were asked for before. */
  advance(body) {
    if (!this.isManual) return this.#last;
    this.advancing += 1;
    say(byId('advanced'), 'Time passes…');
    this.#last = this.#last.then(() => attempt(area, () => this.#ask(body)));
    return this.#last;
  }

  async #ask(body) {
    let answer;
    try {
      answer = await ask('advanceClock', { body });
      this.moves += 1;
      this.#answer = { ...this.#answer, now_ms: answer.now_ms, now: answer.now };
      say(byId('advanced'), told(answer));
    } catch (error) {
      say(byId('advanced'), '');
      throw error;
    } finally {
      this.advancing -= 1;
      await this.#world.advanced(answer?.due ?? []);
    }
  }

  #show() {
    const { kind, speed, epoch, timers } = this.#answer;
    const now = this.now();
    say(byId('now'), milliseconds(now));
    const long = now >= 60_000 ? `, after ${span(now)}` : '';
    say(byId('wall'), new Date(this.epoch + Math.floor(now)).toISOString() + long);
    say(byId('epoch'), epoch);
    say(byId('kind'), kind === 'scaled' ? `scaled, ${grouped(speed)} times as fast as real time` : kind);
    say(byId('next'), this.isManual ? next(timers) : 'not counted: the clock runs by itself');
    byId('driving').disabled = !this.isManual;
    byId('why-not').hidden = this.isManual;
    clearTimeout(this.#tick);
    if (this.isManual || document.hidden) return;
    this.#tick = setTimeout(() => {
      this.#show();
      this.#world.passed();
    }, 1000);
  }
}

function next(timers) {
  if (!timers || timers.next_ms === null) return 'none: nobody waits';
  const first = timers.pending[0];
  const others = timers.count > 1 ? `, and ${grouped(timers.count - 1)} more` : '';
  return `${milliseconds(timers.next_ms)}, ${first.path} on connection ${first.connection}${others}`;
}

function told({ advanced_ms, now_ms, due_count, writes, held_up }) {
  const passed = `${milliseconds(advanced_ms)} passed, it is ${milliseconds(now_ms)}: `;
  const due = due_count === 0 ? 'nothing was due.' : `${count(due_count, 'timer')} fell due, with ${count(writes, 'write')}.`;
  const stuck = held_up === 0 ? '' : ` ${count(held_up, 'connection')} did not read: the advance waited no longer.`;
  return passed + due + stuck;
}
