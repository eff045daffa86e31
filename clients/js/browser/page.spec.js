// The page at `/`, driven by mouse and by keyboard alone.

import { button, connections, expect, faults, ms, now, panel, test, visit } from './support/page.js';

test('by mouse: connect, broadcast, advance, step, add a fault, see it fire, reset', async ({ onbeat, page }) => {
  const complaints = await visit(page, onbeat.url);
  const sse = panel(page, '/sse');
  await expect(sse.state).toHaveText('closed');
  await sse.connect.click();
  await expect(sse.state).toHaveText('open');
  await expect(sse.events).toHaveText([/^0\smsmessage\{"message": "连接成功"\}$/]);

  await page.getByLabel('Message').fill('<img src=x onerror=alert(1)> & "you"');
  await button(page, 'Broadcast').click();
  await expect(page.getByText('sent to 1 of 1 client')).toBeVisible();
  await expect(sse.events).toHaveCount(2);
  await expect(sse.events.first()).toContainText('broadcast{"msg":"<img src=x onerror=alert(1)> & \\"you\\""');
  await expect(page.locator('img')).toHaveCount(0);

  // A heartbeat is written, and no event.
  await expect(sse.counts).toHaveText('2 events, 3 writes on connection 0');
  await button(page, '+30 s').click();
  await expect(now(page)).toHaveText(ms(30_000));
  await expect(page.getByText('1 timer fell due, with 1 write.')).toBeVisible();
  await expect(sse.counts).toHaveText('2 events, 4 writes on connection 0');

  const text = panel(page, '/stream-text');
  await text.connect.click();
  await expect(text.events).toHaveCount(1);
  await button(page, 'To the next timer').click();
  await expect(now(page)).toHaveText(ms(30_050));
  await expect(text.events).toHaveCount(2);
  await expect(text.events.first()).toContainText(ms(30_050));

  await page.getByLabel('Path', { exact: true }).fill('/sse-data');
  await button(page, 'Add the fault').click();
  await expect(faults(page)).toHaveText([/1: \/sse-data: status 503.*not fired yet, 1 of 1 left/]);
  const data = panel(page, '/sse-data');
  await data.connect.click();
  await expect(data.state).toHaveText('closed');
  await expect(faults(page)).toHaveText([/fired 1 time, none left/]);

  await button(page, 'Reset the world').click();
  await expect(now(page)).toHaveText(ms(0));
  await expect(sse.state).toHaveText('closed');
  await expect(sse.events).toHaveCount(0);
  await expect(faults(page)).toHaveCount(0);
  expect((await onbeat.connections()).length).toBe(0);
  expect(complaints).toEqual([]);
});

test('by keyboard alone: the same', async ({ onbeat, page }) => {
  await visit(page, onbeat.url);
  const { keyboard } = page;
  const sse = panel(page, '/sse');
  await keyboard.press('1');
  await expect(sse.state).toHaveText('open');
  await keyboard.press('b');
  await keyboard.type('hello, 1 and n');
  await keyboard.press('Enter');
  await expect(sse.events.first()).toContainText('"msg":"hello, 1 and n"');
  // In a field, keys mean themselves.
  await keyboard.press('Escape');
  await keyboard.press('h');
  await expect(now(page)).toHaveText(ms(30_000));
  await expect(sse.events).toHaveCount(2);
  await keyboard.press('n');
  await expect(now(page)).toHaveText(ms(60_000));

  await keyboard.press('a');
  await keyboard.press('ControlOrMeta+a');
  await keyboard.type('1500');
  await keyboard.press('Enter');
  await expect(now(page)).toHaveText(ms(61_500));

  await keyboard.press('Escape');
  await keyboard.press('f');
  await keyboard.type('stall');
  await expect(page.getByLabel('Status', { exact: true })).toBeHidden();
  while (!(await button(page, 'Add the fault').evaluate((one) => one === document.activeElement))) await keyboard.press('Tab');
  await keyboard.press('Enter');
  await expect(faults(page)).toHaveText([/1: \/sse: stall/]);
  await keyboard.press('1');
  await expect(sse.state).toHaveText('closed');
  await keyboard.press('1');
  await expect(connections(page).filter({ hasText: '/sse' })).toContainText('stalled');
  await expect(faults(page)).toHaveText([/fired 1 time/]);
  await keyboard.press('Shift+R');
  await expect(now(page)).toHaveText(ms(0));
  await expect(faults(page)).toHaveCount(0);
});

test('every control can be reached with Tab, and shows that it has the focus', async ({ onbeat, page }) => {
  await visit(page, onbeat.url);
  const controls = await page.locator('a, button, input, select').filter({ visible: true }).count();
  const seen = new Set();
  for (let press = 0; press < controls; press += 1) {
    await page.keyboard.press('Tab');
    const { place, outline, name } = await page.evaluate(() => {
      const { activeElement: active } = document;
      const place = [...document.querySelectorAll('a, button, input, select')].indexOf(active);
      const name = active.ariaLabel ?? active.labels?.[0]?.textContent ?? active.textContent;
      return { place, name: active.labels?.[0]?.textContent || name, outline: getComputedStyle(active).outlineStyle };
    });
    expect(outline).toBe('solid');
    expect(name).not.toBe('');
    seen.add(place);
  }
  expect(seen.size).toBe(controls);
});

test('single keys can be turned off', async ({ onbeat, page }) => {
  await visit(page, onbeat.url);
  await page.getByLabel(/Single keys/).uncheck();
  await page.keyboard.press('h');
  await page.getByLabel(/Single keys/).check();
  await page.keyboard.press('s');
  await expect(now(page)).toHaveText(ms(1000));
});

for (const colorScheme of ['light', 'dark']) {
  test(`it fits a window of 360 px, ${colorScheme}`, async ({ onbeat, page }) => {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await visit(page, onbeat.url);
    const paths = ['/sse', '/stream-text', '/sse-data', '/dynamic-counter', '/stream-json'];
    for (const path of paths) {
      await panel(page, path).connect.click();
      await expect(panel(page, path).counts).toContainText('on connection');
    }
    await button(page, '+1 s').click();
    await expect(panel(page, '/sse-data').events).toHaveCount(1);
    await expect(connections(page)).toHaveCount(5);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    const back = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    expect(back).toBe(colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(20, 23, 26)');
    await test.info().attach('page', { body: await page.screenshot({ fullPage: true }), contentType: 'image/png' });
  });
}
