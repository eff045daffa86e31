// What the fixtures say that a page must see.

import { readFileSync } from 'node:fs';

const folder = new URL('../../../../fixtures/streams/', import.meta.url);

/** The lines of a stream, such as `/sse-data`. */
export const lines = (path) =>
  readFileSync(new URL(`${path.slice(1)}.jsonl`, folder), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));

/** Its events, as `listen` notes them. */
export const events = (path) =>
  lines(path)
    .filter(({ kind }) => kind === 'event')
    .map(({ type, data, last_event_id: lastEventId }) => ({ type, data, lastEventId }));

/** How long it is. */
export const ends_ms = (path) => lines(path).at(-1).t_ms;
