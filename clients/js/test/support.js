// What several files of tests need.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { start } from 'onbeat';

import { findChromium } from '../browser/support/chromium.js';

/** The folder of this package. */
export const home = fileURLToPath(new URL('..', import.meta.url));

/**
 * A server that is stopped after the tests of the file.
 *
 * @param {import('onbeat').StartOptions} [options]
 */
export async function started(options) {
  const onbeat = await start(options);
  after(() => onbeat.stop());
  return onbeat;
}

/** A folder that is deleted after them. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), 'onbeat-'));
  after(() => rmSync(path, { recursive: true }));
  return path;
}

/** An environment for the tools of this package, without what node:test and npm tell their own children. */
export function environment() {
  const rest = Object.entries(process.env).filter(([name]) => !/^(NODE_|npm_|FORCE_COLOR)/.test(name));
  const PATH = [join(home, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  return { ...Object.fromEntries(rest), PATH, NO_COLOR: '1' };
}

/**
 * What a command prints, in a folder within this package; a command that fails is an error with all of it.
 *
 * @param {string} command
 * @param {string} cwd
 */
export async function shell(command, cwd) {
  const env = { ...environment(), CHROMIUM: findChromium() };
  // Jest reports on stderr.
  const { stdout } = await promisify(execFile)('sh', ['-c', `${command} 2>&1`], { cwd, env }).catch(({ stdout, stderr }) =>
    assert.fail(`${command} failed:\n${stdout}${stderr}`),
  );
  return stdout;
}
