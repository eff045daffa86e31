// Starts a server of one's own.

import { findBinary } from './binary.js';
import { attach } from './connect.js';
import { check } from './options.js';
import { run } from './process.js';

const OPTIONS = ['binary', 'clock', 'seed', 'epoch', 'port', 'token', 'args', 'env'];

/**
 * @param {import('./index.js').StartOptions} [options]
 * @returns {Promise<import('./index.js').StartedOnbeat>}
 */
export async function start(options = {}) {
  check('start', options, OPTIONS);
  const { binary, clock = 'manual', seed = 0, epoch = '2025-12-01T00:00:00Z', port = 0, token, args = [], env } = options;
  if (!Array.isArray(args)) throw new TypeError(`expected args to be an array like ['--mailbox', '4'], got ${JSON.stringify(args)}`);
  const serve = [
    'serve', '--addr', `127.0.0.1:${port}`, '--control',
    `--clock=${clock}`,
    `--seed=${seed}`,
    `--epoch=${epoch instanceof Date ? epoch.toISOString() : epoch}`,
    ...(token === undefined ? [] : [`--control-token=${token}`]),
    ...args,
  ];
  const { url, state, stop } = await run(findBinary(binary), serve, { ...process.env, ...env });
  const onbeat = await attach(url, token, state).catch(async (error) => {
    await stop();
    throw error;
  });
  return { ...onbeat, stop, [Symbol.asyncDispose]: stop };
}
