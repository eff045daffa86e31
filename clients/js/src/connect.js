// What a test holds in its hand: a server that runs, and what may be done to it.

import { control } from './control.js';
import { check, checkTimeout } from './options.js';
import { abortAfter, pause, uptime_ms } from './time.js';

/** @import { Connection, Onbeat } from './index.js' */

/** How long a server may take to answer a question. */
const ANSWER_MS = 10_000;

/**
 * @param {string | URL} url
 * @param {{ token?: string, timeout_ms?: number }} [options]
 */
export async function connect(url, options = {}) {
  check('connect', options, ['token', 'timeout_ms']);
  const base = String(url);
  if (!/^https?:\/\/./.test(base)) throw new TypeError(`expected a URL like http://localhost:3000, got ${base}`);
  return attach(base, options, () => 'Is `onbeat serve --clock manual` running there?');
}

/**
 * @param {string} url
 * @param {{ token?: string, timeout_ms?: number }} options
 * @param {() => string} help tells what to do if nobody answers
 * @returns {Promise<Onbeat>}
 */
export async function attach(url, { token, timeout_ms = ANSWER_MS }, help) {
  checkTimeout(timeout_ms);
  const base = url.replace(/\/+$/, '');
  const { text, json } = control({ url: base, token, help });

  /** @type {Onbeat} */
  const onbeat = {
    url: base,
    clock: {
      read: () => json('GET', 'clock'),
      now: async () => (await onbeat.clock.read()).now_ms,
      // JSON has no NaN and no Infinity; as a text the server can say what it got.
      advance: (by) => json('POST', 'clock/advance', typeof by === 'object' ? by : { ms: Number.isFinite(by) ? by : String(by) }),
      next: () => onbeat.clock.advance({ to: 'next' }),
    },
    faults: {
      add: (fault) => json('POST', 'faults', fault),
      list: async () => (await json('GET', 'faults')).faults,
      remove: (id) => json('DELETE', `faults/${id}`),
      clear: async () => (await json('DELETE', 'faults')).faults,
    },
    reset: () => json('POST', 'reset', {}),
    connections: async () => (await json('GET', 'connections')).connections,
    connected: (path, options) => connected(base, json, path, options),
    close: (id, how) => json('POST', `connections/${id}/close`, { how }),
    logText: () => text('GET', 'log'),
    log: async () => (await onbeat.logText()).trimEnd().split('\n').map((line) => JSON.parse(line)),
  };

  await json('GET', 'clock', undefined, abortAfter(timeout_ms));
  return onbeat;
}

/** The states of a connection whose response is over. */
const OVER = ['idle', 'half-closed'];

/**
 * Asks until so many responses to a path are under way. A page opens its streams when it likes, which no clock of ours knows.
 *
 * @param {string} base
 * @param {ReturnType<typeof control>['json']} json
 * @param {string} path
 * @param {{ count?: number, timeout_ms?: number }} [options]
 */
async function connected(base, json, path, options = {}) {
  check('connected', options, ['count', 'timeout_ms']);
  const { count = 1, timeout_ms = 10_000 } = options;
  if (!(Number.isInteger(count) && count > 0)) throw new TypeError(`expected count to be a whole number from 1, got ${count}`);
  checkTimeout(timeout_ms);
  const deadline_ms = uptime_ms() + timeout_ms;
  const unanswered = abortAfter(timeout_ms + ANSWER_MS);
  for (;;) {
    /** @type {Connection[]} */
    const all = (await json('GET', 'connections', undefined, unanswered)).connections;
    const found = all.filter(({ state, path: other }) => !OVER.includes(state) && pathOf(other) === pathOf(path));
    if (found.length >= count) return found;
    if (uptime_ms() > deadline_ms) {
      const others = all.map(({ path, state }) => `${path} (${state})`).join(', ') || 'none';
      throw new Error(
        `expected ${count} open on ${path} within ${timeout_ms} ms, got ${found.length}; all connections: ${others}. ` +
          `Does the page open its stream on ${base}${path}?`,
      );
    }
    await pause(5);
  }
}

/** A path as the server compares it. @param {string} target */
const pathOf = (target) => target.split('?')[0].replace(/(?<=.)\/$/, '').toLowerCase();
