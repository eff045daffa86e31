// Broadcasts and heartbeats: what is sent to every client of /sse.

import { send } from './control.js';
import { attempt, byId, count, say } from './elements.js';

const told = {
  '/broadcast-text': ({ sent, clients }) => `Broadcast: sent to ${sent} of ${count(clients, 'client')}.`,
  '/send-heartbeat': ({ clients, removed }) =>
    `Heartbeat: sent to ${count(clients, 'client')}${removed > 0 ? `, ${removed} removed` : ''}.`,
};

/** Makes the form work; `changed` is called when something was sent. */
export function prepareSending(changed) {
  const form = byId('sending');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    // Enter in the field broadcasts.
    const path = event.submitter?.value ?? '/broadcast-text';
    const answer = await attempt(form, () => send(path, form.elements.msg.value));
    if (answer) say(byId('sent'), told[path](answer));
    changed();
  });
}
