// What makes a browser connect again, when, and with what.

import { events } from './support/golden.js';
import { CLOSED, CONNECTING, failed, message, opened } from './support/listener.js';
import { expect, test } from './support/test.js';

const GREETING = message('{"message": "连接成功"}');

test('retry: 5000 of /sse-data holds a browser back for five seconds of its own time', async ({ onbeat, open }) => {
  const stream = await open('/sse-data');
  await stream.until('open');
  await onbeat.clock.advance(1000);
  await stream.until('status');
  const [{ id }] = await onbeat.connections();
  await onbeat.close(id, 'half');
  const [connected] = events('/sse-data');
  expect(await stream.until('open', 2)).toEqual([opened, connected, failed(CONNECTING), opened]);
  // A browser's clock has a grain. How late its timer is depends on the machine.
  expect(await stream.between(2, 3)).toBeGreaterThan(4990);
  expect(await onbeat.connected('/sse-data')).toMatchObject([{ last_event_id: null }]);
});

for (const how of ['end', 'reset', 'half']) {
  test(`a connection closed by ${how} is opened again, and the stream begins anew`, async ({ onbeat, open }) => {
    await onbeat.faults.add({ path: '/sse', kind: 'retry', retry_ms: 1 });
    const stream = await open('/sse');
    await stream.until('message');
    const [{ id }] = await onbeat.connections();
    await onbeat.close(id, how);
    expect(await stream.until('message', 2)).toEqual([opened, GREETING, failed(CONNECTING), opened, GREETING]);
  });
}

for (const kind of ['cut', 'reset', 'end']) {
  test(`a stream that is ${kind} in the middle of an event drops just that event`, async ({ onbeat, open }) => {
    const whole = 'data: {"counter":0,"ts":"2025-12-01T00:00:01.000Z"}\n\n'.length;
    await onbeat.faults.add({ path: '/dynamic-counter', kind: 'retry', retry_ms: 1 });
    await onbeat.faults.add({ path: '/dynamic-counter', kind, from: { byte: 'retry: 1\n'.length + 2 * whole + 20 } });
    const stream = await open('/dynamic-counter');
    await stream.until('open');
    await onbeat.clock.advance(2000);
    // What a browser has received but not read is lost with the connection.
    await stream.until('message', 2);
    await onbeat.clock.advance(1000);
    await stream.until('open', 2);
    await onbeat.clock.advance(1000);
    const count = (counter, second) => message(`{"counter":${counter},"ts":"2025-12-01T00:00:0${second}.000Z"}`);
    expect(await stream.until('message', 3)).toEqual([
      opened, count(0, 1), count(1, 2), failed(CONNECTING), opened, count(0, 4),
    ]);
  });
}

test('with 204 a browser stops connecting', async ({ onbeat, open }) => {
  await onbeat.faults.add({ path: '/sse', kind: 'retry', retry_ms: 1 });
  const stream = await open('/sse');
  await stream.until('message');
  await onbeat.faults.add({ path: '/sse', kind: 'status', status: 204 });
  const [{ id }] = await onbeat.connections();
  await onbeat.close(id, 'end');
  expect(await stream.until('error', 2)).toEqual([opened, GREETING, failed(CONNECTING), failed(CLOSED)]);
});

test('204, 404, 500 and 503 fail the connection for good', async ({ onbeat, open }) => {
  for (const status of [204, 404, 500, 503]) {
    await onbeat.faults.add({ path: '/sse', kind: 'status', status, ...(status === 503 && { retry_after_s: 1 }) });
    const stream = await open('/sse');
    expect(await stream.until('error'), `status ${status}`).toEqual([failed(CLOSED)]);
  }
  expect(await onbeat.faults.list()).toMatchObject(Array(4).fill({ left: 0, met: 1, fired: 1 }));
});

test('a wrong MIME type fails the connection for good', async ({ onbeat, open }) => {
  // With text/plain Chromium would first wait for a kilobyte, to sniff what it is.
  await onbeat.faults.add({ path: '/sse', kind: 'content-type', content_type: 'application/json' });
  const stream = await open('/sse');
  expect(await stream.until('error')).toEqual([failed(CLOSED)]);
});

test('a MIME type with a charset is an event stream', async ({ onbeat, open }) => {
  await onbeat.faults.add({ path: '/sse', kind: 'content-type', content_type: 'text/event-stream; charset=utf-8' });
  const stream = await open('/sse');
  expect(await stream.until('message')).toEqual([opened, GREETING]);
});

for (const origin of ['own', 'another']) {
  test.describe(`from a page of ${origin} origin`, () => {
    test.use({ origin });

    test('a redirection is followed', async ({ onbeat, open }) => {
      for (const status of [301, 302, 303, 307, 308]) {
        await onbeat.faults.add({ path: '/stream-text', kind: 'status', status, location: '/sse' });
        const stream = await open('/stream-text');
        expect(await stream.until('message'), `status ${status}`).toEqual([opened, GREETING]);
        await stream.close();
      }
    });
  });
}

test('a browser that comes again brings the last event ID, of whole events only', async ({ onbeat, open }) => {
  await onbeat.faults.add({ path: '/dynamic-counter', kind: 'retry', retry_ms: 1 });
  await onbeat.faults.add({ path: '/dynamic-counter', kind: 'id', event_id: '七' });
  const stream = await open('/dynamic-counter');
  await stream.until('open');
  const [{ id, last_event_id }] = await onbeat.connected('/dynamic-counter');
  expect(last_event_id).toBeNull();
  await onbeat.clock.advance(1000);
  await stream.until('message');
  // The second event has an ID, too, but is never whole.
  await onbeat.faults.add({ connection: id, kind: 'id', event_id: 'lost' });
  await onbeat.faults.add({ connection: id, kind: 'cut', from: { byte: 100 } });
  await onbeat.clock.advance(1000);
  await stream.until('open', 2);
  expect(await onbeat.connected('/dynamic-counter')).toMatchObject([{ last_event_id: '七' }]);
  const first = message('{"counter":0,"ts":"2025-12-01T00:00:01.000Z"}', '七');
  expect(await stream.until('open', 2)).toEqual([opened, first, failed(CONNECTING), opened]);
});
