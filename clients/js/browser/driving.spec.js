// Streams that a test types, cuts and has resumed, as a real browser sees them.

import { CONNECTING, failed, message, opened } from './support/listener.js';
import { expect, test } from './support/test.js';

for (const origin of ['own', 'another']) {
  test.describe(`on a page of ${origin} origin`, () => {
    test.use({ origin });

    test('a feed is resumed behind the last whole event', async ({ onbeat, open }) => {
      await onbeat.route({ path: '/feed', steps: [{ retry: 1 }, { open: true }] });
      const stream = await open('/feed');
      const [first] = await onbeat.connected('/feed');
      await first.send({ id: 7, data: 'seven' });
      await first.send({ id: 8, data: { of: 'eight' } });
      await first.send('id: 9\ndata: ni');
      await stream.until('message', 2);
      await first.cut();
      await stream.until('open', 2);
      const [second, ...others] = await onbeat.connected('/feed');
      expect([second.last_event_id, others]).toEqual(['8', []]);
      await second.send({ id: 9, data: 'nine' });
      expect(await stream.until('message', 3)).toEqual([
        opened, message('seven', '7'), message('{"of":"eight"}', '8'), failed(CONNECTING), opened, message('nine', '9'),
      ]);
      await stream.close();
    });

    test('a chat is cut in the middle of a tool call, refused once, and asked for again', async ({ onbeat, page, visit }) => {
      const path = '/v1/chat/completions';
      const held = { steps: [{ data: { role: 'assistant' } }, { open: true }] };
      await onbeat.route({ method: 'POST', path, match: { '/stream': true }, response: [held, { status: 429, retry_after_s: 1 }, held] });
      await visit(page);
      const chat = await page.evaluateHandle(ask, onbeat.url + path);
      const until = (text) => chat.evaluate((chat, text) => chat.until(text), text);

      const [first] = await onbeat.connected(path, { method: 'POST' });
      await first.send({ data: { content: 'Let me look.' } });
      await first.send('data: {"tool_calls":[{"function":{"arguments":"{\\"ci');
      await until('{"role":"assistant"} {"content":"Let me look."} data: {"tool_calls":[{"function":{"arguments":"{\\"ci');
      await first.cut();
      await until('lost');

      await chat.evaluate((chat) => chat.again());
      await until('status 429');
      await chat.evaluate((chat) => chat.again());
      const [second] = await onbeat.connected(path, { method: 'POST' });
      for (const content of ['It ', 'is ', 'sunny.']) await second.send({ data: { content } });
      await second.send({ data: '[DONE]' });
      await second.end();
      await until('{"role":"assistant"} {"content":"It "} {"content":"is "} {"content":"sunny."} [DONE] end');
    });
  });
}

/**
 * Runs in the page: asks for a chat with a long history, which a browser sends in pieces, and notes what comes of each attempt
 * as a line.
 */
function ask(url) {
  const LATE_MS = 120_000;
  const body = JSON.stringify({ stream: true, messages: Array.from({ length: 200 }, (_, n) => ({ role: 'user', content: `message ${n}` })) });
  const waiting = new Set();
  let line = '';
  const note = (text) => {
    line = text;
    for (const look of waiting) look();
  };
  const until = (text) =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`expected ${text}, got ${line}`)), LATE_MS);
      const look = () => {
        if (!line.endsWith(text)) return;
        clearTimeout(late);
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  async function again() {
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    if (!response.ok) return note(`status ${response.status}`);
    let text = '';
    const shown = () => text.replaceAll(/data: (.*)\n\n/g, '$1 ').trimEnd();
    try {
      for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
        text += part;
        note(shown());
      }
      note(`${shown()} end`);
    } catch {
      note(`${shown()} lost`);
    }
  }
  again();
  // Not awaited: a test goes on while the answer comes.
  return { until, again: () => void again() };
}
