// What the fixture does around a test of Playwright. No browser is needed for that.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { environment, home } from './support.js';

const SPEC = `
  import { expect, test } from 'onbeat/playwright';

  test.use({ onbeatOptions: { seed: 7 } });

  test('one leaves a mess', async ({ onbeat }) => {
    await onbeat.clock.advance(1000);
    await onbeat.faults.add({ path: '/sse', kind: 'bom' });
  });
  test('another begins anew', async ({ onbeat, onbeatServer }) => {
    expect([await onbeat.clock.now(), await onbeat.faults.list()]).toEqual([0, []]);
    expect(onbeat).toBe(onbeatServer);
  });
  test('a third fails', async ({ onbeat, request }) => {
    await request.get(onbeat.url + '/broadcast-text?msg=hi');
    expect(await onbeat.clock.now()).toBe(1);
  });
  test('a fourth fails as it should', async ({ onbeat }) => {
    test.fail();
    expect(await onbeat.clock.now()).toBe(1);
  });
`;

test('each test of Playwright has a new world, and the log of one that fails is attached', async () => {
  const project = join(home, 'scratch/playwright');
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, 'playwright.config.js'), "export default { workers: 1, timeout: 300_000, outputDir: 'results' };");
  writeFileSync(join(project, 'world.spec.js'), SPEC);

  const { specs } = (await report(project)).suites[0];
  const results = specs.map(({ title, tests: [{ status, results }] }) => ({ ...results[0], title, status }));
  const logs = ({ attachments }) => attachments.map(({ name }) => name).filter((name) => name.startsWith('onbeat'));
  assert.deepEqual(
    results.map((result) => [result.title, result.status, logs(result)]),
    [
      ['one leaves a mess', 'expected', []],
      ['another begins anew', 'expected', []],
      ['a third fails', 'unexpected', ['onbeat.jsonl']],
      ['a fourth fails as it should', 'expected', []],
    ],
  );
  const { path, contentType } = results[2].attachments.find(({ name }) => name === 'onbeat.jsonl');
  assert.ok(readdirSync(join(project, 'results'), { recursive: true }).includes(join('world-a-third-fails', 'onbeat.jsonl')));
  const log = readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.equal(contentType, 'application/x-ndjson');
  assert.deepEqual([log[0].seed, log[1].target], ['7', '/broadcast-text?msg=hi']);
});

const HARD = `
  import { expect, test } from 'onbeat/playwright';

  test.describe.configure({ mode: 'parallel' });
  for (const n of [1, 2, 3, 4]) {
    test('world ' + n, async ({ onbeat }) => {
      for (let step = 1; step <= 20; step += 1) expect((await onbeat.clock.advance(n)).now_ms).toBe(n * step);
    });
  }
  test('comes through the second time', async ({ onbeat }, { retry }) => {
    expect(await onbeat.clock.now()).toBe(0);
    await onbeat.clock.advance(5);
    expect(retry).toBe(1);
  });
  test('hangs', async ({ onbeat }) => {
    test.setTimeout(5000);
    await onbeat.clock.advance(7);
    await new Promise(() => {});
  });
`;

test('workers in parallel have worlds of their own; retries begin anew; what hangs leaves its log', async () => {
  const project = join(home, 'scratch/hard');
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, 'playwright.config.js'), "export default { workers: 2, retries: 1, timeout: 300_000, outputDir: 'results' };");
  writeFileSync(join(project, 'hard.spec.js'), HARD);

  const [{ specs }] = (await report(project)).suites;
  const told = specs.map(({ title, tests: [{ status, results }] }) => [
    title, status, results.map(({ attachments }) => attachments.filter(({ name }) => name === 'onbeat.jsonl').length),
  ]);
  assert.deepEqual(told, [
    ['world 1', 'expected', [0]],
    ['world 2', 'expected', [0]],
    ['world 3', 'expected', [0]],
    ['world 4', 'expected', [0]],
    ['comes through the second time', 'flaky', [1, 0]],
    ['hangs', 'unexpected', [1, 1]],
  ]);
});

const FORGETS = `
  import { expect, test } from 'onbeat/playwright';

  test('forgets an await', async ({ onbeat }) => {
    onbeat.connected('/typo');
  });
  test('is right', async ({ onbeat }) => {
    expect(await onbeat.clock.now()).toBe(0);
  });
`;

test('a test that forgets to await fails itself, at the line of the call', async () => {
  const project = join(home, 'scratch/forgets');
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, 'playwright.config.js'), "export default { workers: 1, timeout: 300_000, outputDir: 'results' };");
  writeFileSync(join(project, 'forgets.spec.js'), FORGETS);

  const [{ specs }] = (await report(project)).suites;
  assert.deepEqual(specs.map(({ title, tests: [{ status }] }) => [title, status]), [['forgets an await', 'unexpected'], ['is right', 'expected']]);
  const [{ message, location }] = specs[0].tests[0].results[0].errors;
  assert.match(message, /expected all calls to be over with the test; POST \/__onbeat\/connections\/wait \{"path":"\/typo".*Is an `await` missing\?/);
  assert.equal(location.line, 5);
});

/** What Playwright reports of the tests in a folder, some of which fail. */
function report(cwd) {
  return new Promise((resolve, reject) => {
    execFile('playwright', ['test', '--reporter=json'], { cwd, env: environment() }, (_, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout));
      } catch (error) {
        reject(new Error(`expected a report in JSON, got ${stdout}${stderr}`, { cause: error }));
      }
    });
  });
}
