// Options: a name that is not known would do nothing, and the test something else than it says.

/**
 * Throws if a limit is no number of milliseconds: compared with NaN, no time is ever too long.
 *
 * @param {unknown} timeout_ms
 */
export function checkTimeout(timeout_ms) {
  if (typeof timeout_ms === 'number' && timeout_ms >= 0) return;
  throw new TypeError(`expected timeout_ms to be a number of milliseconds from 0, got ${JSON.stringify(timeout_ms) ?? timeout_ms}`);
}

/**
 * Throws if a number of clients is no whole number from 1.
 *
 * @param {unknown} count
 */
export function checkCount(count) {
  if (Number.isInteger(count) && Number(count) > 0) return;
  throw new TypeError(`expected count to be a whole number from 1, got ${count}`);
}

/**
 * Throws if a path is no path, or has been left out.
 *
 * @param {unknown} path
 */
export function checkPath(path) {
  if (typeof path === 'string' && path.startsWith('/')) return;
  throw new TypeError(`expected a path that begins with a slash, such as '/sse', got ${JSON.stringify(path) ?? path}`);
}

/**
 * Throws if options are no object, or have unknown names. A bare number would otherwise be left out without a word.
 *
 * @param {string} call what they are given to
 * @param {object} options
 * @param {string[]} known
 */
export function check(call, options, known) {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`expected the options of ${call} in an object with ${known.join(', ')}, got ${JSON.stringify(options) ?? options}`);
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`expected the options of ${call} to be among ${known.join(', ')}, got ${unknown}`);
}
