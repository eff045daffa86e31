// The types of faults are those of the description.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { file, generate } from '../types.js';

test('the types of faults are as the description of the control interface has them', () => {
  assert.equal(readFileSync(file, 'utf8'), generate(), 'run `npm run generate` in clients/js');
});
