// Writes to the response on a connection: an event, or raw text.

import { ask } from './control.js';
import { attempt, byId, count, say } from './elements.js';

/** Makes the form work; `changed` is called when something was written. */
export function prepareWriting(changed) {
  const form = byId('writing');
  const [connection, as, text] = ['write-connection', 'write-as', 'write-text'].map(byId);
  const { event } = form.elements;
  const offer = () => {
    event.closest('label').hidden = as.value !== 'data';
    // A refusal names the field of the request, and is shown beside the input of that name.
    text.name = as.value;
  };
  as.addEventListener('change', offer);
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault();
    const type = as.value === 'data' && event.value !== '' ? { event: event.value } : {};
    const body = { ...type, [as.value]: text.value };
    const answer = await attempt(form, () => ask('writeConnection', { id: connection.value, body }));
    say(byId('written'), answer ? told(answer) : '');
    changed();
  });
  offer();
}

/** What became of a write. */
function told({ id, bytes, written }) {
  const what = `${count(bytes, 'byte')} to connection ${id}`;
  return written ? `${what}: written.` : `${what}: held back by a fault, or until its client reads or its head is due.`;
}
