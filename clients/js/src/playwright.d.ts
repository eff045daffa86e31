import type { PlaywrightTestArgs, PlaywrightTestOptions, PlaywrightWorkerArgs, PlaywrightWorkerOptions, TestType } from '@playwright/test';
import type { Onbeat, StartedOnbeat, StartOptions } from './index.js';

export { expect } from '@playwright/test';

export interface OnbeatFixtures {
  /** A server in a new world: time 0, no connections, no faults. Its log is attached to the report of a test that fails. */
  onbeat: Onbeat;
}

export interface OnbeatWorkerFixtures {
  /** How the server is started; set it by `use` in playwright.config.js. */
  onbeatOptions: StartOptions;
  /** The server of this worker, in whatever world the last test left. */
  onbeatServer: StartedOnbeat;
}

export const test: TestType<
  PlaywrightTestArgs & PlaywrightTestOptions & OnbeatFixtures,
  PlaywrightWorkerArgs & PlaywrightWorkerOptions & OnbeatWorkerFixtures
>;
