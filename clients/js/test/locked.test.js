// What the tests install is what its authors have published: each lock file has the sum of every file, and no registry's name.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { home } from './support.js';

const read = (path) => readFileSync(join(home, '../..', path), 'utf8');

for (const folder of ['clients/js', 'consumers/js', 'examples']) {
  test(`every package in the lock file of ${folder} has its sum, and runs nothing when it is installed`, () => {
    // Folders of this repository are neither downloaded nor copied.
    const isForeign = ([path, { link }]) => path.startsWith('node_modules/') && !link;
    const packages = Object.entries(JSON.parse(read(`${folder}/package-lock.json`)).packages).filter(isForeign);
    assert.ok(packages.length > 0);
    for (const [path, { integrity, resolved }] of packages) {
      assert.match(integrity ?? '', /^sha512-/, path);
      assert.equal(resolved, undefined, path);
    }
    assert.match(read(`${folder}/.npmrc`), /^ignore-scripts=true$/m);
  });
}

test('every package of the reader in Python has its version and its sum', () => {
  const entries = read('consumers/python/requirements.txt').replace(/^ *#.*\n/gm, '').replaceAll('\\\n', '').trim().split('\n');
  for (const entry of entries) assert.match(entry, /^[\w.-]+==[\d.]+ +--hash=sha256:[0-9a-f]{64}\b/);
  const named = entries.map((entry) => entry.split('==')[0]);
  const wanted = read('consumers/python/requirements.in').match(/^[\w-]+(?===)/gm);
  assert.deepEqual(wanted.filter((name) => !named.includes(name)), []);
});
