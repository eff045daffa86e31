// The module of the import, in Node.js.

import { start } from 'onbeat';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { run } from './import.js';

let onbeat;
beforeAll(async () => (onbeat = await start({ routes: new URL('routes.toml', import.meta.url) })));
beforeEach(() => onbeat.reset());
afterAll(() => onbeat.stop());

const ALL = [1, 2, 3, 4].map((done) => ({ done, of: 4 }));

test.each([undefined, 'torn'])('each line is a step, in whatever chunks it comes (scenario %s)', async (scenario) => {
  await onbeat.reset({ scenario });
  const seen = [];
  const imported = run(onbeat.url, (progress) => seen.push(progress));
  await onbeat.connected('/imports');
  await onbeat.clock.advance(2000);
  await imported;
  expect(seen).toEqual(ALL);
});

test('an import that ends too early has failed', async () => {
  await onbeat.faults.add({ path: '/imports', kind: 'end', from: { write: 2 } });
  const failed = expect(run(onbeat.url, () => {})).rejects.toThrow('The import breaks off.');
  await onbeat.connected('/imports');
  await onbeat.clock.advance(2000);
  await failed;
});
