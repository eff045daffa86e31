// Starts a server of one's own.

import { fileURLToPath } from 'node:url';

import { findBinary } from './binary.js';
import { attach } from './connect.js';
import { check, checkTimeout } from './options.js';
import { run } from './process.js';

/** How long a server may take to listen, on a machine that is busy. */
const READY_MS = 30_000;
const OPTIONS = ['binary', 'routes', 'clock', 'seed', 'epoch', 'port', 'token', 'args', 'env', 'timeout_ms'];

/**
 * @param {import('./index.js').StartOptions} [options]
 * @returns {Promise<import('./index.js').StartedOnbeat>}
 */
export async function start(options = {}) {
  check('start', options, OPTIONS);
  const { binary, routes, clock = 'manual', seed = 0, epoch = '2025-12-01T00:00:00Z', port = 0, token, args = [], env } = options;
  const { timeout_ms = READY_MS } = options;
  checkTimeout(timeout_ms);
  if (!Array.isArray(args)) throw new TypeError(`expected args to be an array like ['--mailbox', '4'], got ${JSON.stringify(args)}`);
  const serve = [
    'serve', '--addr', `127.0.0.1:${port}`, '--control',
    `--clock=${clock}`,
    `--seed=${seed}`,
    `--epoch=${epoch instanceof Date ? epoch.toISOString() : epoch}`,
    ...(routes === undefined ? [] : [`--routes=${routes instanceof URL ? fileURLToPath(routes) : routes}`]),
    ...(token === undefined ? [] : [`--control-token=${token}`]),
    ...args,
  ];
  const { url, state, stop } = await run(findBinary(binary), serve, { ...process.env, ...env }, timeout_ms);
  const onbeat = await attach(url, { token }, state).catch(async (error) => {
    await stop();
    throw error;
  });
  return { ...onbeat, stop, [Symbol.asyncDispose]: stop };
}
