// A server for the tests of a file, stopped after them, and files that are thrown away.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

import { start } from 'onbeat';

/** @param {import('onbeat').StartOptions} [options] */
export async function started(options) {
  const onbeat = await start(options);
  after(() => onbeat.stop());
  return onbeat;
}

export function folder() {
  const path = mkdtempSync(join(tmpdir(), 'onbeat-'));
  after(() => rmSync(path, { recursive: true }));
  return path;
}
