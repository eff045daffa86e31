// Does what README.md says, in a project that has nothing but what it says, and Playwright and Vitest.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { findChromium } from '../browser/support/chromium.js';

const home = fileURLToPath(new URL('..', import.meta.url));
// Within this package, so that its Playwright and Vitest are found without being installed once more.
const project = join(home, 'scratch');
const readme = readFileSync(join(home, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language, text]) => ({ language, text }));

test('README.md leads from the installation to tests that pass', async () => {
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');

  for (const { text } of blocks.filter(({ language }) => language === 'js')) {
    const path = join(project, /^\/\/ (\S+)\n/.exec(text)?.[1] ?? assert.fail(`a file without a name:\n${text}`));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  const said = [];
  for (const { text } of blocks.filter(({ language }) => language === 'console')) {
    const command = text.match(/^\$ (.*)\n$/)?.[1] ?? assert.fail(`not one command:\n${text}`);
    said.push(await run(command.replace('path/to/onbeat/clients/js', home).replace(/^npx /, '')));
  }
  const [install, playwright, vitest] = said;
  assert.match(install, /added 1 package/);
  assert.match(playwright, /\b2 passed/);
  assert.match(vitest, /Tests +2 passed/);

  assert.deepEqual(blocks.filter(({ language }) => !['js', 'console'].includes(language)), [], 'snippets that nothing runs');
});

async function run(command) {
  // What node:test and npm tell their own children is not for theirs.
  const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_|npm_|FORCE_COLOR)/.test(name)));
  const PATH = [join(home, 'node_modules/.bin'), rest.PATH].join(delimiter);
  const env = { ...rest, PATH, CHROMIUM: findChromium(), NO_COLOR: '1' };
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd: project, env }).catch(({ stdout, stderr }) =>
    assert.fail(`${command} failed:\n${stdout}${stderr}`),
  );
  return stdout;
}
