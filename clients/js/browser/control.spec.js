// Who may drive the server from a page.

import { expect, test } from './support/test.js';

const advance = (url) =>
  fetch(`${url}/__onbeat/clock/advance`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"ms":1000}',
  }).then(
    (answer) => answer.status,
    () => 'refused',
  );

test('a page of the own origin moves the clock', async ({ onbeat, page, visit }) => {
  await visit(page);
  expect(await page.evaluate(advance, onbeat.url)).toBe(200);
  expect(await onbeat.clock.now()).toBe(1000);
});

test.describe('from a page of another origin', () => {
  test.use({ origin: 'another' });

  test('nobody moves the clock', async ({ onbeat, page, visit }) => {
    await visit(page);
    expect(await page.evaluate(advance, onbeat.url)).toBe('refused');
    expect(await onbeat.clock.now()).toBe(0);
  });
});
