// The module of the chat, in Node.js.

import { start } from 'onbeat';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { ask } from './chat.js';
import * as providers from './providers.js';

let onbeat;
beforeAll(async () => (onbeat = await start({ routes: new URL('routes.toml', import.meta.url) })));
beforeEach(() => onbeat.reset());
afterAll(() => onbeat.stop());

describe.each(Object.entries(providers))('%s', (_, provider) => {
  const send = (content, handlers) => ask(onbeat.url, provider, [{ role: 'user', content }], handlers);
  const second = async () => {
    await onbeat.connected(provider.path);
    await onbeat.clock.advance(1000);
  };

  test('the text grows word by word', async () => {
    const seen = [];
    const answer = send('Hi', { onText: (text) => seen.push(text) });
    await second();
    expect(await answer).toBe('Hello! How can I help?');
    expect(seen).toEqual(['Hel', 'Hello', 'Hello! How can', 'Hello! How can I help?']);
  });

  test('a tool is called once, and its result is sent', async () => {
    const tools = [];
    const answer = send('How is the weather in Oslo?', { onTool: (tool) => tools.push(tool) });
    await second();
    await expect.poll(() => tools).toEqual(['weather']);
    await second();
    expect(await answer).toBe('It is 12 °C in Oslo.');
  });

  test('an answer that breaks off is no answer', async () => {
    await onbeat.reset({ scenario: 'overloaded' });
    const failed = expect(send('Hi')).rejects.toThrow('Overloaded.');
    await second();
    await failed;
    await onbeat.reset({ scenario: 'cut' });
    const cut = expect(send('How is the weather in Oslo?')).rejects.toThrow('terminated');
    await second();
    await cut;
  });
});
