// The types of faults are those of the description, and those of routes have the keys of the schema.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { file, generate } from '../types.js';

test('the types of faults are as the description of the control interface has them', () => {
  assert.equal(readFileSync(file, 'utf8'), generate(), 'run `npm run generate` in clients/js');
});

test('the types of routes have all keys of the schema of routes', () => {
  const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
  const types = read('../src/routes.d.ts');
  const { $defs } = JSON.parse(read('../../../routes/src/schema.json'));
  for (const name of ['route', 'response', 'step', 'heartbeat']) {
    const keys = Object.keys($defs[name].properties);
    assert.ok(keys.length > 5, name);
    assert.deepEqual(keys.filter((key) => !new RegExp(`\\b${key}\\??:`).test(types)), [], `keys of a ${name} that routes.d.ts lacks`);
  }
});
