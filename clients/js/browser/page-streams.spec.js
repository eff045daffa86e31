// The streams on the page: drawn, dated, and connected in order.

import { stayAway } from './support/listener.js';
import { button, expect, ms, now, panel, test, visit } from './support/page.js';

test('a stream that ends in an advance is drawn as long as it was', async ({ onbeat, page }) => {
  await stayAway(onbeat, '/stream-text');
  await visit(page, onbeat.url);
  const text = panel(page, '/stream-text');
  await text.connect.click();
  await expect(text.counts).toContainText('on connection 0');
  await button(page, '+30 s').click();
  await expect(text.events).toHaveCount(82);
  await expect(text.events.first()).toHaveText(`${ms(4800)}message{"done": true}`);
  await expect(text.state).toHaveText('connecting');
  await expect(page.getByRole('img', { name: '/stream-text 82' })).toBeVisible();
});

test('all streams are connected in order, and every event is dated when it was due', async ({ onbeat, page }) => {
  await visit(page, onbeat.url);
  await button(page, 'Connect all').click();
  const paths = ['/sse', '/stream-text', '/sse-data', '/dynamic-counter', '/stream-json'];
  for (const [id, path] of paths.entries()) await expect(panel(page, path).counts).toContainText(`on connection ${id}`);
  const counter = panel(page, '/dynamic-counter');
  await page.getByLabel('Reconnect what ends').uncheck();
  for (const seconds of [30, 60]) {
    await button(page, '+30 s').click();
    await expect(now(page)).toHaveText(ms(seconds * 1000));
  }
  await expect(counter.state).toHaveText('closed');
  await expect(counter.events.first()).toHaveText(`${ms(31_000)}message{"done": true}`);
  await expect(panel(page, '/stream-text').events.first()).toHaveText(`${ms(4800)}message{"done": true}`);
  await expect(page.locator('#wall')).toHaveText('2025-12-01T00:01:00.000Z, after 1 min');
  await page.keyboard.press('0');
  await expect(counter.state).toHaveText('open');
});

test('what comes moves nothing away from under a click', async ({ onbeat, page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  for (const path of ['/stream-text', '/sse-data']) await stayAway(onbeat, path);
  await visit(page, onbeat.url);
  const top = () => panel(page, '/stream-json').connect.evaluate((button) => button.getBoundingClientRect().top + scrollY);
  const before = await top();
  for (const path of ['/sse', '/stream-text', '/sse-data']) {
    await panel(page, path).connect.click();
    await expect(panel(page, path).counts).toContainText('on connection');
  }
  await onbeat.clock.advance(30_000);
  await expect(panel(page, '/stream-text').events).toHaveCount(82);
  await expect(panel(page, '/sse-data').state).toHaveText('connecting');
  // A line may wrap here and there; the lists of events, of fourteen lines, are there already.
  expect(Math.abs((await top()) - before)).toBeLessThan(100);
});

test('the list of events is bounded, their count is not', async ({ onbeat, page }) => {
  await visit(page, onbeat.url);
  const sse = panel(page, '/sse');
  await sse.connect.click();
  await expect(sse.state).toHaveText('open');
  const send = (times) => Promise.all(Array.from({ length: times }, (_, n) => fetch(`${onbeat.url}/broadcast-text?msg=${n}`)));
  for (let round = 0; round < 5; round += 1) await send(100);
  await expect(sse.counts).toContainText('501 events, the last 100 below');
  await expect(sse.events).toHaveCount(100);
});
