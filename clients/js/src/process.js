// Runs the server, and ends it with the test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { elapsed, expectTicks } from './time.js';

const END_WITH_TEST = fileURLToPath(new URL('end-with-test.js', import.meta.url));
const STDERR_CHARACTERS_MAX = 64 * 1024;

/**
 * Resolves when the server listens.
 *
 * @param {string} binary
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {number} timeout_ms
 */
export async function run(binary, args, env, timeout_ms) {
  await expectTicks();
  // What NODE_OPTIONS asks for is meant for the test, not for the process in between.
  const child = spawn(process.execPath, [END_WITH_TEST, binary, ...args], {
    env: { ...env, NODE_OPTIONS: '' },
    stdio: 'pipe',
  });
  const ended = once(child, 'close');
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr = (stderr + text).slice(-STDERR_CHARACTERS_MAX)));
  child.stdin.on('error', () => {}); // it has ended already, which `ended` tells

  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const told = () => (stderr.trim() ? `It wrote:\n${stderr.trimEnd()}` : 'It wrote nothing to stderr.');
  let stopping = false;
  /** What has become of the server. */
  const state = () => {
    if (hasEnded()) return `The server has ended with code ${child.exitCode ?? child.signalCode}. ${told()}`;
    return `The server ${stopping ? 'was told to stop' : 'runs'}. ${told()}`;
  };

  /** Ends the server, and resolves when it has ended. */
  async function stop() {
    await expectTicks();
    stopping = true;
    hold(child, true);
    child.stdin.end();
    await ended.catch(() => {}); // it never ran, which `listening` tells
  }

  try {
    const url = await listening(child, ended, state, timeout_ms);
    // A test that forgets to stop its server ends all the same; the process in between then ends the server.
    hold(child, false);
    return { url, state, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * The address in the first line of stdout.
 *
 * @param {import('node:child_process').ChildProcessWithoutNullStreams} child
 * @param {Promise<unknown>} ended
 * @param {() => string} state
 * @param {number} timeout_ms
 * @returns {Promise<string>}
 */
function listening(child, ended, state, timeout_ms) {
  return new Promise((resolve, reject) => {
    const expected = 'expected `listening on http://…` as the first line of onbeat serve';
    createInterface({ input: child.stdout }).once('line', (line) => {
      const url = /^listening on (http:\/\/\S+)$/.exec(line)?.[1];
      if (url) resolve(url);
      else reject(new Error(`${expected}, got ${JSON.stringify(line)}. Is the binary Onbeat's?`));
    });
    const over = (/** @type {Error | undefined} */ error = undefined) =>
      reject(new Error(`${expected}, got none. ${error?.message ?? state()}`, { cause: error }));
    ended.then(() => over(), over);
    elapsed(timeout_ms).then(() => reject(new Error(`${expected}, got none in ${timeout_ms} ms. ${state()}`)));
  });
}

/**
 * Whether a child keeps this process from ending.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {boolean} held
 */
function hold(child, held) {
  for (const handle of [child, child.stdin, child.stdout, child.stderr]) {
    // Pipes of a child are sockets, whatever their type says.
    const socket = /** @type {import('node:net').Socket} */ (handle);
    if (held) socket.ref();
    else socket.unref();
  }
}
