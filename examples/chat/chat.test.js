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
  const passed = async () => {
    await onbeat.connected(provider.path);
    await onbeat.clock.advance(1000);
  };

  test('the text grows word by word', async () => {
    const seen = [];
    const answer = send('Hi', { onText: (text) => seen.push(text) });
    await passed();
    expect(await answer).toBe('Hello! How can I help?');
    expect(seen).toEqual(['Hel', 'Hello', 'Hello! How can', 'Hello! How can I help?']);
  });

  test('a tool is called with the whole input, and its result is sent', async () => {
    const inputs = [];
    const answer = send('How is the weather in Oslo?', { onCall: ({ input }) => inputs.push(input) });
    await passed();
    // The second request, with the result.
    await passed();
    expect(await answer).toBe('It is 12 °C in Oslo.');
    expect(inputs).toEqual(['{"city"', '{"city":"Oslo"}']);
  });

  test('an answer that ends too early is no answer', async () => {
    await onbeat.faults.add({ path: provider.path, kind: 'end', from: { write: 3 } });
    const failed = expect(send('Hi')).rejects.toThrow('The answer breaks off.');
    await passed();
    await failed;
  });

  test('an answer with an error, or that is cut off, is no answer', async () => {
    await onbeat.reset({ scenario: 'overloaded' });
    const failed = expect(send('Hi')).rejects.toThrow('Overloaded.');
    await passed();
    await failed;
    await onbeat.reset({ scenario: 'cut' });
    const cut = expect(send('How is the weather in Oslo?')).rejects.toThrow('terminated');
    await passed();
    await cut;
  });
});
