// Starts a server of one's own.

import { findBinary } from './binary.js';
import { connect } from './connect.js';
import { run } from './process.js';

/**
 * @param {import('./index.js').StartOptions} [options]
 * @returns {Promise<import('./index.js').StartedOnbeat>}
 */
export async function start({ binary, clock = 'manual', seed = 0, epoch = '2025-12-01T00:00:00Z', port = 0, token, args = [], env } = {}) {
  const serve = [
    'serve', '--addr', `127.0.0.1:${port}`, '--control',
    '--clock', clock,
    `--seed=${seed}`,
    '--epoch', epoch instanceof Date ? epoch.toISOString() : epoch,
    ...(token === undefined ? [] : [`--control-token=${token}`]),
    ...args,
  ];
  const { url, state, stop } = await run(findBinary(binary), serve, { ...process.env, ...env });
  const onbeat = await connect(url, { token, help: state }).catch(async (error) => {
    await stop();
    throw error;
  });
  return { ...onbeat, stop, [Symbol.asyncDispose]: stop };
}
