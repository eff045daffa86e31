// What /sse sends to all: heartbeats by the clock, and broadcasts.

import { event, message, opened } from './support/listener.js';
import { expect, test } from './support/test.js';

const HOUR_MS = 3_600_000;
const GREETING = message('{"message": "连接成功"}');
const broadcast = (msg, ts) => event('broadcast', JSON.stringify({ msg, ts }));

/** What a connection was written at an instant, in the order of writing. */
const writesAt = (log, connection, t_ms) =>
  log.filter((line) => line.kind === 'write' && line.connection === connection && line.t_ms === t_ms).map(({ text }) => text);

test('a heartbeat comes after 30 s, and is no event', async ({ onbeat, open, request }) => {
  const stream = await open('/sse');
  await stream.until('message');
  const [{ id }] = await onbeat.connections();
  expect(await onbeat.clock.advance(30_000)).toMatchObject({ now_ms: 30_000, due: [{ connection: id, path: '/sse', writes: 1 }] });
  expect(writesAt(await onbeat.log(), id, 30_000)).toEqual(['heartbeat:\n\n']);

  await request.get(`${onbeat.url}/broadcast-text?msg=after`);
  expect(await stream.until('broadcast')).toEqual([opened, GREETING, broadcast('after', '2025-12-01T00:00:30.000Z')]);
});

test('two pages see a broadcast at the very instant of a heartbeat, after it', async ({ onbeat, open, context, page }) => {
  const pages = [page, await context.newPage()];
  const streams = [];
  for (const page of pages) {
    streams.push(await open('/sse', page));
    await streams.at(-1).until('message');
  }
  await onbeat.clock.advance(30_000);
  const answer = await page.evaluate((url) => fetch(url).then((answer) => answer.json()), `${onbeat.url}/broadcast-text?msg=hi`);
  expect(answer).toEqual({ ok: true, sent: 2, clients: 2 });

  const sent = broadcast('hi', '2025-12-01T00:00:30.000Z');
  for (const stream of streams) expect(await stream.until('broadcast')).toEqual([opened, GREETING, sent]);
  const log = await onbeat.log();
  for (const { id } of await onbeat.connected('/sse', { count: 2 })) {
    expect(writesAt(log, id, 30_000)).toEqual(['heartbeat:\n\n', 'event: broadcast\n', `data: ${sent.data}\n\n`]);
  }
});

test('all pages see the broadcasts in one order, and one that joins later sees none from before', async ({ onbeat, open, context, page, request }) => {
  const early = await open('/sse');
  await early.until('message');
  await request.get(`${onbeat.url}/broadcast-text?msg=one`);
  const late = await open('/sse', await context.newPage());
  await late.until('message');
  for (const msg of ['two', 'three']) {
    await onbeat.clock.advance(1000);
    await request.get(`${onbeat.url}/broadcast-text?msg=${msg}`);
  }
  const later = [broadcast('two', '2025-12-01T00:00:01.000Z'), broadcast('three', '2025-12-01T00:00:02.000Z')];
  expect(await early.until('broadcast', 3)).toEqual([opened, GREETING, broadcast('one', '2025-12-01T00:00:00.000Z'), ...later]);
  expect(await late.until('broadcast', 2)).toEqual([opened, GREETING, ...later]);
});

test('a heartbeat with a message is an event of its own', async ({ onbeat, open, request }) => {
  const stream = await open('/sse');
  await stream.until('message');
  await onbeat.clock.advance(1500);
  await request.get(`${onbeat.url}/send-heartbeat`);
  await request.get(`${onbeat.url}/send-heartbeat?msg=${encodeURIComponent('a\nb "c"')}`);
  const data = JSON.stringify({ timestamp: '2025-12-01T00:00:01.500Z', msg: 'a\nb "c"' });
  expect(await stream.until('heartbeat')).toEqual([opened, GREETING, event('heartbeat', data)]);
});

test('an hour of /sse passes at once', async ({ onbeat, open, request }) => {
  const stream = await open('/sse');
  await stream.until('message');
  expect(await onbeat.clock.advance(HOUR_MS)).toMatchObject({ now_ms: HOUR_MS, due_count: 120, writes: 120, held_up: 0 });
  const greeting = Buffer.byteLength(`data: ${GREETING.data}\n\n`);
  expect(await onbeat.connections()).toMatchObject([{ writes: 121, bytes: greeting + 120 * 'heartbeat:\n\n'.length }]);

  await request.get(`${onbeat.url}/broadcast-text?msg=late`);
  expect(await stream.until('broadcast')).toEqual([opened, GREETING, broadcast('late', '2025-12-01T01:00:00.000Z')]);
});
