import type { PlaywrightTestArgs, PlaywrightTestOptions, PlaywrightWorkerArgs, PlaywrightWorkerOptions, TestType } from '@playwright/test';
import type { Onbeat, StartedOnbeat, StartOptions } from './index.js';

export { expect } from '@playwright/test';

export interface OnbeatFixtures {
  /** A server in a new world: time 0, no connections, no faults. Its log is attached to the report of a test that fails. */
  onbeat: Onbeat;
}

/** What a configuration can set: `defineConfig<{}, OnbeatOptions>({ … })`. */
export interface OnbeatOptions {
  /** How the server is started; set it by `use` in playwright.config.js, or at the top of a file. */
  onbeatOptions: StartOptions;
}

export interface OnbeatWorkerFixtures extends OnbeatOptions {
  /** The server of this worker, in whatever world the last test left. */
  onbeatServer: StartedOnbeat;
}

export const test: TestType<
  PlaywrightTestArgs & PlaywrightTestOptions & OnbeatFixtures,
  PlaywrightWorkerArgs & PlaywrightWorkerOptions & OnbeatWorkerFixtures
>;
