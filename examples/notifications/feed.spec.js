// The feed in a browser.

import { expect, test } from '../site.js';

test.use({ onbeatOptions: { routes: new URL('routes.toml', import.meta.url) } });

const PATH = '/notifications';

test('a notification appears when it is published', async ({ onbeat, page, visit }) => {
  await visit('/notifications/');
  await onbeat.subscribed('notifications');
  await expect(page.getByRole('status')).toHaveText('online');
  await onbeat.publish('notifications', { data: { title: 'Lunch' } });
  await expect(page.getByRole('listitem')).toHaveText(['Lunch']);
});

test('another application can publish', async ({ onbeat, page, request, visit }) => {
  await visit('/notifications/');
  await onbeat.subscribed('notifications');
  const answer = await request.post(onbeat.url + PATH, { data: { title: 'Tea' } });
  expect(await answer.json()).toEqual({ id: '1', clients: 1 });
  await expect(page.getByRole('listitem')).toHaveText(['Tea']);
});

test('a page that comes back gets what it has missed, once', async ({ onbeat, page, visit }) => {
  await visit('/notifications/');
  const [before] = await onbeat.connected(PATH);
  await onbeat.subscribed('notifications');
  await onbeat.publish('notifications', { data: { title: 'One' } });
  await onbeat.publish('notifications', { data: { title: 'Two' } });
  // What has come and has not been read would be lost with the connection.
  await expect(page.getByRole('listitem')).toHaveText(['One', 'Two']);

  await before.cut();
  await onbeat.publish('notifications', { data: { title: 'Three' } });
  await expect(page.getByRole('listitem')).toHaveText(['One', 'Two', 'Three']);
  const [after] = await onbeat.connected(PATH);
  expect(after.last_event_id).toBe('2');
});

test('a page that is refused says so, and does not try again', async ({ onbeat, page, visit }) => {
  await onbeat.reset({ scenario: 'signed-out' });
  await visit('/notifications/');
  await expect(page.getByRole('status')).toHaveText('refused');
});
