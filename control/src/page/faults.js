// The faults: a form that offers what openapi.json describes, and the list of those that there are.

import { ask } from './control.js';
import { attempt, byId, count, element, say, showRows } from './elements.js';

export class Faults {
  #area = byId('faults');
  #form = byId('fault');
  #list = byId('fault-list');
  #changed;
  /** How many there are, as far as is known. */
  known = 0;

  /** `changed` is called when a fault was added or deleted. */
  constructor(changed) {
    this.#changed = changed;
    this.#form.addEventListener('change', () => this.#offer());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#ask(this.#form, 'addFault', { body: this.#body() });
    });
    byId('clear-faults').addEventListener('click', () => this.#ask(this.#area, 'clearFaults'));
    this.#offer();
  }

  /** Offers these paths. */
  offer(paths) {
    byId('known-paths').replaceChildren(...paths.map((value) => element('option', { value })));
    this.#form.elements.path.value ||= paths[0] ?? '';
  }

  /** Shows these. */
  show(faults) {
    this.known = faults.length;
    showRows(this.#list, faults, (fault) => this.#make(fault), (row, fault) => {
      const fired = fault.fired > 0 ? `fired ${count(fault.fired, 'time')}` : 'not fired yet';
      const left = fault.left > 0 ? `, ${fault.left} of ${fault.times} left` : ', none left';
      say(row.querySelector('.state'), fired + left);
      row.querySelector('.state').dataset.state = fault.fired > 0 ? 'fired' : 'waiting';
    });
    say(byId('fault-count'), faults.length === 0 ? 'There are no faults.' : `${count(faults.length, 'fault')}.`);
  }

  #make(fault) {
    const button = element('button', { type: 'button', ariaLabel: `Delete fault ${fault.id}` }, 'Delete');
    button.addEventListener('click', () => this.#ask(this.#area, 'deleteFault', { id: fault.id }));
    const what = element('code', { className: 'what' }, `${fault.id}: ${described(fault)}`);
    const head = element('div', {}, element('p', {}, what), element('p', {}, element('span', { className: 'state' })));
    return element('li', {}, head, element('div', { className: 'buttons' }, button));
  }

  async #ask(area, operation, request) {
    await attempt(area, () => ask(operation, request));
    this.#changed();
  }

  /** Shows the parameters of the fault that is chosen, and no others. */
  #offer() {
    const { kind, strikes, begins } = this.#form.elements;
    for (const label of this.#form.querySelectorAll('[data-for]')) {
      const chosen = [kind.value, strikes.value];
      label.hidden = !label.dataset.for.split(' ').some((choice) => chosen.includes(choice));
    }
    const isLater = begins.value !== '' && !begins.closest('label').hidden;
    this.#form.elements.from.closest('label').hidden = !isLater;
    say(byId('begins-unit'), begins.selectedOptions[0].dataset.unit ?? '');
  }

  /** What is sent: the fields that show and are filled in. The server says what is wrong with them. */
  #body() {
    const body = {};
    for (const field of this.#form.querySelectorAll('[name]')) {
      const isLeftOut = field.closest('label').hidden || field.value === '';
      if (isLeftOut || field.name === 'strikes' || field.name === 'begins') continue;
      const number = Number(field.value);
      const isNumber = field.inputMode === 'numeric' && Number.isFinite(number);
      body[field.name] = isNumber ? number : field.value;
    }
    if (body.from !== undefined) body.from = { [this.#form.elements.begins.value]: body.from };
    return body;
  }
}

/** A fault in words. */
function described({ path, connection, kind, from, times, id, left, met, fired, ...parameters }) {
  const which = path === undefined ? `connection ${connection}` : times === 1 ? path : `${path}, ${times} times`;
  const how = Object.entries(parameters).map(([name, value]) => `, ${name} ${value}`);
  const begins = Object.entries(from ?? {}).map(([unit, value]) => (value === 0 ? '' : `, from ${unit} ${value} on`));
  // A status says it all: `status, status 503` would say it twice.
  return `${which}: ${kind}${how.join('').replace(/^, status /, ' ')}${begins.join('')}`;
}
