// An import that reports its progress.

/** Runs an import. Calls `onProgress` with `{ done, of }`; rejects where the import fails, or breaks off. */
export async function run(api, onProgress) {
  const response = await fetch(`${api}/imports`, { method: 'POST' });
  if (!response.ok) throw new Error(`The server answers ${response.status}.`);
  let last;
  for await (const line of lines(response)) {
    // An empty line is a heartbeat.
    if (line === '') continue;
    const { error, ...progress } = JSON.parse(line);
    if (error) throw new Error(error);
    onProgress((last = progress));
  }
  if (last?.done !== last?.of) throw new Error('The import breaks off.');
}

/** The lines of a response. A chunk may end anywhere, also in the middle of a line. */
async function* lines(response) {
  let rest = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const complete = (rest + text).split('\n');
    rest = complete.pop();
    yield* complete;
  }
}
