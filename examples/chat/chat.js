// One turn of a chat: sends the messages, shows the answer while it is written, and calls the tool that it asks for.

import { events } from './events.js';

const TOOLS = { weather: ({ city }) => `12 °C in ${city}` };

/**
 * Asks, and resolves to the whole answer. `onText` gets the answer so far, and `onTool` the name of a tool that is called.
 * Rejects where the answer breaks off, so that the user can try again.
 */
export async function ask(api, provider, messages, { onText = () => {}, onTool = () => {} } = {}) {
  const { text, call } = await answer(api, provider, messages, onText);
  if (!call) return text;
  // Only now is the input of the tool complete.
  onTool(call.tool);
  const result = TOOLS[call.tool](JSON.parse(call.input));
  return ask(api, provider, [...messages, ...provider.answered(call, result)], { onText, onTool });
}

async function answer(api, provider, messages, onText) {
  const response = await fetch(api + provider.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(provider.request(messages)),
  });
  if (!response.ok) throw new Error(`The server answers ${response.status}.`);
  let [text, call] = ['', undefined];
  for await (const event of events(response)) {
    for (const part of provider.read(event)) {
      if (part.error) throw new Error(part.error);
      if (part.done) return { text, call };
      if (part.tool) call = { ...part, input: '' };
      if (part.input) call.input += part.input;
      if (part.text) onText((text += part.text));
    }
  }
  throw new Error('The answer breaks off.');
}
