// What TypeScript makes of the package: this file is compiled and never run. Each error that must be one says so.

import { defineConfig } from '@playwright/test';
import { connect, OnbeatError, start } from 'onbeat';
import { expect, test, type OnbeatOptions } from 'onbeat/playwright';

await using onbeat = await start({ seed: 42n, epoch: new Date(0), clock: 'scaled:100', args: ['--mailbox', '8'] });
// @ts-expect-error there is no such clock
await start({ clock: 'fast' });

const now: number = await onbeat.clock.now();
const { due, held_up } = await onbeat.clock.advance({ ms: now + 1000 });
await onbeat.clock.advance({ to: 'next' });
// @ts-expect-error time has no unit but milliseconds
await onbeat.clock.advance({ s: 1 });

await onbeat.faults.add({ path: '/sse', kind: 'status', status: 503, retry_after_s: 5 });
await onbeat.faults.add({ connection: due[0].connection, kind: 'cut', from: { byte: held_up } });
// @ts-expect-error a fault is for a path or for a connection
await onbeat.faults.add({ kind: 'bom' });
// @ts-expect-error but not for both
await onbeat.faults.add({ path: '/sse', connection: 1, kind: 'bom' });
// @ts-expect-error it begins in one place
await onbeat.faults.add({ path: '/sse', kind: 'bom', from: { byte: 1, ms: 1 } });
// @ts-expect-error a split needs to know how many bytes
await onbeat.faults.add({ path: '/sse', kind: 'split' });

const [chat] = await onbeat.connected('/v1/chat/completions', { method: 'POST', count: 1, timeout_ms: 500 });
const { written } = await chat.send({ event: 'delta', id: 7, retry: 100, comment: '', data: { text: 'Hel' } });
written satisfies boolean;
await chat.send('data: half an ev');
await chat.send(new Uint8Array([0xff]));
// @ts-expect-error a field has another name
await chat.send({ type: 'delta' });
(await chat.cut()).how satisfies 'end' | 'cut' | 'reset' | 'half';
chat.last_event_id satisfies string | null;
chat.query satisfies string | null;

const handle = await onbeat.route({ method: 'POST', path: '/v1/chat/completions', steps: [{ event: 'start' }, { open: true }] });
await handle.delete();
await onbeat.route({ path: '/feed', response: [{ status: 503, retry_after_s: 1 }, { steps: [{ subscribe: 'news', heartbeat_ms: 15_000 }] }] });
await onbeat.route({ path: '/play', match: { '/stream': true, 'header.accept': '*' }, play: 'chat.jsonl', fault: { kind: 'cut', from: { write: 12 } } });
await onbeat.replaceRoutes([{ path: '/ticks', steps: [{ data: { at: '{{now}}' }, id: '{{seq}}', times: 20, every_ms: 1000, wait_ms: 5 }] }]);
// @ts-expect-error a route has a path
await onbeat.route({ steps: [] });
// @ts-expect-error a response has steps or plays
await onbeat.route({ path: '/feed', steps: [], play: 'chat.jsonl' });
// @ts-expect-error a step has no such key
await onbeat.route({ path: '/feed', steps: [{ say: 'hello' }] });
// @ts-expect-error a step does one thing: it subscribes or sends
await onbeat.route({ path: '/feed', steps: [{ subscribe: 'news', data: 'x' }] });
// @ts-expect-error it repeats only what it sends
await onbeat.route({ path: '/feed', steps: [{ every_ms: 100, open: true }] });
// @ts-expect-error heartbeats are of a subscription
await onbeat.route({ path: '/feed', steps: [{ data: 'x', heartbeat_ms: 5 }] });
await onbeat.route({ path: '/feed', steps: [{ wait_ms: 5 }, { wait_ms: 5, open: true }] });
(await onbeat.publish('news', { data: 'x' })).clients satisfies number;
await onbeat.subscribed('news', { count: 2 });
await onbeat.reset({ scenario: 'offline', seed: 7n });

for (const line of await onbeat.log()) {
  if (line.kind === 'push') line.connection satisfies number;
  if (line.kind === 'write') line.text satisfies string | undefined;
  if (line.kind === 'end') line.how satisfies 'complete' | 'closed' | 'reset' | 'cut';
}

const attached = await connect(new URL(onbeat.url), { token: 'secret' });
// @ts-expect-error who has not started a server does not stop it
await attached.stop();

try {
  await attached.close(0, 'half');
} catch (error) {
  if (error instanceof OnbeatError) [error.status, error.field, error.reason] satisfies [number, string, string];
}

export default defineConfig<{}, OnbeatOptions>({ use: { onbeatOptions: { seed: 42 } } });

test.use({ onbeatOptions: { seed: 1 } });
test('the fixture is an Onbeat', async ({ onbeat, page }) => {
  await page.goto(onbeat.url);
  expect(await onbeat.connected('/sse', { count: 2 })).toHaveLength(2);
});
