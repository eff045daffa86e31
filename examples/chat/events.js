// Reads an event stream that answers a POST, which EventSource can't.

/** The events of a response, as `{ event, data }`. */
export async function* events(response) {
  let rest = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    // A chunk may end anywhere, also in the middle of an event.
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = block.split('\n').map((line) => line.match(/^(event|data): ?(.*)$/)).filter(Boolean);
      const values = (name) => fields.filter(([, known]) => known === name).map(([, , value]) => value);
      const data = values('data');
      if (data.length > 0) yield { event: values('event').at(-1) ?? 'message', data: data.join('\n') };
    }
  }
}
