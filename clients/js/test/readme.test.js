// Does what README.md says, in a project that has nothing but what it says, and Playwright, Vitest and Jest.

import assert from 'node:assert/strict';
import { lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { documented, project, run } from './documented.js';

test('README.md leads from the installation to tests that pass', async () => {
  const readme = documented('README.md');
  const folder = project('readme', readme.files());
  const [npmrc] = readme.blocks('ini');
  writeFileSync(join(folder, '.npmrc'), npmrc);

  const said = [];
  for (const command of readme.commands()) said.push(await run(folder, command));
  const [install, playwright, vitest, jest] = said;
  assert.match(install, /added 1 package/);
  assert.match(await run(folder, 'npm ci'), /added 1 package/);
  assert.ok(!lstatSync(join(folder, 'node_modules/onbeat')).isSymbolicLink());
  assert.match(playwright, /\b3 passed/);
  assert.match(vitest, /Tests +2 passed/);
  assert.match(jest, /Tests: +1 passed/);

  assert.deepEqual(readme.languages().sort(), ['console', 'ini', 'js'], 'the languages of snippets that are tried');
});
