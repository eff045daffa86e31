// The clock, the faults, the connections and the log of a server that runs.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { connect, OnbeatError } from 'onbeat';

import { started } from './support.js';

const onbeat = await started({ seed: 42 });
beforeEach(() => onbeat.reset());

const open = (path) => fetch(onbeat.url + path);

test('time stands still until it is told to move', async () => {
  assert.equal(await onbeat.clock.now(), 0);
  assert.equal((await onbeat.clock.advance(1500)).now, '2025-12-01T00:00:01.500Z');
  assert.equal((await onbeat.clock.advance({ ms: 500 })).advanced_ms, 500);
  assert.equal(await onbeat.clock.now(), 2000);
  assert.equal((await onbeat.clock.read()).kind, 'manual');
});

test('the next timer is as near as it is', async () => {
  assert.equal((await onbeat.clock.next()).advanced_ms, 0, 'nothing is waited for');
  const counter = await open('/dynamic-counter');
  assert.equal((await onbeat.clock.next()).now_ms, 1000);
  assert.equal((await onbeat.clock.advance({ to: 'next' })).now_ms, 2000);
  await counter.body.cancel();
});

test('what fell due can be read when the clock has moved', async () => {
  const response = await open('/dynamic-counter');
  const { due_count, writes } = await onbeat.clock.advance(31_000);
  assert.deepEqual({ due_count, writes }, { due_count: 31, writes: 32 });
  assert.match(await response.text(), /"counter":30,"ts":"2025-12-01T00:00:31.000Z"}\n\ndata: {"done": true}\n\n$/);
});

test('a reset begins the same world again', async () => {
  const play = async () => {
    const response = await open('/sse-data');
    await onbeat.clock.advance(20_000);
    return response.text();
  };
  const first = await play();
  assert.deepEqual(await onbeat.reset(), { now_ms: 0, now: '2025-12-01T00:00:00.000Z', ended: 0 });
  assert.equal(await play(), first);
});

test('a fault strikes, is counted, and goes', async () => {
  const fault = await onbeat.faults.add({ path: '/sse', kind: 'status', status: 503, retry_after_s: 5 });
  const stalled = await onbeat.faults.add({ path: '/sse-data', kind: 'stall' });
  const response = await open('/sse');
  assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '5']);
  assert.deepEqual(await onbeat.faults.list(), [{ ...fault, left: 0, met: 1, fired: 1 }, stalled]);
  assert.equal((await onbeat.faults.remove(fault.id)).fired, 1);
  assert.deepEqual(await onbeat.faults.clear(), [stalled]);
  assert.deepEqual(await onbeat.faults.list(), []);
});

test('connected resolves when a stream is under way, and tells which', async () => {
  const two = onbeat.connected('/SSE/', { count: 2 });
  const responses = await Promise.all([open('/sse'), open('/sse?x=1'), open('/sse-data')]);
  assert.deepEqual((await two).map(({ state }) => state), ['streaming', 'streaming']);
  for (const response of responses) await response.body.cancel();
});

test('connected says what is connected instead', async () => {
  const response = await open('/sse');
  await assert.rejects(onbeat.connected('/stream-text', { timeout_ms: 0 }), {
    message:
      'expected 1 under way to /stream-text within 0 ms, got 0; under way: GET /sse on connection 0. ' +
      `The URL of that path is ${onbeat.url}/stream-text.`,
  });
  await response.body.cancel();
});

test('a connection is closed as it should be', async () => {
  const response = await open('/sse');
  const [{ id }] = await onbeat.connected('/sse');
  assert.deepEqual(await onbeat.close(id, 'end'), { id, how: 'end' });
  assert.equal(await response.text(), 'data: {"message": "连接成功"}\n\n');

  const broken = await open('/sse');
  const [again] = await onbeat.connected('/sse');
  await onbeat.close(again.id, 'reset');
  await assert.rejects(broken.text());
});

test('the log tells what has happened, as objects and as text', async () => {
  const response = await open('/stream-text');
  await onbeat.clock.advance(4800);
  await response.text();
  const log = await onbeat.log();
  assert.deepEqual(log[0], {
    t_ms: 0, kind: 'log', version: 1, seed: '42', epoch: '2025-12-01T00:00:00.000Z', clock: 'manual', mailbox: 1024, dropped: 0,
  });
  assert.equal(log.filter(({ kind }) => kind === 'write').length, 82);
  assert.equal(log.map((line) => `${JSON.stringify(line)}\n`).join(''), await onbeat.logText());
});

test('what is refused tells the status, the field and the reason, and changes nothing', async () => {
  const refused = async (promise) => {
    const error = await promise.then(() => assert.fail('not refused'), (error) => error);
    assert.ok(error instanceof OnbeatError, error);
    assert.ok(error.message.endsWith(`was refused with ${error.status}: ${error.field}: ${error.reason}`), error.message);
    return [error.status, error.field];
  };
  for (const wrong of [-1, 0.5, NaN, Infinity, 1e20, '1000']) {
    assert.deepEqual(await refused(onbeat.clock.advance(wrong)), [400, 'ms'], wrong);
  }
  assert.equal((await refused(onbeat.clock.advance()))[0], 400);
  assert.equal((await refused(onbeat.close(7, 'end')))[0], 404);
  assert.equal((await refused(onbeat.faults.remove(7)))[0], 404);
  assert.deepEqual(await refused(onbeat.faults.add({ path: '/sse', kind: 'status', status: 200 })), [400, 'status']);
  assert.equal(await onbeat.clock.now(), 0);
  assert.deepEqual(await onbeat.faults.list(), []);
});

test('an error has the line of the caller, whether the call is awaited or not', async () => {
  const lines = async (promise) => (await promise.then(() => assert.fail('not refused'), (error) => error)).stack;
  for (const call of [() => onbeat.faults.add({ kind: 'cutt' }), () => onbeat.connected('/nothing', { timeout_ms: 0 })]) {
    const helper = async () => {
      await undefined;
      return await call();
    };
    // A handler that is added later has no part in the stack of the error.
    const forgotten = call();
    assert.match(await lines(forgotten), /control\.test\.js/);
    assert.match(await lines(helper()), /at async helper .*control\.test\.js/);
  }
});

test('a second client drives the same server', async () => {
  const second = await connect(`${onbeat.url}/`);
  await second.clock.advance(1000);
  assert.equal(await onbeat.clock.now(), 1000);
  assert.equal(second.url, onbeat.url);
});
