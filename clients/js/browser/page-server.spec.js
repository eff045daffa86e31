// The page and its server: other users, a clock that the page cannot move, a token, and a server that is gone.

import { connect } from 'onbeat';

import { stayAway } from './support/listener.js';
import { button, expect, faults, ms, now, panel, test, visit } from './support/page.js';

test('what somebody else does is shown, and that the server is gone', async ({ page, serve }) => {
  const url = await serve();
  const other = await connect(url);
  await visit(page, url);
  await other.clock.advance(30_000);
  await other.faults.add({ path: '/sse', kind: 'bom' });
  await expect(now(page)).toHaveText(ms(30_000));
  await expect(faults(page)).toHaveText([/1: \/sse: bom/]);
  await other.reset();
  await expect(now(page)).toHaveText(ms(0));
  await expect(faults(page)).toHaveCount(0);
  await serve.stop();
  await expect(page.locator('#page-error')).toHaveText('server: it does not answer; is it still running?');
});

test('the page goes on after an answer that broke off', async ({ onbeat, page }) => {
  // One route for the whole test: a request passed once that followed at once on the end of a route and on a new one.
  let broken = 'nothing';
  await page.route('**/__onbeat/**', (route) => {
    const isBroken = route.request().url().endsWith(`/__onbeat/${broken}`);
    return isBroken ? route.fulfill({ contentType: 'application/json', body: '{"now_ms' }) : route.continue();
  });
  await visit(page, onbeat.url);
  // Until it was seen: the page asks for the clock every second, and forgets the error at the next answer.
  for (const [path, key, error] of [['clock', 'u', '#page-error'], ['clock/advance', 's', '#clock-error']]) {
    broken = path;
    await page.keyboard.press(key);
    await expect(page.locator(error)).toHaveText('server: it does not answer; is it still running?');
  }
  broken = 'nothing';
  await page.keyboard.press('s');
  await expect(now(page)).toHaveText(ms(1000));
  await expect(page.locator('#page-error')).toHaveText('');
  await expect(page.locator('#clock-error')).toHaveText('');
});

test('a clock that runs by itself is not moved', async ({ page, serve }) => {
  const url = await serve({ clock: 'scaled:100' });
  await stayAway(await connect(url), '/stream-text');
  await visit(page, url);
  await expect(button(page, '+30 s')).toBeDisabled();
  await expect(page.getByText('so it cannot be moved')).toBeVisible();
  const text = panel(page, '/stream-text');
  await text.connect.click();
  await expect(text.counts).toHaveText(/^82 events/);
  await page.keyboard.press('h');
  await expect(page.locator('#advanced')).toHaveText('');
});

test('the token is asked for, and kept nowhere', async ({ page, serve }) => {
  let refused = 0;
  page.on('response', (response) => (refused += response.status() === 401));
  await page.goto(await serve({ token: 's3cret' }));
  await expect(button(page, '+1 s')).toBeHidden();
  const token = page.getByLabel('--control-token');
  await expect(token).toBeFocused();
  await page.keyboard.type('wrong');
  await page.keyboard.press('Enter');
  await expect(page.getByText('authorization: the token is wrong')).toBeVisible();
  expect(refused).toBe(2);
  await token.fill('s3cret');
  await page.keyboard.press('Enter');
  await button(page, '+1 s').click();
  await expect(now(page)).toHaveText(ms(1000));
  expect(await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie])).toEqual([0, 0, '']);
  await page.reload();
  await expect(token).toBeVisible();
});
