// The fixtures, read from their folder alone: ../../fixtures, or the one that ONBEAT_FIXTURES names.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const folder = resolve(process.env.ONBEAT_FIXTURES || fileURLToPath(new URL('../../fixtures', import.meta.url)));

/** The paths of all files, with / between parts. */
export const paths = readdirSync(folder, { recursive: true })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => statSync(join(folder, path)).isFile())
  .sort();

/** The data that the manifest must name: all but the manifest, the schemas, the files for people, and the crate of Rust. */
export const data = paths.filter((path) => !/^(manifest\.json|README\.md|LICENSE|Cargo\.toml|lib\.rs|schema\/.*)$/.test(path));
export const transcripts = data.filter((path) => path.endsWith('.jsonl'));
export const exchanges = data.filter((path) => path.startsWith('requests/'));

export const bytes = (path) => readFileSync(join(folder, path));
export const text = (path) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes(path));
export const json = (path) => JSON.parse(text(path));

/** The lines of a jsonl file. Only LF ends one. */
export function lines(path) {
  const lines = text(path).split('\n');
  assert.equal(lines.pop(), '', `${path}: the last line is not ended`);
  return lines.map((line) => JSON.parse(line));
}

/** The JSON values in a file: its lines, or all of it. */
export const values = (path) => (path.endsWith('.jsonl') ? lines(path) : [json(path)]);

/** The name of the schema that each value of a file keeps to. */
export function schemaOf(path) {
  const byFolder = { 'streams/': 'stream', 'fanout/': 'scene', 'requests/': 'requests' };
  const found = Object.keys(byFolder).find((start) => path.startsWith(start));
  return `${found ? byFolder[found] : path.replace('.json', '')}.schema.json`;
}

/** Whatever names the cases that it checks: the lines of transcripts, and single requests. */
export const checked = () => [...transcripts, ...exchanges].flatMap(values).flat().filter(({ cases }) => cases);

/** The lines of each client, by its name; a stream has one client, without a name. */
export function byClient(path) {
  const lists = new Map();
  for (const line of lines(path)) {
    if (line.kind === 'scene') continue;
    const name = line.client ?? '';
    lists.set(name, [...(lists.get(name) ?? []), line]);
  }
  return lists;
}

/** The responses that a client got: the head, and the bytes of each write with the events that must follow it. */
export function responses(lines) {
  const responses = [];
  for (const line of lines) {
    if (line.kind === 'head') {
      responses.push({ head: line, writes: [] });
    } else if (line.kind === 'write') {
      assert.ok(responses.length > 0, 'a write before any head');
      responses.at(-1).writes.push({ bytes: Buffer.from(line.text), events: [] });
    } else if (line.kind === 'event') {
      const write = responses.at(-1)?.writes.at(-1);
      assert.ok(write, 'an event before any write');
      write.events.push({ type: line.type, data: line.data, lastEventId: line.last_event_id });
    }
  }
  return responses;
}

/** The pieces of an event stream, which are the writes, however it was framed: lines, each with the empty lines after it. */
export const pieces = (text) => text.match(/(?:[^\r\n]+(?:\r\n?|\n|$)|^)(?:\r\n?|\n)*/g).filter((piece) => piece !== '');

export const isEventStream = ({ head }) =>
  head.headers.some(([name, value]) => name === 'content-type' && value === 'text/event-stream');
