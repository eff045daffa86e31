// Does what docs/front-end.md says, in a project that has nothing but what it says, and Playwright, Vite and Vitest.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { home, shell } from './support.js';

// Within this package, so that its tools are found without being installed once more.
const project = join(home, 'scratch/guide');
const guide = readFileSync(join(home, '../../docs/front-end.md'), 'utf8');

test('docs/front-end.md leads from an empty folder to tests that pass', async () => {
  rmSync(project, { recursive: true, force: true });
  mkdirSync(join(project, 'node_modules'), { recursive: true });
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  symlinkSync(home, join(project, 'node_modules/onbeat'));

  const port = await freePort();
  const files = [...guide.matchAll(/`([^`\n]+)`:\n\n```\w+\n([^]*?)^```$/gm)];
  assert.equal(files.length, [...guide.matchAll(/^```(js|html|toml|text)$/gm)].length, 'a file without a name');
  for (const [, path, text] of files) {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), withPort(text, port).replace('defineConfig({', 'defineConfig({ timeout: 300_000, expect: { timeout: 120_000 },'));
  }

  const [install, browser, unit] = [...guide.matchAll(/^```console\n\$ (.*)\n```$/gm)].map(([, command]) => command);
  assert.match(install, /^npm install --save-dev @playwright\/test vite vitest$/);
  assert.match(await shell(browser.replace(/^npx /, ''), project), /\b3 passed/);
  assert.match(await shell(`${unit.replace(/^npx /, '')} --testTimeout 300000 --hookTimeout 300000`, project), /Tests +1 passed/);
});

/** The text of a file, with a port that nobody else has. @param {string} text @param {number} port */
function withPort(text, port) {
  return text.replaceAll(':5173', `:${port}`).replace('npx vite app', `vite app --port ${port} --strictPort`).replace("url: 'http", "timeout: 300_000, url: 'http");
}

async function freePort() {
  const server = createServer().listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
