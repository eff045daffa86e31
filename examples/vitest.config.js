// Tests of the modules of the front ends, in Node.js.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['*/*.test.js'],
    // Time that only a test that hangs exceeds, however busy the machine is.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
