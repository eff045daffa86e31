// A fixture for Playwright: a server for each worker, a new world for each test.

import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { notAwaited } from './calls.js';
import { start } from './start.js';

/** @import { Fixtures, PlaywrightTestArgs, PlaywrightWorkerArgs } from '@playwright/test' */
/** @import { OnbeatFixtures, OnbeatWorkerFixtures } from './playwright.js' */

const { test: base, expect } = playwright();

/** @type {Fixtures<OnbeatFixtures, OnbeatWorkerFixtures, PlaywrightTestArgs, PlaywrightWorkerArgs>} */
const fixtures = {
  onbeatOptions: [{}, { scope: 'worker', option: true }],

  onbeatServer: [
    async ({ onbeatOptions }, use, { parallelIndex }) => {
      const server = await start(onbeatOptions).catch((error) => {
        if (!onbeatOptions.port || parallelIndex === 0) throw error;
        throw new Error(`${error.message}\nEach worker has a server of its own: with a port, expected workers: 1 in the configuration.`, { cause: error });
      });
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],

  onbeat: async ({ onbeatServer }, use, testInfo) => {
    await onbeatServer.reset();
    await use(onbeatServer);
    const hasFailed = testInfo.status !== testInfo.expectedStatus;
    // A test that fails may leave calls behind. In one that passes they were forgotten, and would fail the next test.
    const forgotten = hasFailed ? undefined : notAwaited(onbeatServer.url);
    if (hasFailed || forgotten) {
      const path = testInfo.outputPath('onbeat.jsonl');
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, await onbeatServer.logText());
      await testInfo.attach('onbeat.jsonl', { path, contentType: 'application/x-ndjson' });
    }
    if (forgotten) throw forgotten;
  },
};

export const test = base.extend(fixtures);
export { expect };

/**
 * The Playwright that runs the tests. It has to be the only one, and need not lie beside this file: npm installs a package
 * from a folder as a symbolic link.
 *
 * @returns {typeof import('@playwright/test')}
 */
function playwright() {
  const roots = [join(process.cwd(), 'package.json'), import.meta.url];
  for (const root of roots) {
    try {
      return createRequire(root)('@playwright/test');
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new Error(
    `expected @playwright/test in ${process.cwd()}, found none. Install it with \`npm install --save-dev @playwright/test\`, ` +
      'and run the tests in the folder where it is.',
  );
}
