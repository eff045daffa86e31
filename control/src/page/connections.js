// Who is connected, and buttons to close them.

import { ask } from './control.js';
import { attempt, byId, count, element, milliseconds, say, showRows } from './elements.js';

/** So many connections are listed; the others are counted. */
const shownMax = 50;
const ways = [
  ['end', 'End', 'in good order, with the last chunk'],
  ['cut', 'Cut', 'in the middle, with FIN'],
  ['reset', 'Reset', 'in the middle, with RST'],
  ['half', 'Half-close', 'in the middle, on the side of the server alone'],
];

export class Connections {
  #area = byId('connections');
  #list = byId('connection-list');
  #changed;

  /** `changed` is called when a connection was closed. */
  constructor(changed) {
    this.#changed = changed;
  }

  /** Shows these; `mine` are the ids of those that this page listens on. */
  show(connections, mine) {
    const latest = connections.slice(-shownMax);
    showRows(this.#list, latest, (connection) => this.#make(connection), (row, connection) => {
      const whose = mine.has(connection.id) ? ' (this page)' : '';
      const query = connection.query === null ? '' : `?${connection.query}`;
      say(row.querySelector('.what'), `${connection.id}: ${connection.method} ${connection.path}${query}${whose}`);
      say(row.querySelector('.state'), connection.state);
      row.querySelector('.state').dataset.state = connection.state;
      const last = connection.last_event_id === null ? '' : `, last event ID ${connection.last_event_id}`;
      const written = `${count(connection.writes, 'write')}, ${count(connection.bytes, 'byte')}`;
      say(row.querySelector('.aside'), `since ${milliseconds(connection.since_ms)}: ${written}${last}`);
    });
    const left = connections.length - latest.length;
    const all = connections.length === 0 ? 'Nobody is connected.' : `${count(connections.length, 'connection')}.`;
    say(byId('connection-count'), left > 0 ? `${all} The last ${shownMax} are listed.` : all);
  }

  #make({ id }) {
    const buttons = ways.map(([how, name, manner]) => {
      const label = `${name} connection ${id}`;
      const button = element('button', { type: 'button', ariaLabel: label, title: `${label} ${manner}` }, name);
      button.addEventListener('click', async () => {
        await attempt(this.#area, () => ask('closeConnection', { id, body: { how } }));
        this.#changed();
      });
      return button;
    });
    const head = element('p', {}, element('code', { className: 'what' }), element('span', { className: 'state' }));
    const what = element('div', {}, head, element('p', { className: 'aside' }));
    return element('li', {}, what, element('div', { className: 'buttons' }, ...buttons));
  }
}
