// What a test holds in its hand: a server that runs, and what may be done to it.

import { setTimeout as pause } from 'node:timers/promises';

import { control } from './control.js';

/** @import { Onbeat } from './index.js' */

/**
 * @param {string | URL} url
 * @param {{ token?: string, help?: () => string }} [options]
 * @returns {Promise<Onbeat>}
 */
export async function connect(url, { token, help = () => 'Is `onbeat serve --clock manual` running there?' } = {}) {
  const base = String(url).replace(/\/+$/, '');
  const text = control({ url: base, token, help });
  /** @type {(method: string, path: string, body?: object) => Promise<any>} */
  const json = async (...request) => JSON.parse(await text(...request));

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
    connected: (path, options) => connected(onbeat, path, options),
    close: (id, how) => json('POST', `connections/${id}/close`, { how }),
    logText: () => text('GET', 'log'),
    log: async () => (await onbeat.logText()).trimEnd().split('\n').map((line) => JSON.parse(line)),
  };

  await onbeat.clock.read();
  return onbeat;
}

/** The states of a connection whose response is over. */
const OVER = ['idle', 'half-closed'];

/**
 * Asks until so many responses to a path are under way. A page opens its streams when it likes, which no clock of ours knows.
 *
 * @param {Onbeat} onbeat
 * @param {string} path
 * @param {{ count?: number, timeout_ms?: number }} [options]
 */
async function connected(onbeat, path, { count = 1, timeout_ms = 10_000 } = {}) {
  const deadline = performance.now() + timeout_ms;
  for (;;) {
    const all = await onbeat.connections();
    const found = all.filter(({ state, path: other }) => !OVER.includes(state) && pathOf(other) === pathOf(path));
    if (found.length >= count) return found;
    if (performance.now() > deadline) {
      const others = all.map(({ path, state }) => `${path} (${state})`).join(', ') || 'none';
      throw new Error(
        `expected ${count} open on ${path} within ${timeout_ms} ms, got ${found.length}; all connections: ${others}. ` +
          `Does the page open its stream on ${onbeat.url}${path}?`,
      );
    }
    await pause(5);
  }
}

/** A path as the server compares it. @param {string} target */
const pathOf = (target) => target.split('?')[0].replace(/(?<=.)\/$/, '').toLowerCase();
