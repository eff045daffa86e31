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

for (const line of await onbeat.log()) {
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
