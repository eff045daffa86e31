// Real time. Fake timers (Vitest's, Jest's, Sinon's) replace setTimeout, performance, Date and their like, in the modules of
// Node.js as well, and may have done so before this file is loaded. Nobody replaces `process.uptime` and `Atomics`.

import { Readable } from 'node:stream';
import { MessageChannel } from 'node:worker_threads';

/** Returns the milliseconds since the process began. */
export const uptime_ms = () => process.uptime() * 1000;

/**
 * Resolves after so many milliseconds. Does not keep the process from ending before.
 *
 * @param {number} ms
 * @returns {Promise<unknown>}
 */
export async function elapsed(ms) {
  return Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms).value;
}

/**
 * Resolves after so many milliseconds.
 *
 * @param {number} ms
 */
export async function pause(ms) {
  // A port that listens keeps the process from ending.
  const { port1 } = new MessageChannel();
  port1.on('message', () => {});
  await elapsed(ms);
  port1.close();
}

/**
 * Aborts after so many milliseconds.
 *
 * @param {number} ms
 */
export function abortAfter(ms) {
  const controller = new AbortController();
  elapsed(ms).then(() => controller.abort());
  return controller.signal;
}

/**
 * Throws if `process.nextTick` is faked: all that Node.js reads and writes then waits for a tick that never comes, and so
 * would every request.
 */
export async function expectTicks() {
  // A stream tells by a tick that it is closed, and ticks come before what takes time.
  const ticked = new Promise((resolve) => new Readable().once('close', () => resolve(true)).destroy());
  if (await Promise.race([ticked, pause(1)])) return;
  throw new Error(
    'expected Node.js to read and write, which it cannot while process.nextTick is faked. ' +
      "Leave nextTick out of what is faked; with Sinon: useFakeTimers({ toNotFake: ['nextTick'] }).",
  );
}
