// The fixtures hold together, for a reader who knows nothing but their folder.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { createParser } from 'eventsource-parser';

import {
  bytes, byClient, checked, data, exchanges, isEventStream, json, lines, paths, pieces, responses, schemaOf, text,
  transcripts, values,
} from './corpus.js';
import { check, satisfies } from './vary.js';

const SCHEMAS = ['stream', 'scene', 'requests', 'cases', 'manifest'].map((name) => `${name}.schema.json`);

/** The aspects that lines of each kind have, and the answers to single requests, which have no kind. */
const ASPECTS = {
  head: ['status', 'header', 'head-time', 'time'],
  write: [
    'bytes', 'presence', 'order', 'line-end', 'id', 'timestamp', 'number', 'spelling', 'count', 'time', 'period', 'framing',
  ],
  event: ['events'],
  end: ['end', 'reuse'],
  undefined: ['status', 'header', 'bytes', 'presence', 'end'],
};

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
  const named = checked().flatMap(({ cases }) => cases);
  assert.deepEqual([...new Set(named)].sort(), ids.sort());
});

test('every case checks something of what names it', () => {
  const checks = new Map(json('cases.json').map(({ id, checks }) => [id, checks]));
  for (const { kind, cases, ...rest } of checked()) {
    for (const id of cases) {
      const fitting = checks.get(id)?.filter((aspect) => ASPECTS[kind].includes(aspect));
      assert.ok(fitting?.length > 0, `${id} has nothing to check in ${JSON.stringify({ kind, ...rest })}`);
    }
  }
});

test('a case that looks at one header alone is named where that header is', () => {
  const header = new Map(json('cases.json').map(({ id, header }) => [id, header]));
  for (const { kind, cases, headers } of checked()) {
    if (kind !== 'head') continue;
    const wanted = cases.map((id) => header.get(id)).filter((name) => name !== undefined);
    assert.deepEqual(wanted.filter((wanted) => !headers.some(([name]) => name === wanted)), [], cases.join());
  }
});

test('the id of a request is unique, and begins with the name of its file', () => {
  const ids = exchanges.flatMap(json).map(({ id }) => id);
  assert.deepEqual(ids.filter((id, index) => ids.indexOf(id) !== index), []);
  for (const path of exchanges) {
    for (const { id } of json(path)) assert.ok(`requests/${id}`.startsWith(path.replace(/json$/, '')), `${path}: ${id}`);
  }
});

test('no file has a line end that is not LF', () => {
  for (const path of paths) {
    const found = /[\r\v\f\x1c-\x1e\x85\u2028\u2029]/.exec(text(path));
    assert.equal(found, null, `${path} has ${JSON.stringify(found?.[0])} at ${found?.index}`);
  }
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
      assert.deepEqual(where('request'), [0], 'a request first, and no other');
      assert.deepEqual(where('head'), [1], 'then a head, and no other');
      assert.deepEqual(where('end'), [all.length - 1], 'an end last, and no other');
      const left = all.at(-1).how === 'complete' ? [] : [all.length - 2];
      assert.deepEqual(where('leave'), left, 'before it a leave, if the stream does not end by itself');
    }
    for (const [client, seen] of byClient(path)) notDecreasing(seen, `client ${client}`);
  });

  test(`${path} dispatches its events, however it is split`, () => {
    for (const [client, seen] of byClient(path)) {
      for (const response of responses(seen)) {
        const writes = response.writes.map(({ bytes }) => bytes);
        const events = response.writes.map(({ events }) => events);
        if (!isEventStream(response)) {
          assert.deepEqual(events.flat(), [], 'events of a response that is no event stream');
          continue;
        }
        assert.deepEqual(parse(writes), events, `client ${client}, write by write`);
        const whole = Buffer.concat(writes);
        assert.deepEqual(pieces(whole.toString()), writes.map(String), `client ${client}, each piece a write`);
        for (const size of [1, 2, 3, 7, whole.length]) {
          assert.deepEqual(parse(split(whole, size)).flat(), events.flat(), `client ${client}, in pieces of ${size} bytes`);
        }
      }
    }
  });

  test(`${path} keeps to what may vary in it`, () => {
    for (const { text, vary } of lines(path).filter(({ vary }) => vary)) check(text, vary);
  });
}

test('the answers to requests keep to what may vary in them', () => {
  for (const { response } of exchanges.flatMap(json)) {
    if (response.vary) check(response.body, response.vary);
  }
});

test('pieces are lines with the empty lines after them, whatever ends a line', () => {
  for (const [text, expected] of [
    ['event: a\ndata: b\n\n:\n\n', ['event: a\n', 'data: b\n\n', ':\n\n']],
    ['event: a\r\ndata: b\r\n\r\n', ['event: a\r\n', 'data: b\r\n\r\n']],
    ['event: a\rdata: b\r\r', ['event: a\r', 'data: b\r\r']],
    ['\n\ndata: x', ['\n\n', 'data: x']],
    ['', []],
  ]) {
    assert.deepEqual(pieces(text), expected);
  }
});

test('the rules tell good values from bad', () => {
  const percent = { as: 'number', minimum: 0, maximum: 100, decimals_max: 1 };
  const fraction = { as: 'number', minimum: 0, below: 100 };
  const timed = { as: 'text-and-timestamp', text: 'at ' };
  const count = { as: 'count' };
  for (const [value, rule, good] of [
    [100, percent, true], [0.1, percent, true], [100.1, percent, false], [-1, percent, false], [0.25, percent, false],
    [1e-7, percent, false], ['1', percent, false], [1e-7, fraction, true], [100, fraction, false],
    ['2025-12-01T00:00:01.000Z', { as: 'timestamp' }, true], ['2025-12-01T00:00:01Z', { as: 'timestamp' }, false],
    ['2025-02-30T00:00:01.000Z', { as: 'timestamp' }, false], ['at 2025-12-01T00:00:01.000Z', timed, true],
    ['2025-12-01T00:00:01.000Z', timed, false], [0, count, true], [12, count, true], [-1, count, false],
    [0.5, count, false], ['1', count, false], [1, { as: 'removals' }, true],
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
