// The feed in a browser. The test moves two clocks: that of the server by `onbeat.clock`, that of the page by `page.clock`.

import { expect, test } from '../site.js';

test.use({ onbeatOptions: { routes: new URL('routes.toml', import.meta.url) } });

const PATH = '/notifications';
const state = (page) => page.getByRole('status');
const titles = (page) => page.getByRole('listitem');

test.beforeEach(async ({ page }) => {
  await page.clock.install({ time: '2025-12-01T00:00:00Z' });
  await page.clock.pauseAt('2025-12-01T00:01:00Z');
});

test('a notification appears when the test or another application publishes it', async ({ onbeat, page, request, visit }) => {
  await visit('/notifications/');
  await onbeat.subscribed('notifications');
  await expect(state(page)).toHaveText('online');
  await onbeat.publish('notifications', { data: { title: 'Lunch' } });
  await expect(titles(page)).toHaveText(['Lunch']);
  const answer = await request.post(onbeat.url + PATH, { data: { title: 'Tea' } });
  expect(await answer.json()).toEqual({ id: '2', clients: 1 });
  await expect(titles(page)).toHaveText(['Lunch', 'Tea']);
});

test('a page that comes late gets what was kept', async ({ onbeat, page, visit }) => {
  await onbeat.publish('notifications', { data: { title: 'One' } });
  await onbeat.publish('notifications', { data: { title: 'Two' } });
  await visit('/notifications/');
  await expect(titles(page)).toHaveText(['One', 'Two']);
});

test('a page that loses its connection gets what it has missed, once', async ({ onbeat, page, visit }) => {
  await visit('/notifications/');
  const [before] = await onbeat.connected(PATH);
  await onbeat.subscribed('notifications');
  await onbeat.publish('notifications', { data: { title: 'One' } });
  await onbeat.publish('notifications', { data: { title: 'Two' } });
  // What has come and has not been read would be lost with the connection.
  await expect(titles(page)).toHaveText(['One', 'Two']);

  await before.cut();
  await onbeat.publish('notifications', { data: { title: 'Three' } });
  await expect(titles(page)).toHaveText(['One', 'Two', 'Three']);
  const [after] = await onbeat.connected(PATH);
  expect(after.last_event_id).toBe('2');
});

test('a page that is refused asks again after five seconds', async ({ onbeat, page, visit }) => {
  await onbeat.reset({ scenario: 'offline' });
  await onbeat.publish('notifications', { data: { title: 'One' } });
  await visit('/notifications/');
  await expect(state(page)).toHaveText('offline');
  await page.clock.runFor(5000);
  await expect(state(page)).toHaveText('online');
  await expect(titles(page)).toHaveText(['One']);
});

test('a page stays connected while nothing but pings comes', async ({ onbeat, page, visit }) => {
  await visit('/notifications/');
  const [before] = await onbeat.connected(PATH);
  await expect(state(page)).toHaveText('online');
  for (const second of [15, 30, 45]) {
    await onbeat.clock.advance(15_000);
    await expect(page.getByRole('time')).toHaveText(`2025-12-01T00:00:${second}.000Z`);
    await page.clock.runFor(15_000);
  }
  expect(await onbeat.connected(PATH)).toMatchObject([{ id: before.id, request: before.request }]);
});

test('a page replaces a connection that has fallen silent, and shows nothing twice', async ({ onbeat, page, visit }) => {
  await visit('/notifications/');
  const [silent] = await onbeat.connected(PATH);
  await onbeat.subscribed('notifications');
  await onbeat.publish('notifications', { data: { title: 'One' } });
  await expect(titles(page)).toHaveText(['One']);
  await onbeat.faults.add({ connection: silent.id, kind: 'stall' });
  await onbeat.publish('notifications', { data: { title: 'Two' } });
  await page.clock.runFor(40_000);
  // The new connection brings all that was kept, also what the old one has brought.
  await expect(titles(page)).toHaveText(['One', 'Two']);
});
