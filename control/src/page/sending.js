// Publishers: what is sent to every client that hears broadcasts.

import { send } from './control.js';
import { attempt, byId, count, element, say } from './elements.js';
import { publishers } from './endpoints.js';

/** Makes the form work; `changed` is called when something was sent. */
export function prepareSending(changed) {
  const form = byId('sending');
  const buttons = publishers.map(([path, label]) => element('button', { value: path, textContent: label }));
  for (const button of buttons) form.querySelector('.buttons').append(button, ' ');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    // Enter in the field presses the first button.
    const { value: path, textContent: label } = event.submitter ?? buttons[0];
    const answer = await attempt(form, () => send(path, form.elements.msg.value));
    if (answer) say(byId('sent'), told(label, answer));
    changed();
  });
}

/** What became of an event. */
function told(label, { sent, clients, removed = 0 }) {
  const of = sent === undefined ? '' : `${sent} of `;
  const gone = removed > 0 ? `, ${removed} removed` : '';
  return `${label}: sent to ${of}${count(clients, 'client')}${gone}.`;
}
