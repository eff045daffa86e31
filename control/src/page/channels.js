// Channels: what is published to the clients that are subscribed.

import { ask } from './control.js';
import { attempt, byId, count, element, say } from './elements.js';

export class Channels {
  #form = byId('publishing');
  #name = this.#form.elements.name;

  /** `changed` is called when something was published. */
  constructor(changed) {
    this.#form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const { event: type, data } = this.#form.elements;
      const id = this.#name.value;
      const body = { ...(type.value !== '' && { event: type.value }), data: data.value };
      const answer = await attempt(this.#form, () => ask('publish', { id, body }));
      say(byId('published'), answer ? told(id, answer) : '');
      changed();
    });
  }

  /** Shows these. */
  show(channels) {
    this.#form.hidden = channels.length === 0;
    const names = channels.map(({ name }) => name);
    const shown = [...this.#name.options].map(({ value }) => value);
    if (names.join() !== shown.join()) {
      const chosen = this.#name.value;
      this.#name.replaceChildren(...names.map((value) => element('option', { value })));
      if (names.includes(chosen)) this.#name.value = chosen;
    }
    for (const [index, { name, subscribers, kept }] of channels.entries()) {
      const history = kept > 0 ? `, ${count(kept, 'event')} kept` : '';
      say(this.#name.options[index], `${name}: ${count(subscribers, 'client')}${history}`);
    }
  }
}

/** What became of an event. */
function told(name, { id, clients }) {
  const which = id === null ? 'Sent' : `Event ${id} sent`;
  return `${which} to ${count(clients, 'client')} of ${name}.`;
}
