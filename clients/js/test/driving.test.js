// A test decides what a response sends, when, and how it ends.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { OnbeatError } from 'onbeat';

import { started } from './support.js';

const onbeat = await started({ seed: 42 });
beforeEach(() => onbeat.reset());

const GREETING = 'data: {"message": "连接成功"}\n\n';

/** A client of a stream, who reads what has come. */
async function open(path = '/sse') {
  const response = await fetch(onbeat.url + path);
  const reader = response.body.getReader();
  const bytes = [];
  let text = '';
  const decoder = new TextDecoder();
  return {
    bytes,
    /** Reads until so much text has come. */
    async read(expected) {
      while (text.length < expected.length) {
        const { done, value } = await reader.read();
        if (done) break;
        bytes.push(...value);
        text += decoder.decode(value, { stream: true });
      }
      assert.equal(text, expected);
    },
    /** Reads until the stream ends. */
    async end() {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return text;
        text += decoder.decode(value, { stream: true });
      }
    },
  };
}

test('a test writes to a response by whatever means it likes', async () => {
  const client = await open();
  const [stream] = await onbeat.connected('/sse');
  assert.deepEqual(await stream.send({ data: 'hello' }), { id: 0, request: 0, bytes: 13, written: true });
  await stream.send({ event: 'delta', id: 7, retry: 100, comment: 'c', data: { text: 'Hel', of: [1, null] } });
  await stream.send({ id: '八', data: 'two\nlines' });
  await stream.send({ data: 0 });
  await stream.send('data: half an ev');
  await stream.send('ent\r\n\r\n');
  await stream.send(new Uint8Array([0xe4, 0xbd]));
  await stream.send(Buffer.from([0, 0xa0, 0]).subarray(1, 2));
  await client.read(
    `${GREETING}data: hello\n\n: c\nevent: delta\nid: 7\nretry: 100\ndata: {"text":"Hel","of":[1,null]}\n\n` +
      'id: 八\ndata: two\ndata: lines\n\ndata: 0\n\ndata: half an event\r\n\r\n你',
  );
  assert.equal(await onbeat.clock.now(), 0);
  await stream.end();
});

test('what many send at once comes in the order in which each has sent it', async () => {
  const clients = await Promise.all([open(), open(), open()]);
  const streams = await onbeat.connected('/sse', { count: 3 });
  const numbers = Array.from({ length: 50 }, (_, number) => number);
  for (const number of numbers) await Promise.all(streams.map((stream) => stream.send(`${number},`)));
  for (const client of clients) await client.read(GREETING + numbers.map((number) => `${number},`).join(''));
  for (const stream of streams) await stream.end();
});

test('a test ends a response, cuts it, or resets it', async () => {
  const ended = await open();
  const [first] = await onbeat.connected('/sse');
  await first.send('data: 1');
  assert.deepEqual(await first.end(), { id: 0, how: 'end' });
  assert.equal(await ended.end(), `${GREETING}data: 1`);

  const cut = await open();
  const [second] = await onbeat.connected('/sse');
  await second.send('data: 2');
  await cut.read(`${GREETING}data: 2`);
  assert.deepEqual(await second.cut(), { id: 1, how: 'cut' });
  await assert.rejects(cut.end(), /terminated/);

  const reset = await open();
  const [third] = await onbeat.connected('/sse');
  await reset.read(GREETING);
  assert.deepEqual(await third.reset(), { id: 2, how: 'reset' });
  await assert.rejects(reset.end(), /terminated/);
  assert.deepEqual(await onbeat.connections(), []);
});

test('a connection is what the server says of it, and its methods are of one response', async () => {
  const client = await open('/dynamic-counter');
  const [stream] = await onbeat.connected('/dynamic-counter', { method: 'GET' });
  assert.deepEqual(stream, {
    id: 0, request: 0, method: 'GET', path: '/dynamic-counter', query: null, since_ms: 0, writes: 0, bytes: 0, last_event_id: null, state: 'streaming',
  });
  assert.deepEqual(await onbeat.connections(), [stream]);
  await onbeat.clock.advance(31_000);
  await client.end();
  const refused = async (promise) => {
    const error = await promise.then(() => assert.fail('not refused'), (error) => error);
    assert.ok(error instanceof OnbeatError, error);
    return [error.status, error.field];
  };
  assert.deepEqual(await refused(stream.send('x')), [409, 'connection']);
  const [{ id }] = await onbeat.connections();
  const again = await open();
  const [other] = await onbeat.connected('/sse');
  if (other.id === id) {
    // fetch has used the same connection once more.
    assert.deepEqual(await refused(stream.send('x')), [409, 'request']);
    assert.deepEqual(await refused(stream.cut()), [409, 'request']);
  }
  await other.send('y');
  await again.read(`${GREETING}y`);
  await other.end();
});

test('what a test holds of a world is refused once a reset has ended that world', async () => {
  const first = await open('/dynamic-counter');
  const [old] = await onbeat.connected('/dynamic-counter');
  const added = await onbeat.route({ path: '/added', body: 'old' });
  // A reset that is refused ends nothing.
  await assert.rejects(onbeat.reset({ scenario: 'none' }), OnbeatError);
  await old.send('x');
  await onbeat.reset();
  await first.end().catch(() => {});
  const second = await open();
  const [mine] = await onbeat.connected('/sse');
  const kept = await onbeat.route({ path: '/added', body: 'new' });
  assert.deepEqual([mine.id, kept.id], [old.id, added.id]);
  for (const call of [() => old.send('ghost'), () => old.end(), () => old.cut(), () => old.reset()]) {
    await assert.rejects(call(), /^Error: connection 0 was of a world that a reset has ended\. Is an `await` missing/);
  }
  await assert.rejects(added.delete(), /route 1 was of a world that a reset has ended/);
  await mine.send('y');
  await second.read(`${GREETING}y`);
  assert.equal(await (await fetch(`${onbeat.url}/added`)).text(), 'new');
  await kept.delete();
});

test('a fault strikes what is sent, and what is held back is told', async () => {
  await open();
  const [stream] = await onbeat.connected('/sse');
  await onbeat.faults.add({ connection: stream.id, kind: 'stall' });
  assert.equal((await stream.send({ data: 'x' })).written, false);
  await stream.reset();
});

test('what cannot be sent is refused before or by the server', async () => {
  await open();
  const [stream] = await onbeat.connected('/sse');
  for (const wrong of [undefined, null, 7, true, () => {}]) {
    await assert.rejects(async () => stream.send(wrong), /^TypeError: expected send to get a text, bytes, or an event like/);
  }
  await assert.rejects(async () => stream.send({ dta: 'x' }), /expected the options of send to be among event, id, retry, comment, data, got dta/);
  for (const [wrong, field] of [['', 'text'], [new Uint8Array(), 'base64'], [{}, 'body'], [{ event: 'a\nb' }, 'event'], [{ retry: -1 }, 'retry']]) {
    await assert.rejects(async () => stream.send(wrong), { status: 400, field });
  }
  await stream.end();
});

test('only requests by the method that is waited for count', async () => {
  const client = await open();
  await assert.rejects(onbeat.connected('/sse', { method: 'POST', timeout_ms: 0 }), {
    message:
      'expected 1 under way to POST /sse within 0 ms, got 0; under way: GET /sse on connection 0. ' +
      `The URL of that path is ${onbeat.url}/sse.`,
  });
  for (const method of ['no method', 'get', '*']) {
    await assert.rejects(onbeat.connected('/sse', { method }), { status: 400, field: 'method', reason: /^expected a method in upper case/ });
  }
  await assert.rejects(onbeat.connected('/s*'), { status: 400, field: 'path', reason: /without \*/ });
  const [stream] = await onbeat.connected('/sse#x', { method: 'GET' });
  await stream.end();
  await client.end();
});

test('streams that differ by their query alone are told apart', async () => {
  await onbeat.route({ path: '/room', steps: [{ open: true }] });
  const clients = [await open('/room?id=a'), await open('/room?id=b&token=abc')];
  const [b, ...others] = await onbeat.connected('/room?token=abc&id=b');
  assert.deepEqual([b.id, b.query, others], [1, 'id=b&token=xxx', []]);
  assert.equal((await onbeat.connected('/room', { count: 2 })).length, 2);
  await assert.rejects(onbeat.connected('/room?id=zzz', { timeout_ms: 0 }), {
    message:
      'expected 1 under way to /room?id=zzz within 0 ms, got 0; under way: GET /room?id=a on connection 0, ' +
      `GET /room?id=b&token=xxx on connection 1. The URL of that path is ${onbeat.url}/room?id=zzz.`,
  });
  await b.send('b');
  await clients[1].read('b');
  for (const stream of await onbeat.connections()) await stream.end();
});

test('a connection that is closed says how it ended', async () => {
  await onbeat.route({ path: '/feed', steps: [{ open: true }] });
  const client = await open('/feed?id=a');
  const [feed] = await onbeat.connected('/feed');
  await onbeat.clock.advance(300);
  await feed.cut();
  await assert.rejects(client.end(), /terminated/);
  const reason = /^no connection 0 is open \(its response to GET \/feed\?id=a was cut off by the server at 300 ms\): GET/;
  for (const call of [() => feed.send('x'), () => feed.end(), () => onbeat.close(0, 'cut')]) {
    await assert.rejects(call, { status: 404, field: 'id', reason });
  }
});

test('a request that was answered at once is told when it is waited for', async () => {
  await fetch(`${onbeat.url}/chat`, { method: 'POST' });
  await assert.rejects(onbeat.connected('/chat', { method: 'POST', timeout_ms: 0 }), {
    message:
      'expected 1 under way to POST /chat within 0 ms, got 0; no response is under way; the last such request, ' +
      `POST /chat at 0 ms, was answered with 404 (not found), and was complete at 0 ms. The URL of that path is ${onbeat.url}/chat.`,
  });
});

test('a reset ends a wait', async () => {
  const waits = onbeat.connected('/nothing', { timeout_ms: 600_000 });
  const refused = assert.rejects(waits, { status: 409, field: 'clients' });
  await onbeat.clock.read();
  // A wait that comes after the reset waits in the new world, and is ended by the next reset.
  let isOver = false;
  refused.then(() => (isOver = true));
  while (!isOver) await onbeat.reset();
});
