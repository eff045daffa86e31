// Bytes that come otherwise than usual, and events that must be the same for it.

import { ends_ms, events } from './support/golden.js';
import { CONNECTING, event, failed, message, OPEN, opened } from './support/listener.js';
import { expect, test } from './support/test.js';

const GREETING = message('{"message": "连接成功"}');

for (const [name, ...faults] of [
  ['split into single bytes, even within a character', { kind: 'split', bytes: 1 }],
  ['split into pieces of seven bytes', { kind: 'split', bytes: 7 }],
  ['coalesced by fives', { kind: 'coalesce', writes: 5 }],
  ['behind a byte order mark', { kind: 'bom' }],
  ['with CR for LF', { kind: 'line-ends', ends: 'cr' }],
  ['with CR LF for LF', { kind: 'line-ends', ends: 'crlf' }],
  ['in all these ways', { kind: 'bom' }, { kind: 'line-ends', ends: 'crlf' }, { kind: 'split', bytes: 1 }],
]) {
  test(`events are the same ${name}`, async ({ onbeat, open }) => {
    for (const fault of faults) await onbeat.faults.add({ path: '/sse-data', ...fault });
    for (const fault of faults) await onbeat.faults.add({ path: '/stream-text', ...fault });
    // In this order, since the fixtures have the random values of a world's first connection.
    const data = await open('/sse-data');
    await data.until('open');
    const text = await open('/stream-text');
    await text.until('open');
    await onbeat.clock.advance(ends_ms('/sse-data'));
    expect(await data.until('error')).toEqual([opened, ...events('/sse-data'), failed(CONNECTING)]);
    expect(await text.until('error')).toEqual([opened, ...events('/stream-text'), failed(CONNECTING)]);
    expect(await onbeat.faults.list()).toMatchObject(Array(2 * faults.length).fill({ fired: 1 }));
  });
}

test('a byte that is not UTF-8 becomes U+FFFD', async ({ onbeat, open }) => {
  await onbeat.faults.add({ path: '/sse', kind: 'invalid-utf8' });
  const stream = await open('/sse');
  expect(await stream.until('message')).toEqual([opened, message(`${GREETING.data}\uFFFD`)]);
});

test('a write that is written twice is two events', async ({ onbeat, open }) => {
  await onbeat.faults.add({ path: '/sse', kind: 'duplicate' });
  const stream = await open('/sse');
  expect(await stream.until('message', 2)).toEqual([opened, GREETING, GREETING]);
});

test('a stream that stalls stays open, and sends no more', async ({ onbeat, open, request }) => {
  await onbeat.faults.add({ path: '/sse', kind: 'stall', from: { write: 1 } });
  const [stalled, other] = [await open('/sse'), await open('/sse')];
  for (const stream of [stalled, other]) await stream.until('message');
  await request.get(`${onbeat.url}/broadcast-text?msg=hi`);
  const sent = event('broadcast', '{"msg":"hi","ts":"2025-12-01T00:00:00.000Z"}');
  expect(await other.until('broadcast')).toEqual([opened, GREETING, sent]);
  expect(await stalled.seen()).toEqual([opened, GREETING]);
  expect(await stalled.readyState()).toBe(OPEN);
});
