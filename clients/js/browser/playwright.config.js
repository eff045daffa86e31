// Streams in a real browser, which support/chromium.js finds.

import { fileURLToPath } from 'node:url';

import { defineConfig } from '@playwright/test';

import { findChromium } from './support/chromium.js';

export default defineConfig({
  testDir: '.',
  outputDir: fileURLToPath(new URL('../../../target/browser', import.meta.url)),
  fullyParallel: true,
  forbidOnly: true,
  retries: 0,
  workers: 2,
  // Time that only what hangs exceeds, however busy the machine is. No test waits for it: each waits for its cause.
  timeout: 300_000,
  expect: { timeout: 120_000 },
  use: {
    // The seed and the epoch of the fixtures, so that what a page sees can be held against them.
    onbeatOptions: { seed: 42, epoch: '2025-12-01T00:00:00Z' },
    launchOptions: {
      executablePath: findChromium(),
      timeout: 120_000,
      args: [
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
