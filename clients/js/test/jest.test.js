// What Jest makes of the package: by `require`, and by `import` where Jest is told to know ES modules.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { environment, home } from './support.js';

const TEST = `
  test('a stream is waited for under fake timers', async () => {
    const onbeat = await start();
    jest.useFakeTimers();
    await expect(onbeat.connected('/sse', { timeout_ms: 20 })).rejects.toThrow('within 20 ms');
    const found = onbeat.connected('/sse');
    const response = await new Promise((resolve) => get(onbeat.url + '/sse', { agent: false }, resolve));
    const [stream] = await found;
    for (const chunk of ['data: 1', new Uint8Array([10, 10]), { data: [2] }]) {
      expect(await stream.send(chunk)).toMatchObject({ id: stream.id, written: true });
    }
    expect(await stream.end()).toEqual({ id: stream.id, how: 'end' });
    let text = '';
    for await (const part of response.setEncoding('utf8')) text += part;
    expect(text).toMatch(/data: 1\\n\\ndata: \\[2\\]\\n\\n$/);
    await expect(onbeat.clock.advance(-1)).rejects.toThrow(OnbeatError);
    const other = await start();
    await other.stop();
    await onbeat.stop();
  });
`;
const REQUIRED = "const { OnbeatError, start } = require('onbeat'); const { get } = require('node:http');";
const IMPORTED =
  "import { OnbeatError, start } from 'onbeat'; import { get } from 'node:http'; import { jest } from '@jest/globals';";

for (const [name, file, head, options] of [
  ['required', 'a.test.cjs', REQUIRED, ''],
  ['imported', 'a.test.mjs', IMPORTED, '--experimental-vm-modules'],
]) {
  test(`the package is ${name} in Jest`, async () => {
    const project = join(home, 'scratch/jest', name);
    rmSync(project, { recursive: true, force: true });
    mkdirSync(project, { recursive: true });
    writeFileSync(join(project, 'jest.config.json'), '{ "testTimeout": 300000 }');
    writeFileSync(join(project, file), head + TEST);
    const env = { ...environment(), NODE_OPTIONS: options };
    const told = await new Promise((resolve) => execFile('jest', { cwd: project, env }, (_, stdout, stderr) => resolve(stdout + stderr)));
    assert.match(told, /Tests: +1 passed/, told);
  });
}

test('a Node.js that requires no ES module says which does', async () => {
  const args = ['--no-experimental-require-module', '--eval', "require('onbeat')"];
  const told = await new Promise((resolve) => execFile(process.execPath, args, { cwd: home, env: environment() }, (_, __, stderr) => resolve(stderr)));
  assert.match(told, /expected Node\.js 20\.19, 22\.12 or newer for require\('onbeat'\), got v/);
});
