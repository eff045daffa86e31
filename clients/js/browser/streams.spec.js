// Each stream as a page sees it: every event with its type, data and last event ID, and how it ends.

import { ends_ms, events } from './support/golden.js';
import { CONNECTING, failed, message, OPEN, opened } from './support/listener.js';
import { expect, test } from './support/test.js';

const FINITE = ['/stream-text', '/sse-data', '/dynamic-counter', '/stream-json'];
const GREETING = message('{"message": "连接成功"}');

for (const origin of ['own', 'another']) {
  test.describe(`from a page of ${origin} origin`, () => {
    test.use({ origin });

    for (const path of FINITE) {
      test(`${path} dispatches the events of the fixture, and ends in an error from which to reconnect`, async ({ onbeat, open }) => {
        const stream = await open(path);
        await stream.until('open');
        await onbeat.clock.advance(ends_ms(path));
        expect(await stream.until('error')).toEqual([opened, ...events(path), failed(CONNECTING)]);
      });
    }

    test('/sse dispatches a greeting and stays open', async ({ onbeat, open }) => {
      const stream = await open('/sse');
      expect(await stream.until('message')).toEqual([opened, GREETING]);
      await onbeat.clock.advance(95_000);
      expect(await stream.readyState()).toBe(OPEN);
    });
  });
}

test('open is dispatched before any time passes, on every endpoint', async ({ onbeat, open }) => {
  for (const path of [...FINITE, '/sse']) {
    const stream = await open(path);
    expect(await stream.until('open')).toEqual([opened]);
    await stream.close();
  }
  expect(await onbeat.clock.now()).toBe(0);
});

test('/dynamic-counter counts once for each step of the clock', async ({ onbeat, open }) => {
  const stream = await open('/dynamic-counter');
  await stream.until('open');
  const expected = events('/dynamic-counter');
  for (let counter = 0; counter < 30; counter++) {
    expect(await onbeat.clock.next()).toMatchObject({ advanced_ms: 1000, due_count: 1, writes: 1 });
    expect(await stream.until('message', counter + 1)).toEqual([opened, ...expected.slice(0, counter + 1)]);
  }
  await onbeat.clock.next();
  expect(await stream.until('error')).toEqual([opened, ...expected, failed(CONNECTING)]);
});

test('a step of less than a period brings nothing', async ({ onbeat, open }) => {
  const stream = await open('/stream-json');
  await stream.until('open');
  expect(await onbeat.clock.advance(1499)).toMatchObject({ due_count: 0, writes: 0 });
  expect(await onbeat.clock.advance(1)).toMatchObject({ due_count: 1, writes: 1 });
  expect(await stream.until('message')).toEqual([opened, events('/stream-json')[0]]);
});

test('a page that closes its stream frees the connection', async ({ onbeat, open }) => {
  const stream = await open('/sse');
  // A Chromium that is told to close before it has dispatched `open` can keep the socket for seconds.
  await stream.until('open');
  const [{ id }] = await onbeat.connected('/sse');
  await stream.close();
  await expect
    .poll(async () => (await onbeat.connections()).filter((connection) => connection.id === id && connection.state !== 'idle'))
    .toEqual([]);
});
