// The forms of the page: faults, writes and closes, and what the page tells when something is refused.

import { stayAway } from './support/listener.js';
import { button, expect, faults, ms, now, panel, test, visit } from './support/page.js';

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
