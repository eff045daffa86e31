// The fixtures hold together, for a reader who knows nothing but their folder.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { createParser } from 'eventsource-parser';

import {
  bytes, byClient, data, isEventStream, json, lines, paths, responses, schemaOf, text, transcripts, values,
} from './corpus.js';
import { check, satisfies } from './vary.js';

const SCHEMAS = ['stream', 'scene', 'requests', 'cases', 'manifest'].map((name) => `${name}.schema.json`);

let ajv;

/** What a schema has against a value. */
function faults(name, value) {
  if (!ajv) {
    // Required keys may stand beside the reference to where they are defined.
    ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true });
    for (const schema of SCHEMAS) ajv.addSchema(json(`schema/${schema}`));
  }
  const valid = ajv.getSchema(name);
  if (valid(value)) return [];
  return valid.errors.map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
}

test('there are fixtures of every kind', () => {
  for (const start of ['streams/', 'fanout/', 'requests/']) {
    assert.ok(data.some((path) => path.startsWith(start)), `nothing in ${start}`);
  }
});

for (const path of ['manifest.json', ...data]) {
  test(`${path} keeps to its schema`, () => {
    values(path).forEach((value, index) => {
      assert.deepEqual(faults(schemaOf(path), value), [], `value ${index + 1} of ${path}`);
    });
  });
}

test('the schemas refuse a key that they do not know, wherever it is', () => {
  for (const path of ['manifest.json', ...data]) {
    for (const value of values(path)) {
      for (const object of objects(value)) {
        object.unknown = 1;
        assert.notDeepEqual(faults(schemaOf(path), value), [], `${path}: ${JSON.stringify(object)}`);
        delete object.unknown;
      }
    }
  }
});

/** Every object within a value, itself included. */
function* objects(value) {
  if (value === null || typeof value !== 'object') return;
  if (!Array.isArray(value)) yield value;
  for (const inner of Object.values(value)) yield* objects(inner);
}

test('the manifest has the sum of every file', () => {
  const { files } = json('manifest.json');
  const sum = (path) => (paths.includes(path) ? createHash('sha256').update(bytes(path)).digest('hex') : 'missing');
  assert.deepEqual(Object.fromEntries(Object.keys(files).map((path) => [path, sum(path)])), files);
  assert.deepEqual(data.filter((path) => !(path in files)), [], 'files that the manifest does not name');
});

test('every case that is named exists once, and every case is named', () => {
  const ids = json('cases.json').map(({ id }) => id);
  const named = data.filter((path) => path !== 'cases.json').flatMap(values).flat()
    .flatMap((value) => value.cases ?? value.case ?? []);
  assert.deepEqual([...new Set(named)].sort(), ids.sort());
});

for (const path of transcripts) {
  test(`${path} is told in order`, () => {
    const all = lines(path);
    if (path.startsWith('fanout/')) {
      assert.equal(`fanout/${all.shift().name}.jsonl`, path, 'the scene names its file');
      assert.ok(all.every(({ kind }) => kind !== 'scene'), 'only the first line is a scene');
      notDecreasing(all.filter(({ kind }) => kind === 'request' || kind === 'leave'), 'what clients do');
    } else {
      const kinds = all.map(({ kind }) => kind);
      const where = (kind) => kinds.flatMap((other, index) => (other === kind ? [index] : []));
      assert.deepEqual(where('head'), [0], 'a head first, and no other');
      assert.deepEqual(where('end'), [all.length - 1], 'an end last, and no other');
    }
    for (const [client, seen] of byClient(path)) notDecreasing(seen, `client ${client}`);
  });

  test(`${path} dispatches its events, however it is split`, () => {
    for (const [client, seen] of byClient(path)) {
      for (const response of responses(seen)) {
        const pieces = response.writes.map(({ bytes }) => bytes);
        const events = response.writes.map(({ events }) => events);
        if (!isEventStream(response)) {
          assert.deepEqual(events.flat(), [], 'events of a response that is no event stream');
          continue;
        }
        assert.deepEqual(parse(pieces), events, `client ${client}, write by write`);
        const whole = Buffer.concat(pieces);
        for (const size of [1, 2, 3, 7, whole.length]) {
          assert.deepEqual(parse(split(whole, size)).flat(), events.flat(), `client ${client}, in pieces of ${size} bytes`);
        }
      }
    }
  });

  test(`${path} keeps to what may vary in it`, () => {
    for (const line of lines(path).filter(({ vary }) => vary)) check(line);
  });
}

test('the rules tell good values from bad', () => {
  const percent = { as: 'number', minimum: 0, maximum: 100, decimals_max: 1 };
  const fraction = { as: 'number', minimum: 0, below: 100 };
  const timed = { as: 'text-and-timestamp', text: 'at ' };
  for (const [value, rule, good] of [
    [100, percent, true], [0.1, percent, true], [100.1, percent, false], [-1, percent, false], [0.25, percent, false],
    [1e-7, percent, false], ['1', percent, false], [1e-7, fraction, true], [100, fraction, false],
    ['2025-12-01T00:00:01.000Z', { as: 'timestamp' }, true], ['2025-12-01T00:00:01Z', { as: 'timestamp' }, false],
    ['2025-02-30T00:00:01.000Z', { as: 'timestamp' }, false], ['at 2025-12-01T00:00:01.000Z', timed, true],
    ['2025-12-01T00:00:01.000Z', timed, false],
  ]) {
    assert.equal(satisfies(value, rule), good, `${JSON.stringify(value)}, ${JSON.stringify(rule)}`);
  }
});

test('the examples in README.md are lines of the fixtures', () => {
  const examples = [...text('README.md').matchAll(/^```json[l]?\n(.*?)^```$/gms)].map(([, example]) => example);
  assert.ok(examples.length > 0);
  for (const example of examples) {
    assert.ok(['manifest.json', ...data].some((path) => text(path).includes(example)), `of no file:\n${example}`);
  }
});

function notDecreasing(lines, whose) {
  lines.slice(1).forEach((line, index) => {
    assert.ok(line.t_ms >= lines[index].t_ms, `${whose}: ${line.t_ms} ms after ${lines[index].t_ms} ms`);
  });
}

/** The events that each piece of a stream makes the parser dispatch. */
function parse(pieces) {
  const decoder = new TextDecoder();
  let [events, lastEventId] = [[], ''];
  const parser = createParser({
    onEvent({ id, event, data }) {
      lastEventId = id ?? lastEventId;
      events.push({ type: event ?? 'message', data, lastEventId });
    },
  });
  return pieces.map((piece) => {
    events = [];
    parser.feed(decoder.decode(piece, { stream: true }));
    return events;
  });
}

function split(bytes, size) {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
}
