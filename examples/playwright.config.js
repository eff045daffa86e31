// Tests of the front ends in a browser.

import { defineConfig } from '@playwright/test';

export default defineConfig({
  testMatch: '*/*.spec.js',
  fullyParallel: true,
  forbidOnly: true,
  workers: 2,
  // Time that only a test that hangs exceeds, however busy the machine is.
  timeout: 300_000,
  expect: { timeout: 120_000 },
  use: {
    onbeatOptions: { seed: 42 },
    // Without the variable, Playwright's own browser.
    launchOptions: { executablePath: process.env.CHROMIUM, timeout: 120_000, args: ['--disable-gpu', '--no-first-run'] },
  },
});
