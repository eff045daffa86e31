// Does what docs/front-end.md says, in a project that has nothing but what it says, and Playwright, Vite and Vitest.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { documented, project, run } from './documented.js';

// Not a port that the system gives to others, and not that of another run of this test.
const PORT = String(20_000 + (process.pid % 10_000));
/** What is there already, or is not for this machine: the packages of the registry, and a browser. */
const IS_THERE = /^npm (init|pkg)|@playwright\/test|playwright install/;

test('docs/front-end.md leads from an empty folder to tests that pass', async () => {
  const guide = documented('../../docs/front-end.md');
  const prepared = (text) => text.replaceAll('5173', PORT).replace("url: 'http", "timeout: 300_000, url: 'http");
  const folder = project('guide', guide.files().map(({ name, text }) => ({ name, text: prepared(text) })));

  const said = {};
  for (const command of guide.commands().filter((command) => !IS_THERE.test(command))) said[command] = await run(folder, command);
  assert.match(said['npm install --save-dev ./onbeat-0.2.0.tgz'], /added 1 package/);
  assert.match(said['npx playwright test chat'], /\b1 passed/);
  assert.match(said['npx playwright test'], /\b5 passed/);
  assert.match(said['npx vitest run unit'], /Tests +1 passed/);

  assert.deepEqual(guide.languages().sort(), ['console', 'html', 'js', 'sh', 'toml'], 'the languages of snippets that are tried');
});
