// The page at `/`: what is on it, and a server for one test.

import { start } from 'onbeat';

import { expect, test as base } from './test.js';

export { expect };

export const test = base.extend({
  // Starts another server, for one test, and resolves to its URL.
  serve: async ({}, use) => {
    const started = [];
    const stop = async () => {
      for (const server of started.splice(0)) await server.stop();
    };
    const serve = async (options) => {
      const server = await start(options);
      started.push(server);
      return server.url;
    };
    await use(Object.assign(serve, { stop }));
    await stop();
  },
});

/** The panel of a stream: its state, its counts, its events. */
export const panel = (page, path) => {
  const whole = page.getByRole('article').filter({ has: page.getByRole('heading', { name: path, exact: true }) });
  return {
    state: whole.locator('.state'),
    counts: whole.locator('.count'),
    events: whole.getByRole('listitem'),
    connect: whole.getByRole('button', { name: `Connect ${path}` }),
    disconnect: whole.getByRole('button', { name: `Disconnect ${path}` }),
  };
};
export const button = (page, name) => page.getByRole('button', { name, exact: true });
export const faults = (page) => page.getByRole('list', { name: 'Faults' }).getByRole('listitem');
export const connections = (page) => page.getByRole('list', { name: 'Connections' }).getByRole('listitem');
export const now = (page) => page.locator('#now');
/** Thousands are apart by a space; how wide it is does not matter to `toHaveText`. */
export const ms = (number) => `${number.toLocaleString('en').replaceAll(',', ' ')} ms`;

/** Opens the page, and fails the test for whatever a browser complains of. */
export const visit = async (page, url) => {
  page.on('pageerror', (error) => {
    throw error;
  });
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text());
  });
  await page.goto(url);
  await expect(page.getByRole('heading', { name: 'Clock' })).toBeVisible();
  return complaints;
};
