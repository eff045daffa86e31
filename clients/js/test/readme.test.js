// Does what README.md says, in a project that has nothing but what it says, and Playwright, Vitest and Jest.

import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { home, shell } from './support.js';

// Time that only what hangs exceeds: the limits of the runners are for machines that have nothing else to do.
const PATIENCE = { vitest: ' --testTimeout 300000 --hookTimeout 300000', jest: ' --testTimeout 300000' };

// Within this package, so that its Playwright, Vitest and Jest are found without being installed once more.
const project = join(home, 'scratch/readme');
const readme = readFileSync(join(home, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language, text]) => ({ language, text }));

test('README.md leads from the installation to tests that pass', async () => {
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');

  for (const { text } of blocks.filter(({ language }) => language === 'js')) {
    const path = join(project, /^\/\/ (\S+)\n/.exec(text)?.[1] ?? assert.fail(`a file without a name:\n${text}`));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text.replace('defineConfig({', 'defineConfig({ timeout: 300_000, expect: { timeout: 120_000 },'));
  }

  const [npmrc] = blocks.filter(({ language }) => language === 'ini');
  writeFileSync(join(project, '.npmrc'), npmrc.text);

  const said = [];
  for (const { text } of blocks.filter(({ language }) => language === 'console')) {
    const command = text.match(/^\$ (.*)\n$/)?.[1] ?? assert.fail(`not one command:\n${text}`);
    const [, runner = ''] = /^npx (\w+)/.exec(command) ?? [];
    said.push(await run(command.replace('path/to/onbeat/clients/js', home).replace(/^npx /, '') + (PATIENCE[runner] ?? '')));
  }
  const [install, playwright, vitest, jest] = said;
  assert.match(install, /added 1 package/);
  assert.match(await run('npm ci'), /added 1 package/);
  assert.ok(!lstatSync(join(project, 'node_modules/onbeat')).isSymbolicLink());
  assert.match(playwright, /\b3 passed/);
  assert.match(vitest, /Tests +2 passed/);
  assert.match(jest, /Tests: +1 passed/);

  assert.deepEqual(blocks.filter(({ language }) => !['js', 'console', 'ini'].includes(language)), [], 'snippets that nothing runs');
});

const run = (command) => shell(command, project);
