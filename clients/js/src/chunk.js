// What a test sends: raw text, raw bytes, or an event by its fields.

import { check } from './options.js';

/** @import { Chunk } from './index.js' */

/**
 * The form that the control interface reads.
 *
 * @param {string} call what sends it
 * @param {Chunk} chunk
 */
export function chunkForm(call, chunk) {
  if (typeof chunk === 'string') return { text: chunk };
  // Not by instanceof: Jest has a Uint8Array of its own.
  if (ArrayBuffer.isView(chunk)) {
    return { base64: Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('base64') };
  }
  if (typeof chunk !== 'object' || chunk === null) {
    throw new TypeError(`expected ${call} to get a text, bytes, or an event like { data: 'hello' }, got ${String(chunk)}`);
  }
  check(call, chunk, ['event', 'id', 'retry', 'comment', 'data']);
  const { id, data, ...fields } = chunk;
  return {
    ...fields,
    ...(id !== undefined && { id: String(id) }),
    ...(data !== undefined && { data: dataText(data) }),
  };
}

/** Data as text: what is no text is written as JSON. @param {unknown} data */
export const dataText = (data) => (typeof data === 'string' ? data : JSON.stringify(data));
