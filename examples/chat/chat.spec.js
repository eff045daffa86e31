// The chat in a browser.

import { expect, test } from '../site.js';

test.use({ onbeatOptions: { routes: new URL('routes.toml', import.meta.url) } });

const PATHS = { openai: '/v1/chat/completions', anthropic: '/v1/messages' };

for (const [provider, path] of Object.entries(PATHS)) {
  test.describe(provider, () => {
    const question = (page) => page.getByLabel('Question');
    const ask = (page) => page.getByRole('button', { name: 'Ask' }).click();
    const again = (page) => page.getByRole('button', { name: 'Try again' });

    test.beforeEach(({ visit }) => visit(`/chat/?provider=${provider}`));

    test('an answer appears while it is written', async ({ onbeat, page }) => {
      await question(page).fill('Hi');
      await ask(page);
      await onbeat.connected(path);
      await expect(page.getByRole('status')).toHaveText('Waiting…');
      // Two words at least, and not the last.
      await onbeat.clock.advance(150);
      await expect(page.getByRole('log')).toHaveText(/^Hello/);
      await expect(page.getByRole('status')).toHaveText('Waiting…');
      await onbeat.clock.advance(1000);
      await expect(page.getByRole('log')).toHaveText('Hello! How can I help?');
      await expect(page.getByRole('status')).toHaveText('Done.');
    });

    test('a tool is called when its input is complete', async ({ onbeat, page }) => {
      await question(page).fill('How is the weather in Oslo?');
      await ask(page);
      await onbeat.connected(path);
      await onbeat.clock.advance(100);
      await expect(page.getByRole('status')).toHaveText('Waiting…');
      await onbeat.clock.advance(1000);
      await expect(page.getByRole('status')).toHaveText('Asking the tool weather…');
      await onbeat.connected(path);
      await onbeat.clock.advance(1000);
      await expect(page.getByRole('log')).toHaveText('It is 12 °C in Oslo.');
    });

    test('an error in the middle keeps the text, and a second try brings the answer', async ({ onbeat, page }) => {
      await onbeat.reset({ scenario: 'overloaded' });
      await question(page).fill('Hi');
      await ask(page);
      await onbeat.connected(path);
      await expect(page.getByRole('log')).toHaveText('Hel');
      await onbeat.clock.advance(50);
      await expect(page.getByRole('status')).toHaveText('Overloaded.');
      await expect(page.getByRole('log')).toHaveText('Hel');
      await again(page).click();
      await onbeat.connected(path);
      await onbeat.clock.advance(1000);
      await expect(page.getByRole('log')).toHaveText('Hello! How can I help?');
    });

    test('a tool is not called where its input is cut off, and a second try calls it', async ({ onbeat, page }) => {
      await onbeat.reset({ scenario: 'cut' });
      await question(page).fill('How is the weather in Oslo?');
      await ask(page);
      await onbeat.connected(path);
      await onbeat.clock.advance(1000);
      await expect(page.getByRole('status')).toHaveText('The connection is lost.');
      await again(page).click();
      await onbeat.connected(path);
      await onbeat.clock.advance(1000);
      await expect(page.getByRole('status')).toHaveText('Asking the tool weather…');
      await onbeat.connected(path);
      await onbeat.clock.advance(1000);
      await expect(page.getByRole('log')).toHaveText('It is 12 °C in Oslo.');
    });

    test('the test itself can write the answer', async ({ onbeat, page }) => {
      await onbeat.route({ method: 'POST', path, steps: [{ open: true }] });
      await question(page).fill('Hi');
      await ask(page);
      const [answer] = await onbeat.connected(path);
      const text = (word) =>
        provider === 'openai'
          ? { data: { choices: [{ delta: { content: word } }] } }
          : { event: 'content_block_delta', data: { delta: { type: 'text_delta', text: word } } };
      await answer.send(text('Good '));
      await answer.send(text('morning'));
      await expect(page.getByRole('log')).toHaveText('Good morning');
      await answer.cut();
      await expect(page.getByRole('status')).toHaveText('The connection is lost.');
    });
  });
}
