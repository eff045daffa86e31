// A test of a front end in a browser: `visit('/chat/')` shows the page, which gets its streams from Onbeat.
//
// The pages are served here, at an address of their own, as the development server of a front end does.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';

import { test as base, expect } from 'onbeat/playwright';

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript' };

export { expect };

export const test = base.extend({
  site: [
    async ({}, use) => {
      const server = createServer(answer).listen(0, '127.0.0.1');
      await once(server, 'listening');
      await use(`http://localhost:${server.address().port}`);
      server.closeAllConnections();
      server.close();
    },
    { scope: 'worker' },
  ],

  visit: async ({ onbeat, page, site }, use) => {
    await use((path) => page.goto(`${site}${path}${path.includes('?') ? '&' : '?'}api=${onbeat.url}`));
  },
});

async function answer(request, response) {
  const { pathname } = new URL(request.url, 'http://localhost');
  const file = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
  try {
    const content = await readFile(new URL(`.${file}`, import.meta.url));
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream').end(content);
  } catch {
    response.writeHead(404).end();
  }
}
