// The fixture of the package, and blank pages to open streams from.

import { createServer } from 'node:http';
import { once } from 'node:events';

import { test as base, expect } from 'onbeat/playwright';

import { listen } from './listener.js';

// The icon keeps the browser from asking for /favicon.ico when it likes, which would be a request to the world.
const HTML = '<!doctype html><link rel="icon" href="data:,">';

export { expect };

export const test = base.extend({
  // The page of somebody's application, on an origin of its own.
  elsewhere: [
    async ({}, use) => {
      const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end(HTML));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      await use(`http://localhost:${server.address().port}/`);
      server.closeAllConnections();
      server.close();
    },
    { scope: 'worker' },
  ],

  // Whose page it is that opens streams: the server's own, or another.
  origin: ['own', { option: true }],

  // Shows a blank page of that origin. No request for it reaches the server.
  visit: async ({ onbeat, elsewhere, origin }, use) => {
    await use(async (page) => {
      if (origin === 'another') return page.goto(elsewhere);
      const blank = `${onbeat.url}/blank`;
      await page.route(blank, (route) => route.fulfill({ contentType: 'text/html', body: HTML }));
      await page.goto(blank);
      await page.unroute(blank);
    });
  },

  // Opens a stream in a page, as an application would: `await open('/sse')`.
  open: async ({ onbeat, page, visit }, use) => {
    await use(async (path, on = page) => {
      if (on.url() === 'about:blank') await visit(on);
      return listen(on, path.startsWith('/') ? onbeat.url + path : path);
    });
  },
});
