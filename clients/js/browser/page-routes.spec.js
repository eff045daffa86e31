// The page of a server with routes of a file.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { connect } from 'onbeat';

import { button, connections, expect, ms, panel, test, visit } from './support/page.js';

/** A routes file with these lines, beside the results of the test. */
const routesFile = async (lines) => {
  const file = test.info().outputPath('routes.toml');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `onbeat = 1\n${lines}`);
  return file;
};

const OWN = `
[[route]]
path = "/feed"
after = "last-event-id"
steps = [{ retry = 1 }, { id = "1", event = "tick", data = "one" }, { wait_ms = 1000, id = "2", data = "two" }, { open = true }]

[[route]]
path = "/news"
steps = [{ subscribe = "news" }]

[[route]]
method = "POST"
path = "/chats/*/messages"
match = { "/model" = "gpt-*", "/options/stream" = true, "header.x-key" = "k" }
steps = [{ data = "{{path}} {{body}}" }, { wait_ms = 500, event = "delta", data = "Hel" }]

[[route]]
path = "/busy"
status = 503
body = "later"

[[route]]
path = "/late"
wait_ms = 2000
status = 204

[[route]]
path = "/progress"
headers = { content-type = "application/x-ndjson" }
steps = [{ send = '{"done":1}' }, { send = "\\n" }, { wait_ms = 10, send = "half" }]

[channel.news]
history = 5

[scenario.other]
[[scenario.other.route]]
path = "/only-here"
steps = [{ open = true }]
`;

const CONDITIONS = `
[[route]]
method = "POST"
path = "/whole"
match = { "/" = { a = [1] } }
steps = [{ data = "met" }]

[[route]]
path = "/star"
match = { "query.q" = 'a\\**' }
steps = [{ data = "met" }]

[[route]]
method = "POST"
path = "/chat"
match = { "/model" = "a" }
steps = [{ data = "one" }]
`;

const BROKEN = `
[[route]]
path = "/broken"
steps = [{ retry = 1 }, { id = "1", data = "behind {{header.last-event-id}}" }, { send = "id: 2\\n" }, { open = true }]

[[route]]
path = "/plain"

[[route.response]]
steps = [{ retry = 1 }, { data = "first" }, { wait_ms = 10, end = "cut" }]

[[route.response]]
steps = [{ end = "reset" }]

[[route.response]]
steps = [{ data = "again" }, { open = true }]

[[route]]
path = "/lines"
headers = { content-type = "application/x-ndjson" }
steps = [{ send = "1\\n" }, { wait_ms = 10, end = "cut" }]
`;

test('these are listed in place of the built-in streams', async ({ page, serve }) => {
  const url = await serve({ routes: await routesFile(OWN) });
  const complaints = await visit(page, url);
  const titles = page.getByRole('article').getByRole('heading');
  const names = ['/feed', '/news', 'POST /chats/*/messages', '/busy', '/late', '/progress'];
  await expect(titles).toHaveText(names);
  await expect(page.getByRole('form', { name: 'To all who hear broadcasts' })).toBeHidden();
  await expect(page.getByLabel('Path', { exact: true })).toHaveValue('/feed');
  const offered = page.locator('#known-paths option');
  expect(await offered.evaluateAll((all) => all.map(({ value }) => value))).toEqual(['/feed', '/news', '/busy', '/late', '/progress']);

  const other = await connect(url);
  await other.route({ path: '/added', steps: [{ data: 'x' }, { open: true }] });
  await expect(titles).toHaveText(['/added', ...names]);
  await other.reset({ scenario: 'other' });
  await expect(titles).toHaveText(['/only-here', ...names]);
  expect(complaints).toEqual([]);
});

test('a stream shows every event, is dated, and comes back behind the last event', async ({ page, serve }) => {
  const url = await serve({ routes: await routesFile(OWN) });
  await visit(page, url);
  const feed = panel(page, '/feed');
  await feed.connect.click();
  await expect(feed.state).toHaveText('open');
  await expect(feed.events).toHaveText([`${ms(0)}tickid 1one`]);
  await button(page, '+1 s').click();
  await expect(feed.events).toHaveCount(2);
  await expect(feed.events.first()).toContainText(ms(1000));
  await expect(feed.events.first()).toContainText('two');
  await expect(feed.counts).toContainText('2 events, 3 writes on connection 0');
  await button(page, 'Cut connection 0').click();
  await expect(connections(page)).toHaveText([/1: GET \/feed \(this page\).*last event ID 2/]);
  await expect(feed.events).toHaveCount(2);
});

test('a request with a body is sent as the route wants it, and its answer is read as it comes', async ({ page, serve }) => {
  const url = await serve({ routes: await routesFile(OWN) });
  await visit(page, url);
  const name = 'POST /chats/*/messages';
  const article = page.getByRole('article').filter({ has: page.getByRole('heading', { name, exact: true }) });
  await expect(article.getByLabel('Body')).toHaveValue('{"model":"gpt-","options":{"stream":true}}');
  await article.getByLabel('Request path').fill('/chats/7/messages');
  const chat = panel(page, name);
  await chat.connect.click();
  await expect(chat.events).toHaveText([/\/chats\/7\/messages \{"model":"gpt-","options":\{"stream":true\}\}$/]);
  await button(page, '+1 s').click();
  await expect(chat.events).toHaveCount(2);
  // The date is that of the advance, or of the write: a page can read an event before its advance is answered, or after.
  await expect(chat.events.first()).toHaveText(/deltaHel$/);
  await expect(chat.state).toHaveText('closed');
  await expect(article).toContainText('the response has ended');
  await article.getByLabel('Body').fill('{}');
  await chat.connect.click();
  await expect(chat.events).toHaveCount(4);
  await expect(chat.events.first()).toContainText('it expects "gpt-*" at /model');
  await expect(article).toContainText('the answer was 404');
});

test('a request meets the conditions of the route that is first now', async ({ page, serve }) => {
  const url = await serve({ routes: await routesFile(CONDITIONS) });
  await visit(page, url);
  for (const name of ['POST /whole', '/star']) {
    await panel(page, name).connect.click();
    await expect(panel(page, name).events).toHaveText([/met$/]);
  }
  const name = 'POST /chat';
  const article = page.getByRole('article').filter({ has: page.getByRole('heading', { name, exact: true }) });
  await expect(article.getByLabel('Body')).toHaveValue('{"model":"a"}');
  const other = await connect(url);
  await other.route({ method: 'POST', path: '/chat', match: { '/model': 'b' }, steps: [{ data: 'other' }] });
  await expect(article.getByLabel('Body')).toHaveValue('{"model":"b"}');
  await panel(page, name).connect.click();
  await expect(panel(page, name).events).toHaveText([/other$/]);
});

test('a stream comes back behind the last event that was complete, even if it could not be reached', async ({ page, serve }) => {
  const url = await serve({ routes: await routesFile(BROKEN) });
  await visit(page, url);
  const broken = panel(page, '/broken');
  await broken.connect.click();
  await expect(broken.events).toHaveText([/id 1behind $/]);
  await button(page, 'Cut connection 0').click();
  await expect(broken.events).toHaveText([/id 1behind 1$/, /id 1behind $/]);
  const plain = panel(page, '/plain');
  await plain.connect.click();
  await expect(plain.events).toHaveText([/first$/]);
  await button(page, '+1 s').click();
  await expect(plain.events).toHaveText([/again$/, /first$/]);
  // A break ends what is no event stream: nothing is asked for again.
  const lines = panel(page, '/lines');
  await lines.connect.click();
  await expect(lines.events).toHaveText([/line1$/]);
  await button(page, '+1 s').click();
  await expect(lines.state).toHaveText('closed');
});

test('what is no event stream is read line by line', async ({ page, serve }) => {
  const url = await serve({ routes: await routesFile(OWN) });
  await visit(page, url);
  const busy = panel(page, '/busy');
  await busy.connect.click();
  await expect(busy.state).toHaveText('closed');
  await expect(busy.events).toHaveText([`${ms(0)}linelater`]);
  const progress = panel(page, '/progress');
  await progress.connect.click();
  await expect(progress.events).toHaveText([`${ms(0)}line{"done":1}`]);
  await button(page, '+1 s').click();
  await expect(progress.events).toHaveCount(2);
  await expect(progress.events.first()).toContainText('half');
});

test('a response whose head is late does not keep the others from connecting', async ({ page, serve }) => {
  const url = await serve({ routes: await routesFile(OWN) });
  await visit(page, url);
  await button(page, 'Connect all').click();
  await expect(panel(page, '/progress').events).toHaveCount(1);
  const late = panel(page, '/late');
  await expect(late.state).toHaveText('connecting');
  for (const _ of [1, 2]) await button(page, '+1 s').click();
  await expect(late.state).toHaveText('closed');
  await expect(page.getByRole('article').filter({ hasText: '/late' })).toContainText('the response has ended');
  await expect(late.events).toHaveCount(0);
});

test('an event is published to the subscribers of a channel', async ({ page, serve }) => {
  const url = await serve({ routes: await routesFile(OWN) });
  await visit(page, url);
  const news = panel(page, '/news');
  await news.connect.click();
  const form = page.getByRole('form', { name: 'To a channel' });
  await expect(form.getByRole('combobox')).toHaveText('news: 1 client');
  await page.keyboard.press('b');
  await page.keyboard.type('hello');
  await form.getByLabel('Event type').fill('headline');
  await button(form, 'Publish').click();
  await expect(form.getByRole('status')).toHaveText('Event 1 sent to 1 client of news.');
  await expect(news.events).toHaveText([/headlineid 1hello$/]);
  await expect(form.getByRole('combobox')).toHaveText('news: 1 client, 1 event kept');
});

test('a route may take the place of the page', async ({ page, serve }) => {
  const url = await serve({ routes: await routesFile('[[route]]\npath = "/"\nbody = "mine"\n') });
  await page.goto(url);
  await expect(page.getByText('mine')).toBeVisible();
  await visit(page, `${url}/__onbeat/page/`);
  await expect(page.getByRole('article').getByRole('heading')).toHaveText(['/']);
});
