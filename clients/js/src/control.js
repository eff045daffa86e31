// One request to the control interface. Not by fetch, which tests like to replace, and each on a connection of its own, so
// that none is ever lost on one that the server is about to close.

import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';

import { OnbeatError } from './error.js';

/**
 * @param {{ url: string, token?: string, help: () => string }} server where to ask; `help` tells what to do if nobody answers
 * @returns {(method: string, path: string, body?: object) => Promise<string>} resolves to the body of the answer
 */
export function control({ url, token, help }) {
  return async (method, path, body) => {
    const target = `${url}/__onbeat/${path}`;
    const headers = {
      ...(body && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const { status, text } = await exchange(target, { method, headers }, body && JSON.stringify(body)).catch((error) => {
      throw new Error(`${method} ${target} was not answered: ${error.message || error.code}. ${help()}`, { cause: error });
    });
    if (status >= 200 && status < 300) return text;

    const refusal = parse(text)?.error;
    if (refusal) throw new OnbeatError(`${method} /__onbeat/${path}`, status, refusal.field, refusal.reason);
    throw new Error(
      `expected an answer of Onbeat's control interface to ${method} ${target}, got status ${status} and ` +
        `${JSON.stringify(text.slice(0, 200))}. Start the server with --clock manual or --control.`,
    );
  };
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
