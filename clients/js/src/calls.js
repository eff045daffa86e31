// The calls that have not been answered, each with the line of its caller: what is not awaited fails when nobody looks.

/** @type {Set<{ url: string, request: string, body?: object, stack?: string }>} */
const underWay = new Set();
/** The folder of this file, as a stack names it. */
const here = new URL('.', import.meta.url).href;

/**
 * Waits for the answer to a call, which is under way until then. An error tells the line of the caller.
 *
 * @template T
 * @param {{ url: string, request: string, body?: object }} asked
 * @param {() => Promise<T>} answer
 */
export async function noted(asked, answer) {
  const call = { ...asked, stack: new Error().stack };
  underWay.add(call);
  try {
    return await answer();
  } catch (error) {
    throw withCaller(error, call.stack);
  } finally {
    underWay.delete(call);
  }
}

/** The error of a call to a server that has not been answered, if there is one. @param {string} server */
export function notAwaited(server) {
  const call = [...underWay].find(({ url }) => url === server);
  if (call === undefined) return undefined;
  const { request, body, stack } = call;
  const error = new Error(
    `expected all calls to be over with the test; ${request} ${JSON.stringify(body) ?? ''} has not been answered. Is an \`await\` missing?`,
  );
  error.stack = '';
  return withCaller(error, stack);
}

/**
 * Gives an error the stack of its call, if its own has lost the caller: behind an `await` it has only who awaits.
 *
 * @template {Error} T
 * @param {T} error
 * @param {string} [stack]
 */
export function withCaller(error, stack) {
  const callers = framesOf(stack);
  if (framesOf(error.stack).length === 0 && callers.length > 0) {
    error.stack = [`${error.name}: ${error.message}`, ...callers].join('\n    at ');
  }
  return error;
}

/** The frames of a stack that are neither of Node.js nor of this package. @param {string} [stack] */
function framesOf(stack = '') {
  const [, ...frames] = stack.split('\n    at ');
  return frames.filter((frame) => !frame.includes(here) && !frame.includes('node:') && frame !== '<anonymous>');
}
