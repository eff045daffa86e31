// What a page of the documentation says: its files, in a project of their own, and its commands.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { home, shell } from './support.js';

// Time that only what hangs exceeds: the limits of the runners are for machines that have nothing else to do.
const PATIENCE = { vitest: ' --testTimeout 300000 --hookTimeout 300000', jest: ' --testTimeout 300000' };
const FILES = ['js', 'html', 'toml'];

/** @param {string} page its path, from the folder of this package */
export function documented(page) {
  const text = readFileSync(join(home, page), 'utf8');
  const blocks = [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language, text]) => ({ language, text }));
  return {
    /** The contents of the blocks in a language. */
    blocks: (language) => blocks.filter((block) => block.language === language).map(({ text }) => text),
    languages: () => [...new Set(blocks.map(({ language }) => language))],
    /** Its files: the first line of each is a comment with its name. */
    files: () =>
      blocks.filter(({ language }) => FILES.includes(language)).map(({ text }) => ({
        name: /^(?:\/\/|<!--|#) (\S+)/.exec(text)?.[1] ?? assert.fail(`a file without a name:\n${text}`),
        text,
      })),
    /** Its commands. */
    commands: () =>
      blocks.filter(({ language }) => language === 'console').flatMap(({ text }) =>
        text.trimEnd().split('\n').map((line) => /^\$ (.*)$/.exec(line)?.[1] ?? assert.fail(`no command: ${line}`)),
      ),
  };
}

/**
 * A new project with nothing but these files: within this package, so that its Playwright, Vitest and Jest are found without
 * being installed once more.
 *
 * @param {string} name
 * @param {{ name: string, text: string }[]} files
 */
export function project(name, files) {
  const folder = join(home, 'scratch', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  for (const { name, text } of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text.replace('defineConfig({', 'defineConfig({ timeout: 300_000, expect: { timeout: 120_000 },'));
  }
  return folder;
}

/**
 * Runs a command of the documentation in a project, and resolves to what it prints.
 *
 * @param {string} folder
 * @param {string} documented
 */
export async function run(folder, documented) {
  const [, runner = ''] = /^npx (\w+)/.exec(documented) ?? [];
  const command = documented.replace('path/to/onbeat/clients/js', home).replace(/^npx /, '') + (PATIENCE[runner] ?? '');
  return shell(command, folder);
}
