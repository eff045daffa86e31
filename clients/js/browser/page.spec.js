// The page at `/`: driven by mouse, driven by keyboard, and what it tells when something is refused.

import { connect, start } from 'onbeat';

import { stayAway } from './support/listener.js';
import { expect, test as base } from './support/test.js';

const test = base.extend({
  // Starts another server, for one test, and resolves to its URL.
  serve: async ({}, use) => {
    const started = [];
    const stop = async () => {
      for (const server of started.splice(0)) await server.stop();
    };
    const serve = async (options) => {
      const server = await start(options);
      started.push(server);
      return server.url;
    };
    await use(Object.assign(serve, { stop }));
    await stop();
  },
});

/** The panel of a stream: its state, its counts, its events. */
const panel = (page, path) => {
  const whole = page.getByRole('article').filter({ has: page.getByRole('heading', { name: path, exact: true }) });
  return {
    state: whole.locator('.state'),
    counts: whole.locator('.count'),
    events: whole.getByRole('listitem'),
    connect: whole.getByRole('button', { name: `Connect ${path}` }),
    disconnect: whole.getByRole('button', { name: `Disconnect ${path}` }),
  };
};
const button = (page, name) => page.getByRole('button', { name, exact: true });
const faults = (page) => page.getByRole('list', { name: 'Faults' }).getByRole('listitem');
const connections = (page) => page.getByRole('list', { name: 'Connections' }).getByRole('listitem');
const now = (page) => page.locator('#now');
/** Thousands are apart by a space; how wide it is does not matter to `toHaveText`. */
const ms = (number) => `${number.toLocaleString('en').replaceAll(',', ' ')} ms`;

/** Opens the page, and fails the test for whatever a browser complains of. */
const visit = async (page, url) => {
  page.on('pageerror', (error) => {
    throw error;
  });
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text());
  });
  await page.goto(url);
  await expect(page.getByRole('heading', { name: 'Clock' })).toBeVisible();
  return complaints;
};

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

test('what is refused is told beside its field', async ({ onbeat, page }) => {
  await visit(page, onbeat.url);
  const amount = page.getByLabel('By', { exact: true });
  for (const [typed, said] of [['-1', /^ms: expected .* got -1/], ['soon', /^ms: expected .* got /], ['0.5', /^ms: expected .* got 0.5/]]) {
    await amount.fill(typed);
    await button(page, 'Advance').click();
    await expect(page.locator('#clock-error')).toHaveText(said);
    await expect(amount).toHaveAttribute('aria-invalid', 'true');
    await expect(amount).toBeFocused();
  }
  await amount.fill('2');
  await page.getByLabel('Unit').selectOption('min');
  await button(page, 'Advance').click();
  await expect(now(page)).toHaveText(ms(120_000));
  await expect(page.locator('#clock-error')).toHaveText('');

  await page.getByLabel('Status', { exact: true }).fill('302');
  await button(page, 'Add the fault').click();
  await expect(page.locator('#fault-error')).toHaveText('location: is needed with this status');
  await expect(page.getByLabel('Location')).toBeFocused();
  await expect(faults(page)).toHaveCount(0);
});

test('every fault that the form offers is one', async ({ onbeat, page }) => {
  await visit(page, onbeat.url);
  const kind = page.getByRole('combobox', { name: 'Fault', exact: true });
  const kinds = await kind.locator('option').evaluateAll((options) => options.map((option) => option.value));
  expect(kinds.length).toBe(14);
  for (const [place, name] of kinds.entries()) {
    await kind.selectOption(name);
    const begins = page.getByLabel('Begins');
    if (await begins.isVisible()) await begins.selectOption('ms');
    await button(page, 'Add the fault').click();
    await expect(faults(page)).toHaveCount(place + 1);
    await expect(page.locator('#fault-error')).toHaveText('');
  }
  const known = await onbeat.faults.list();
  expect(known.map((fault) => fault.kind)).toEqual(kinds);
  await button(page, 'Delete fault 1').click();
  await expect(faults(page)).toHaveCount(kinds.length - 1);
  await button(page, 'Clear').click();
  await expect(faults(page)).toHaveCount(0);
});

test('connections are closed in each way', async ({ onbeat, page }) => {
  const ways = ['End', 'Cut', 'Reset', 'Half-close'];
  await stayAway(onbeat, '/sse', ways.length);
  await visit(page, onbeat.url);
  const sse = panel(page, '/sse');
  for (const [id, way] of ways.entries()) {
    await sse.connect.click();
    await expect(sse.counts).toContainText(`on connection ${id}`);
    await expect(sse.events).toHaveCount(id + 1);
    await button(page, `${way} connection ${id}`).click();
    await expect(sse.state).toHaveText('connecting');
    await sse.disconnect.click();
    await expect(sse.state).toHaveText('closed');
  }
});

test('an event, or raw text, is written to the response on a connection', async ({ onbeat, page }) => {
  await visit(page, onbeat.url);
  const sse = panel(page, '/sse');
  await sse.connect.click();
  await expect(sse.events).toHaveCount(1);
  const form = page.getByRole('form', { name: 'To one response' });
  const field = (name) => form.getByRole('textbox', { name });
  const write = async (fields) => {
    for (const [label, text] of Object.entries(fields)) await field(label).fill(text);
    await button(form, 'Write').click();
  };
  await write({ Text: 'two\nlines' });
  await expect(form.getByRole('status')).toHaveText('23 bytes to connection 0: written.');
  await expect(sse.events).toHaveCount(2);
  await expect(sse.events.first()).toContainText('two');
  await form.getByRole('combobox').selectOption('raw text');
  await expect(field('Event type')).toBeHidden();
  await write({ Text: 'data: three\n\n' });
  await expect(sse.events).toHaveCount(3);
  await write({ Text: '' });
  await expect(form.getByRole('alert')).toHaveText('text: expected a text that is not empty, got ""');
  await expect(field('Text')).toHaveAttribute('aria-invalid', 'true');
  await write({ Connection: '7', Text: 'x' });
  await expect(form.getByRole('alert')).toContainText('id: no connection 7 is open');
  await expect(field('Connection')).toBeFocused();
  await sse.disconnect.click();
});

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
  await visit(page, onbeat.url);
  // Until it was seen: the page asks for the clock every second, and forgets the error at the next answer.
  for (const [path, key, error] of [['clock', 'u', '#page-error'], ['clock/advance', 's', '#clock-error']]) {
    const url = `**/__onbeat/${path}`;
    await page.route(url, (route) => route.fulfill({ contentType: 'application/json', body: '{"now_ms' }));
    await page.keyboard.press(key);
    await expect(page.locator(error)).toHaveText('server: it does not answer; is it still running?');
    await page.unroute(url);
  }
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
