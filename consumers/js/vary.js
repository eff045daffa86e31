// What may vary in a write, or in the body of an answer.

import assert from 'node:assert/strict';

/** The value to which a JSON pointer (RFC 6901) points, or undefined. */
export function at(value, pointer) {
  const keys = pointer.split('/').slice(1);
  return keys
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((value, key) => (value !== null && Object.hasOwn(Object(value), key) ? value[key] : undefined), value);
}

/** The JSON in a text: what follows "data: " in an event stream, or all of it. */
const jsonIn = (text) => /^data: (.*)\n\n$/s.exec(text)?.[1] ?? text;

/** Asserts that a text keeps to its own rules. */
export function check(text, vary) {
  const json = jsonIn(text);
  const data = JSON.parse(json);
  assert.equal(JSON.stringify(data), json, 'not spelled as JSON.stringify would');
  for (const rule of vary) {
    const value = at(data, rule.pointer);
    assert.notEqual(value, undefined, `${rule.pointer} points at nothing in ${json}`);
    assert.ok(satisfies(value, rule), `${JSON.stringify(value)} breaks the rule ${JSON.stringify(rule)}`);
  }
}

export function satisfies(value, rule) {
  switch (rule.as) {
    case 'timestamp':
      return isTimestamp(value);
    case 'text-and-timestamp':
      return typeof value === 'string' && value.startsWith(rule.text) && isTimestamp(value.slice(rule.text.length));
    case 'number':
      return (
        typeof value === 'number' &&
        value >= rule.minimum &&
        value <= (rule.maximum ?? Infinity) &&
        value < (rule.below ?? Infinity) &&
        decimals(value) <= (rule.decimals_max ?? Infinity)
      );
    case 'count':
    case 'removals':
      return Number.isSafeInteger(value) && value >= 0;
    default:
      throw new Error(`unknown rule: ${rule.as}`);
  }
}

function isTimestamp(value) {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return false;
  const date = new Date(value);
  return !Number.isNaN(date.getTime()) && date.toISOString() === value;
}

function decimals(value) {
  const [digits, exponent = '0'] = String(value).split('e');
  return Math.max(0, (digits.split('.')[1] ?? '').length - Number(exponent));
}
