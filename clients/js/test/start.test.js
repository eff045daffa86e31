// Starting a server, attaching to one, and what is said when that fails.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { connect as connectSocket } from 'node:net';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { connect, OnbeatError, start } from 'onbeat';

import { findBinary } from '../src/binary.js';
import { folder, started } from './support.js';

const unanswered = async (url) => assert.rejects(fetch(url), TypeError);

/** A raw connection. */
const connectTo = (url) => connectSocket(Number(new URL(url).port), '127.0.0.1');

/** A program that does what a shell script says. */
function program(script) {
  const path = join(folder(), 'onbeat');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

test('a stopped server is gone, and is stopped only once', async () => {
  const onbeat = await start();
  await onbeat.stop();
  await onbeat.stop();
  await unanswered(onbeat.url);
  await assert.rejects(onbeat.clock.now(), /^Error: GET .* was not answered: .*The server has ended with code 0\./s);
});

test('a server is stopped at the end of its scope', async () => {
  const onbeat = await start();
  await onbeat[Symbol.asyncDispose]();
  await unanswered(onbeat.url);
});

test('a server ends while streams are open', async () => {
  const onbeat = await start();
  const response = await fetch(`${onbeat.url}/sse`);
  await onbeat.stop();
  assert.equal(await response.text(), 'data: {"message": "连接成功"}\n\n');
});

test('seed and epoch are what they are told to be', async () => {
  const onbeat = await started({ seed: 2n ** 64n - 1n, epoch: new Date('2000-02-29T12:00:00Z') });
  const [{ seed, epoch }] = await onbeat.log();
  assert.deepEqual({ seed, epoch }, { seed: '18446744073709551615', epoch: '2000-02-29T12:00:00.000Z' });
});

test('a clock that runs can be asked, but not moved', async () => {
  const onbeat = await started({ clock: 'scaled:100' });
  assert.equal((await onbeat.clock.read()).speed, 100);
  await assert.rejects(onbeat.clock.advance(1000), { name: 'OnbeatError', status: 409, field: 'clock' });
});

test('more arguments and environment reach the server', async () => {
  const onbeat = await started({ args: ['--mailbox', '7'], env: { RUST_LOG: 'error' } });
  assert.equal((await onbeat.log())[0].mailbox, 7);
});

test('a server listens on the port that it is told', async () => {
  const port = Number(new URL((await started()).url).port);
  await assert.rejects(start({ port }), /It wrote:\n[^]*failed to listen on 127\.0\.0\.1/);
  const one = await start();
  await one.stop();
  const again = await started({ port: Number(new URL(one.url).port) });
  assert.equal(again.url, one.url);
});

test('a token lets in who knows it', async () => {
  const { url, clock } = await started({ token: 'open-sesame' });
  assert.equal(await clock.now(), 0);
  assert.equal(await (await connect(url, { token: 'open-sesame' })).clock.now(), 0);
  for (const token of [undefined, 'wrong']) {
    await assert.rejects(connect(url, { token }), (error) => error instanceof OnbeatError && error.status === 401);
  }
});

test('where nothing listens, it is said what should', async () => {
  const { url, stop } = await start();
  await stop();
  await assert.rejects(connect(url), {
    message: /^GET http:\/\/127\.0\.0\.1:\d+\/__onbeat\/clock was not answered: .*Is `onbeat serve --clock manual` running there\?$/,
  });
});

test('a server of another kind is told from an Onbeat', async () => {
  for (const [status, body] of [[404, '<p>nothing here</p>'], [200, '<!doctype html>'], [200, '{}'], [200, 'null'], [401, '{"error":"no"}']]) {
    const other = createServer((_, response) => response.writeHead(status).end(body)).listen(0, '127.0.0.1');
    await once(other, 'listening');
    await assert.rejects(connect(`http://127.0.0.1:${other.address().port}`), ({ message }) =>
      message.startsWith("expected an answer of Onbeat's control interface to GET http://127.0.0.1:") &&
      message.includes(`got status ${status} and ${JSON.stringify(body)}.`),
    );
    other.close();
  }
  await assert.rejects(connect('localhost:3000'), /expected a URL like http:\/\/localhost:3000, got localhost:3000/);
});

test('a wrong option is refused, and not left out', async () => {
  const onbeat = await started();
  await assert.rejects(start({ sede: 4 }), /expected the options of start to be among binary, .*, got sede/);
  await assert.rejects(start({ args: '--mailbox 4' }), /expected args to be an array/);
  await assert.rejects(start({ epoch: new Date(-1e14) }), /'-001199-.*from 0000-01-01T00:00:00Z to 9899-01-01T00:00:00Z/);
  await assert.rejects(connect(onbeat.url, { tokn: 'x' }), /got tokn/);
  await assert.rejects(onbeat.connected('/sse', { timeout: 100 }), /got timeout/);
  for (const timeout_ms of [NaN, -1, '100', null]) {
    const wrong = /expected timeout_ms to be a number of milliseconds from 0, got (NaN|null|-1|"100")/;
    await assert.rejects(onbeat.connected('/sse', { timeout_ms }), wrong);
    await assert.rejects(start({ timeout_ms }), wrong);
    await assert.rejects(connect(onbeat.url, { timeout_ms }), wrong);
  }
  for (const count of [0, -1, NaN, 1.5, '2']) {
    await assert.rejects(onbeat.connected('/sse', { count }), /expected count to be a whole number from 1/);
    await assert.rejects(onbeat.connected('/sse', count), /expected the options of connected in an object with count, method, timeout_ms, got/);
  }
});

test('what is asked of a server that was told to stop is told so', async () => {
  const onbeat = await start();
  const stopped = onbeat.stop();
  const goesOn = async () => {
    for (;;) await onbeat.clock.now();
  };
  await assert.rejects(goesOn(), /The server (was told to stop|has ended with code 0)\./);
  await stopped;
});

test('the binary is the option, else ONBEAT_BIN, else on the PATH', () => {
  const [one, two, three] = [program(''), program(''), program('')];
  const PATH = ['/nowhere', dirname(three)].join(delimiter);
  assert.equal(findBinary(one, { ONBEAT_BIN: two, PATH }), one);
  assert.equal(findBinary(undefined, { ONBEAT_BIN: two, PATH }), two);
  assert.equal(findBinary(undefined, { PATH }), three);
});

test('a binary that is not there is an error that says where it was looked for', () => {
  assert.throws(() => findBinary('/nowhere/onbeat', {}), /expected the option `binary` to name the program onbeat, got \/nowhere\/onbeat/);
  assert.throws(() => findBinary(undefined, { ONBEAT_BIN: '/tmp' }), /expected ONBEAT_BIN to name the program onbeat, got \/tmp,/);
  assert.throws(() => findBinary(undefined, { PATH: '' }), /expected the program onbeat on the PATH, found none\. Install it/);
});

test('a server that fails shows what it wrote', async () => {
  await assert.rejects(start({ seed: 'x' }), /got none\. The server has ended with code 2\. It wrote:\n[^]*--seed/);
  await assert.rejects(start({ args: ['--no-such-option'] }), /It wrote:\n[^]*--no-such-option/);
});

test('a server ends in good order, however long its clients take', async () => {
  const onbeat = await start({ args: ['--mailbox', '100000'] });
  const stuck = connectTo(onbeat.url).pause();
  stuck.write('GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await onbeat.connected('/sse');
  const msg = 'x'.repeat(15_000);
  for (let n = 0; n < 800; n++) await (await fetch(`${onbeat.url}/send-heartbeat?msg=${msg}`)).text();
  await onbeat.stop();
  await assert.rejects(onbeat.clock.now(), /The server has ended with code 0\./);
  stuck.destroy();
});

test('a program that is not Onbeat is told from it', async () => {
  const binary = program('echo hello; exec cat');
  await assert.rejects(start({ binary }), {
    message: 'expected `listening on http://…` as the first line of onbeat serve, got "hello". Is the binary Onbeat\'s?',
  });
});

test('a server that dies later is missed at the next request, with what it wrote', async () => {
  const real = findBinary();
  const pid = join(folder(), 'pid');
  const onbeat = await started({ binary: program(`echo $$ > "${pid}"; echo "last words" >&2; exec "${real}" "$@"`) });
  const stream = await fetch(`${onbeat.url}/sse`);
  process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL');
  await assert.rejects(stream.text());
  await onbeat.stop();
  await assert.rejects(onbeat.clock.now(), /The server has ended with code 2\. It wrote:\nlast words\nended by SIGKILL/);
});

for (const how of ['process.exit(3)', 'throw new Error()', 'process.kill(process.pid, "SIGTERM")', 'process.kill(process.pid, "SIGKILL")', '']) {
  test(`no server outlives a test that ends by ${how || 'itself, without stopping it'}`, async () => {
    const script = `
      import { start } from 'onbeat';
      const onbeat = await start();
      console.log(onbeat.url);
      process.stdin.once('data', () => { process.stdin.destroy(); ${how} });`;
    const cwd = fileURLToPath(new URL('.', import.meta.url));
    const test = spawn(process.execPath, ['--input-type=module', '--eval', script], { cwd, stdio: ['pipe', 'pipe', 'ignore'] });
    const [url] = await once(createInterface({ input: test.stdout }), 'line');
    const stream = await fetch(`${url}/sse`);
    test.stdin.write('end\n');
    assert.equal(await stream.text(), 'data: {"message": "连接成功"}\n\n', 'the stream ends in good order, as the server does');
    await unanswered(url);
  });
}
