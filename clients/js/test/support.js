// What several files of tests need.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

import { start } from 'onbeat';

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
