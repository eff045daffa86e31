// Options: a name that is not known would do nothing, and the test something else than it says.

/**
 * @param {string} call what they are given to
 * @param {object} options
 * @param {string[]} known
 */
export function check(call, options, known) {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`expected the options of ${call} to be among ${known.join(', ')}, got ${unknown}`);
}
