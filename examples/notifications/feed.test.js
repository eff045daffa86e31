// The module of the feed, in Node.js, where the package `eventsource` stands in for the browser's.

import { EventSource } from 'eventsource';
import { start } from 'onbeat';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';

import { watch } from './feed.js';

let onbeat;
beforeAll(async () => (onbeat = await start({ routes: new URL('routes.toml', import.meta.url) })));
beforeEach(() => onbeat.reset());
afterAll(() => onbeat.stop());

/** Watches the feed until the end of the test; returns what comes. */
function watched() {
  const seen = { states: [], titles: [] };
  const close = watch(`${onbeat.url}/notifications`, {
    onState: (state) => seen.states.push(state),
    onNotification: ({ id, title }) => seen.titles.push(`${id} ${title}`),
    EventSource,
  });
  onTestFinished(close);
  return seen;
}

test('notifications come with their numbers', async () => {
  const seen = watched();
  await onbeat.subscribed('notifications');
  await onbeat.publish('notifications', { data: { title: 'Lunch' } });
  await onbeat.publish('notifications', { data: { title: 'Tea' } });
  await expect.poll(() => seen.titles).toEqual(['1 Lunch', '2 Tea']);
});

test('nothing is missed, and nothing comes twice, where the connection is lost', async () => {
  const seen = watched();
  await onbeat.subscribed('notifications');
  await onbeat.publish('notifications', { data: { title: 'One' } });
  await expect.poll(() => seen.titles).toEqual(['1 One']);
  const [connection] = await onbeat.connected('/notifications');
  await connection.reset();
  await onbeat.publish('notifications', { data: { title: 'Two' } });
  await expect.poll(() => seen.titles).toEqual(['1 One', '2 Two']);
  expect(seen.states).toEqual(['online', 'offline', 'online']);
});

test('a feed that is refused stays closed', async () => {
  await onbeat.reset({ scenario: 'signed-out' });
  const seen = watched();
  await expect.poll(() => seen.states).toEqual(['refused']);
});
