// The import in a browser.

import { expect, test } from '../site.js';

test.use({ onbeatOptions: { routes: new URL('routes.toml', import.meta.url) } });

test.beforeEach(async ({ visit }) => visit('/progress/'));

const start = (page) => page.getByRole('button').click();

test('the bar moves with each line', async ({ onbeat, page }) => {
  await start(page);
  await onbeat.connected('/imports');
  await expect(page.getByRole('status')).toHaveText('1 of 4');
  await onbeat.clock.advance(500);
  await expect(page.getByRole('status')).toHaveText('2 of 4');
  await expect(page.getByRole('progressbar')).toHaveAttribute('max', '4');
  await onbeat.clock.advance(1000);
  await expect(page.getByRole('status')).toHaveText('Done.');
});

test('a failure is said in the words of the server', async ({ onbeat, page }) => {
  await onbeat.reset({ scenario: 'full' });
  await start(page);
  await onbeat.connected('/imports');
  await expect(page.getByRole('status')).toHaveText('1 of 4');
  await onbeat.clock.advance(500);
  await expect(page.getByRole('status')).toHaveText('The disk is full.');
});

test('an import that falls silent is not given up while heartbeats come', async ({ onbeat, page }) => {
  await onbeat.reset({ scenario: 'silent' });
  await start(page);
  const [running] = await onbeat.connected('/imports');
  const { writes } = await onbeat.clock.advance(3_600_000);
  expect(writes).toBe(3600);
  await expect(page.getByRole('status')).toHaveText('2 of 4');
  await running.send('{"done":4,"of":4}\n');
  await running.end();
  await expect(page.getByRole('status')).toHaveText('Done.');
});

test('a lost connection is said', async ({ onbeat, page }) => {
  await start(page);
  const [running] = await onbeat.connected('/imports');
  await expect(page.getByRole('status')).toHaveText('1 of 4');
  await running.reset();
  await expect(page.getByRole('status')).toHaveText('The connection is lost.');
});
