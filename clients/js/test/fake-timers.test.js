// What waits in real time goes on waiting, and gives up, whatever a test has faked, and whenever.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { environment, home } from './support.js';

/** Everything that waits, and that nothing but its own limit ends. */
const WAITS = `
  const http = require('node:http');
  const { createServer } = require('node:net');
  // Not by fetch, which waits for a microtask that may be faked.
  const get = (url) => new Promise((resolve, reject) => http.get(url, { agent: false }, resolve).on('error', reject));

  module.exports = async ({ connect, start }, rejects) => {
    const onbeat = await start();
    await rejects(onbeat.connected('/sse', { timeout_ms: 20 }), 'expected 1 under way to /sse within 20 ms, got 0');

    const found = onbeat.connected('/sse');
    const response = await get(onbeat.url + '/sse');
    const [{ id }] = await found;
    await onbeat.clock.advance(30_000);
    await onbeat.clock.next();
    await onbeat.faults.add({ path: '/sse', kind: 'bom' });
    await onbeat.close(id, 'end');
    let text = '';
    for await (const part of response) text += part;
    await rejects(Promise.reject(new Error(text)), 'heartbeat:\\n\\nheartbeat:\\n\\n');
    await onbeat.reset();

    const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    await rejects(connect('http://127.0.0.1:' + silent.address().port, { timeout_ms: 20 }), 'it took too long');
    silent.close();
    await rejects(start({ timeout_ms: 0 }), 'got none in 0 ms');
    await onbeat.stop();
  };
`;

/** What each library fakes without `nextTick`, as the call that does it. */
const VITEST = {
  'as Vitest does by default': 'vi.useFakeTimers()',
  'with all that Vitest can fake beside processes': `vi.useFakeTimers({ toFake: [
    'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate', 'Date', 'performance',
    'hrtime', 'queueMicrotask', 'requestAnimationFrame', 'cancelAnimationFrame', 'requestIdleCallback', 'cancelIdleCallback',
    'Intl',
  ] })`,
};
const OTHERS = {
  'as Sinon does, but for nextTick': "const { install } = require('@sinonjs/fake-timers'); install({ toNotFake: ['nextTick'] });",
  'as node:test does': "require('node:test').mock.timers.enable();",
};
const LOADED = {
  before: (load, fake) => `${load}\n${fake}`,
  after: (load, fake) => `${fake}\n${load}`,
};

for (const [when, order] of Object.entries(LOADED)) {
  for (const [how, fake] of Object.entries(VITEST)) {
    test(`waits end when timers are faked ${how}, and the client was loaded ${when}`, async () => {
      const project = scene({
        'waits.test.js': `
          import { createRequire } from 'node:module';
          import { expect, test, vi } from 'vitest';
          const waits = createRequire(import.meta.url)('./waits.cjs');
          ${order("const onbeat = await import('onbeat');", `${fake};`)}
          test('waits', () => waits(onbeat, (promise, text) => expect(promise).rejects.toThrow(text)), 300_000);`,
      });
      assert.match(await run('vitest', ['run', '--root', project], project), /Tests +1 passed/);
    });
  }

  for (const [how, fake] of Object.entries(OTHERS)) {
    test(`waits end when timers are faked ${how}, and the client was loaded ${when}`, async () => {
      const project = scene({
        'waits.mjs': `
          import assert from 'node:assert/strict';
          import { createRequire } from 'node:module';
          const require = createRequire(import.meta.url);
          ${order("const onbeat = await import('onbeat');", fake)}
          await require('./waits.cjs')(onbeat, (promise, text) => assert.rejects(promise, ({ message }) => message.includes(text)));
          console.log('all waits have ended');`,
      });
      assert.equal(await run(process.execPath, ['waits.mjs'], project), 'all waits have ended\n');
    });
  }
}

test('where nextTick is faked, nothing hangs, and all say why', async () => {
  const project = scene({
    'ticks.mjs': `
      import assert from 'node:assert/strict';
      import { createRequire } from 'node:module';
      import { connect, start } from 'onbeat';
      const { install } = createRequire(import.meta.url)('@sinonjs/fake-timers');
      const onbeat = await start();
      const clock = install();
      const asked = [start(), connect(onbeat.url), onbeat.connected('/sse'), onbeat.clock.advance(1), onbeat.reset(), onbeat.stop()];
      const told = await Promise.allSettled(asked);
      clock.uninstall();
      for (const { reason } of told) assert.match(String(reason), /process.nextTick is faked/);
      await onbeat.stop();
      console.log(told.length);`,
  });
  assert.equal(await run(process.execPath, ['ticks.mjs'], project), '6\n');
});

let scenes = 0;

/** A folder within this package with these files, and WAITS. */
function scene(files) {
  const project = join(home, `scratch/fake-timers/${(scenes += 1)}`);
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project, { recursive: true });
  for (const [name, text] of Object.entries({ ...files, 'waits.cjs': WAITS })) writeFileSync(join(project, name), text);
  return project;
}

/** What a command writes to stdout. */
function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env: environment() }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`));
      else resolve(stdout);
    });
  });
}
