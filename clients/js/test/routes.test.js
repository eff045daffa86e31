// Routes and channels that a test adds.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { folder, started } from './support.js';

const onbeat = await started();
beforeEach(() => onbeat.reset());

const post = (path, body) =>
  fetch(onbeat.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

test('a chat that the test types, and cuts', async () => {
  await onbeat.route({ method: 'POST', path: '/v1/chat/completions', steps: [{ event: 'start' }, { open: true }] });
  const response = await post('/v1/chat/completions', { stream: true });
  const [chat] = await onbeat.connected('/v1/chat/completions', { method: 'POST' });
  await chat.send({ data: { delta: 'Hel' } });
  const reader = response.body.getReader();
  const expected = 'event: start\n\ndata: {"delta":"Hel"}\n\n';
  let text = '';
  while (text.length < expected.length) text += new TextDecoder().decode((await reader.read()).value);
  assert.equal(text, expected);
  await chat.cut();
  await assert.rejects(reader.read(), /terminated/);
});

test('routes are added, listed, replaced and deleted', async () => {
  const text = async (path) => (await fetch(onbeat.url + path)).text();
  const first = await onbeat.route({ path: '/a', body: 'first' });
  const second = await onbeat.route({ path: '/a', response: [{ body: 'second' }, { body: 'third' }] });
  assert.deepEqual([await text('/a'), await text('/a'), await text('/a')], ['second', 'third', 'third']);
  const added = (await onbeat.routes()).filter(({ origin }) => origin === 'added');
  assert.deepEqual(added.map(({ id, requests, route }) => [id, requests, route.path]), [[second.id, 3, '/a'], [first.id, 0, '/a']]);
  await second.delete();
  assert.equal(await text('/a'), 'first');
  const { ids } = await onbeat.replaceRoutes([{ path: '/b', steps: [{ data: { x: 1 } }] }]);
  assert.equal(await text('/b'), 'data: {"x":1}\n\n');
  assert.equal((await fetch(`${onbeat.url}/a`)).status, 404);
  assert.deepEqual((await onbeat.deleteRoutes()).map(({ id }) => id), ids);
  assert.equal((await fetch(`${onbeat.url}/b`)).status, 404);
});

test('a wrong route is refused by the path to its field', async () => {
  await assert.rejects(onbeat.route({ path: '/a', steps: [{ wait_ms: -1 }] }), { status: 400, field: 'route', reason: /^steps\[0\]\.wait_ms: expected a whole number/ });
  await assert.rejects(onbeat.route({ path: '/a', stepz: [] }), { status: 400, reason: /steps/ });
  for (const wrong of [undefined, null, '/a', [{ path: '/a' }]]) {
    await assert.rejects(onbeat.route(wrong), /^TypeError: expected route to get a route like \{ path/);
    await assert.rejects(onbeat.replaceRoutes([wrong]), /^TypeError: expected replaceRoutes to get a route like \{ path/);
  }
  await assert.rejects(onbeat.replaceRoutes(), /^TypeError: expected replaceRoutes to get an array of routes, got undefined/);
});

test('a test publishes when its subscribers are there', async () => {
  await onbeat.route({ path: '/feed', steps: [{ subscribe: 'news' }] });
  const responses = [fetch(`${onbeat.url}/feed`), fetch(`${onbeat.url}/feed`)];
  await onbeat.subscribed('news', { count: 2 });
  assert.equal((await onbeat.publish('news', { data: { n: 1 } })).clients, 2);
  assert.deepEqual((await onbeat.channels()).map(({ name, subscribers }) => [name, subscribers]), [['news', 2]]);
  await assert.rejects(onbeat.subscribed('news', { count: 3, timeout_ms: 20 }), {
    status: 409, field: 'channel', reason: 'expected 3 subscribed to news within 20 ms, got 2',
  });
  await assert.rejects(onbeat.subscribed('news', { n: 3 }), /got n/);
  // A route of a test makes the channels that it names, so a typo is a channel of its own.
  await onbeat.route({ path: '/typo', steps: [{ subscribe: 'nws' }] });
  await assert.rejects(onbeat.subscribed('nws', { timeout_ms: 20 }), {
    reason: 'expected 1 subscribed to nws within 20 ms, got 0; subscribed to other channels: 2 to news',
  });
  for (const response of responses) {
    const { value } = await (await response).body.getReader().read();
    assert.equal(new TextDecoder().decode(value), 'data: {"n":1}\n\n');
  }
});

test('a server has the routes of a file, and the scenario that a reset asks for', async () => {
  const file = join(folder(), 'routes.toml');
  writeFileSync(file, `
    onbeat = 1
    [[route]]
    path = "/feed"
    body = "up {{random 0 1000000 0}}"
    [[scenario.offline.route]]
    path = "/feed"
    status = 503
    retry_after_s = 1
  `);
  for (const routes of [file, pathToFileURL(file)]) {
    const own = await started({ routes });
    const ask = () => fetch(`${own.url}/feed`);
    const up = await (await ask()).text();
    assert.match(up, /^up \d+$/);
    await own.reset({ scenario: 'offline' });
    assert.equal((await ask()).status, 503);
    await own.reset({ seed: 7n });
    assert.notEqual(await (await ask()).text(), up);
    await own.reset();
    assert.equal(await (await ask()).text(), up);
    await assert.rejects(own.reset({ scenario: 'ofline' }), { status: 400, field: 'scenario' });
  }
});
