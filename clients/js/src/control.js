// One request to the control interface. Not by fetch, which tests like to replace, and each on a connection of its own, so
// that none is ever lost on one that the server is about to close.

import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';

import { noted } from './calls.js';
import { OnbeatError } from './error.js';
import { expectTicks } from './time.js';

/**
 * @param {{ url: string, token?: string, help: () => string }} server where to ask; `help` tells what to do if nobody answers
 */
export function control({ url, token, help }) {
  /**
   * An answer: its status, and its body as text.
   *
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @param {AbortSignal} [signal]
   */
  function ask(method, path, body, signal) {
    const request = `${method} /__onbeat/${path}`;
    return noted({ url, request, body }, async () => {
      await expectTicks();
      const target = `${url}/__onbeat/${path}`;
      const headers = {
        ...(body && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      };
      const { status, text } = await exchange(target, { method, headers, signal }, body && JSON.stringify(body)).catch((error) => {
        const why = signal?.aborted ? 'it took too long' : error.message || error.code;
        throw new Error(`${method} ${target} was not answered: ${why}. ${help()}`, { cause: error });
      });
      if (status >= 200 && status < 300) return { status, text };

      const refusal = parse(text)?.error;
      if (refusal?.field) throw new OnbeatError(request, status, refusal.field, refusal.reason);
      throw foreign(method, target, status, text);
    });
  }

  /**
   * The body of an answer, as text.
   *
   * @param {Parameters<typeof ask>} request
   */
  async function text(...request) {
    return (await ask(...request)).text;
  }

  /**
   * The body of an answer, which is an object.
   *
   * @param {Parameters<typeof ask>} request
   * @returns {Promise<any>}
   */
  async function json(...request) {
    const { status, text } = await ask(...request);
    const [method, path] = request;
    const object = parse(text);
    if (typeof object !== 'object' || object === null || (path === 'clock' && !('now_ms' in object))) {
      throw foreign(method, `${url}/__onbeat/${path}`, status, text);
    }
    return object;
  }

  return { text, json };
}

/**
 * An answer that is not Onbeat's.
 *
 * @param {string} method
 * @param {string} target
 * @param {number} status
 * @param {string} text
 */
function foreign(method, target, status, text) {
  return new Error(
    `expected an answer of Onbeat's control interface to ${method} ${target}, got status ${status} and ` +
      `${JSON.stringify(text.slice(0, 200))}. Start the server with --clock manual or --control.`,
  );
}

/**
 * @param {string} target
 * @param {import('node:http').RequestOptions} options
 * @param {string} [body]
 * @returns {Promise<{ status: number, text: string }>}
 */
function exchange(target, options, body) {
  return new Promise((resolve, reject) => {
    const send = target.startsWith('https:') ? overHttps : overHttp;
    const request = send(target, { ...options, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
