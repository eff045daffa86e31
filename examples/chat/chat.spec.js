// The chat in a browser.

import { expect, test } from '../site.js';

test.use({ onbeatOptions: { routes: new URL('routes.toml', import.meta.url) } });

// Where each provider is asked, when the first half of a tool's input has come, and what an event with text is.
const PROVIDERS = {
  openai: { path: '/v1/chat/completions', half_ms: 50, text: (content) => ({ data: { choices: [{ delta: { content } }] } }) },
  anthropic: {
    path: '/v1/messages',
    half_ms: 100,
    text: (text) => ({ event: 'content_block_delta', data: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } } }),
  },
};

const log = (page) => page.getByRole('log');
const status = (page) => page.getByRole('status');
const again = (page) => page.getByRole('button', { name: 'Try again' });

async function ask(page, question) {
  await page.getByLabel('Question').fill(question);
  await page.getByRole('button', { name: 'Ask' }).click();
}

for (const [provider, { path, half_ms, text }] of Object.entries(PROVIDERS)) {
  test.describe(provider, () => {
    test.beforeEach(({ visit }) => visit(`/chat/?provider=${provider}`));

    test('an answer appears while it is written', async ({ onbeat, page }) => {
      await ask(page, 'Hi');
      await onbeat.connected(path);
      await onbeat.clock.advance(100);
      await expect(log(page)).toHaveText(/^Hel/);
      await expect(status(page)).toHaveText('Waiting…');
      await onbeat.clock.advance(1000);
      await expect(log(page)).toHaveText('Hello! How can I help?');
      await expect(status(page)).toHaveText('Done.');
    });

    test('a tool is called when its input is complete', async ({ onbeat, page }) => {
      await ask(page, 'How is the weather in Oslo?');
      await onbeat.connected(path);
      await onbeat.clock.advance(half_ms);
      await expect(status(page)).toHaveText('Calling weather with {"city"');
      await onbeat.clock.advance(1000);
      await expect(status(page)).toHaveText('Calling weather with {"city":"Oslo"}');
      // The page sends the result of the tool, and gets the answer.
      await onbeat.connected(path);
      await onbeat.clock.advance(1000);
      await expect(log(page)).toHaveText('It is 12 °C in Oslo.');
    });

    test('an error in the middle keeps the text, and a second try brings the answer', async ({ onbeat, page }) => {
      await onbeat.reset({ scenario: 'overloaded' });
      await ask(page, 'Hi');
      await onbeat.connected(path);
      await onbeat.clock.advance(50);
      await expect(status(page)).toHaveText('Overloaded.');
      await expect(log(page)).toHaveText('Hel');
      await again(page).click();
      await onbeat.connected(path);
      await onbeat.clock.advance(1000);
      await expect(log(page)).toHaveText('Hello! How can I help?');
    });

    test('a tool is not called where its input is cut off, and a second try calls it', async ({ onbeat, page }) => {
      await onbeat.reset({ scenario: 'cut' });
      await ask(page, 'How is the weather in Oslo?');
      await onbeat.connected(path);
      await onbeat.clock.advance(half_ms);
      await expect(status(page)).toHaveText('Calling weather with {"city"');
      await onbeat.clock.advance(25);
      await expect(status(page)).toHaveText('The connection is lost.');
      const posts = (await onbeat.log()).filter(({ kind, method }) => kind === 'request' && method === 'POST');
      expect(posts).toHaveLength(1);

      await again(page).click();
      await onbeat.connected(path);
      await onbeat.clock.advance(1000);
      await expect(status(page)).toHaveText('Calling weather with {"city":"Oslo"}');
      await onbeat.connected(path);
      await onbeat.clock.advance(1000);
      await expect(log(page)).toHaveText('It is 12 °C in Oslo.');
    });

    test('a status that is no success is told, and a second try brings the answer', async ({ onbeat, page }) => {
      await onbeat.faults.add({ path, kind: 'status', status: 429, retry_after_s: 1 });
      await ask(page, 'Hi');
      await expect(status(page)).toHaveText('The server answers 429.');
      await again(page).click();
      await onbeat.connected(path);
      await onbeat.clock.advance(1000);
      await expect(log(page)).toHaveText('Hello! How can I help?');
    });

    test('the test itself can write the answer', async ({ onbeat, page }) => {
      await onbeat.route({ method: 'POST', path, steps: [{ open: true }] });
      await ask(page, 'Hi');
      const [answer] = await onbeat.connected(path);
      await answer.send(text('Good '));
      await answer.send(text('morning'));
      await expect(log(page)).toHaveText('Good morning');
      await answer.cut();
      await expect(status(page)).toHaveText('The connection is lost.');
    });
  });
}
