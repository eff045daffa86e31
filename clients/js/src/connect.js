// What a test holds in its hand: a server that runs, and what may be done to it.

import { ANSWER_MS, connections } from './connections.js';
import { control } from './control.js';
import { check, checkTimeout } from './options.js';
import { routes } from './routing.js';
import { abortAfter } from './time.js';
import { world } from './world.js';

/** @import { Onbeat, ResetOptions } from './index.js' */

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
  const { reset, within } = world((form) => json('POST', 'reset', form));

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
    ...connections(base, json, within),
    ...routes(json, within),
    reset: async (options = {}) => reset(resetForm(options)),
    logText: () => text('GET', 'log'),
    log: async () => (await onbeat.logText()).trimEnd().split('\n').map((line) => JSON.parse(line)),
  };

  await json('GET', 'clock', undefined, abortAfter(timeout_ms));
  return onbeat;
}

/** @param {ResetOptions} options */
function resetForm(options) {
  check('reset', options, ['scenario', 'seed']);
  const { scenario, seed } = options;
  // As a text, a seed may have all of its 64 bits.
  return { ...(scenario !== undefined && { scenario }), ...(seed !== undefined && { seed: String(seed) }) };
}
