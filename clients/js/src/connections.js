// The connections of a server, and what a test does with one: it writes to the response, and ends it.

import { withCaller } from './calls.js';
import { chunkForm } from './chunk.js';
import { OnbeatError } from './error.js';
import { check, checkCount, checkPath, checkTimeout } from './options.js';
import { abortAfter } from './time.js';

/** @import { Chunk, Connection, ConnectionState, How, WaitOptions } from './index.js' */
/** @import { control } from './control.js' */
/** @import { world } from './world.js' */

/** How long a server may take to answer a question. */
export const ANSWER_MS = 10_000;
/** The server waits no longer than this. */
const WAIT_MS_MAX = 600_000;

/**
 * @param {string} base
 * @param {ReturnType<typeof control>['json']} json
 * @param {ReturnType<typeof world>['within']} within
 */
export function connections(base, json, within) {
  /** @param {ConnectionState[]} listed */
  const live = (listed) => listed.map((one) => liveConnection(json, within, one));

  return {
    connections: async () => live((await json('GET', 'connections')).connections),

    /**
     * @param {string} path
     * @param {WaitOptions & { method?: string }} [options]
     */
    async connected(path, options = {}) {
      checkPath(path);
      check('connected', options, ['count', 'method', 'timeout_ms']);
      const form = { path: path.split('#')[0], method: options.method, ...waitForm(options) };
      try {
        return live((await json('POST', 'connections/wait', form, answered(form))).connections);
      } catch (error) {
        if (!(error instanceof OnbeatError && error.status === 409 && error.field === 'path')) throw error;
        throw withCaller(new Error(`${error.reason}. The URL of that path is ${base}${path}.`, { cause: error }), error.stack);
      }
    },

    /**
     * @param {number} id
     * @param {How} how
     */
    close: (id, how) => json('POST', `connections/${id}/close`, { how }),
  };
}

/**
 * A connection, and what can be done with it. The methods are not enumerable: what is printed and compared is what the server
 * says.
 *
 * @param {ReturnType<typeof control>['json']} json
 * @param {ReturnType<typeof world>['within']} within
 * @param {ConnectionState} state
 * @returns {Connection}
 */
function liveConnection(json, within, state) {
  const { id, request } = state;
  /** @param {string} what @param {object} form */
  const post = within(`connection ${id}`, (what, form) => json('POST', `connections/${id}/${what}`, { ...form, request }));
  const close = (/** @type {How} */ how) => post('close', { how });
  return Object.defineProperties(/** @type {Connection} */ ({ ...state }), {
    send: { value: (/** @type {Chunk} */ chunk) => post('write', chunkForm('send', chunk)) },
    end: { value: () => close('end') },
    cut: { value: () => close('cut') },
    reset: { value: () => close('reset') },
  });
}

/** How many are waited for, and how long. @param {WaitOptions} options */
export function waitForm({ count = 1, timeout_ms = ANSWER_MS }) {
  checkCount(count);
  checkTimeout(timeout_ms);
  return { at_least: count, timeout_ms: Math.min(Math.ceil(timeout_ms), WAIT_MS_MAX) };
}

/** Aborts when a wait has not been answered long after its end. @param {{ timeout_ms: number }} form */
export const answered = ({ timeout_ms }) => abortAfter(timeout_ms + ANSWER_MS);
