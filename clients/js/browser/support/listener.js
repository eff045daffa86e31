// An EventSource in a page, and all that is dispatched on it.

const TYPES = ['open', 'message', 'status', 'alert', 'heartbeat', 'broadcast', 'error'];

/**
 * @param {import('@playwright/test').Page} page
 * @param {string} url
 */
export async function listen(page, url) {
  const inPage = await page.evaluateHandle(observe, { url, types: TYPES });
  return {
    /**
     * Resolves when so many events of a type have been seen, to all up to the last of them: nothing that came by the time of
     * asking, such as a reconnection, is among it.
     */
    until: (type, times = 1) => inPage.evaluate(({ until }, [type, times]) => until(type, times), [type, times]),
    /** All that has been seen. */
    seen: () => inPage.evaluate(({ seen }) => seen),
    /** Milliseconds of the browser's own clock between two of what has been seen, by their places. */
    between: (from, to) => inPage.evaluate(({ at }, [from, to]) => at[to] - at[from], [from, to]),
    close: () => inPage.evaluate(({ source }) => source.close()),
    readyState: () => inPage.evaluate(({ source }) => source.readyState),
  };
}

export const [CONNECTING, OPEN, CLOSED] = [0, 1, 2];

/**
 * Keeps browsers from connecting again to a path for as long as a test takes: the three seconds of a browser are soon over
 * on a machine that is busy. Needs a write of the stream, and an event that was seen after it.
 */
export const stayAway = (onbeat, path, times = 1) =>
  onbeat.faults.add({ path, kind: 'retry', retry_ms: 3_600_000, times });

/** What has no data: `open` and `error`, with the state of the source at that moment. */
export const opened = { type: 'open', readyState: OPEN };
export const failed = (readyState) => ({ type: 'error', readyState });
export const event = (type, data, lastEventId = '') => ({ type, data, lastEventId });
export const message = (data, lastEventId) => event('message', data, lastEventId);

/** Runs in the page. What does not come within two minutes is given up, so that the test shows what came instead. */
function observe({ url, types }) {
  const LATE_MS = 120_000;
  const source = new EventSource(url);
  const [seen, at, waiting] = [[], [], new Set()];
  for (const type of types) {
    source.addEventListener(type, (event) => {
      at.push(performance.now());
      const { data, lastEventId } = event;
      seen.push(event instanceof MessageEvent ? { type, data, lastEventId } : { type, readyState: source.readyState });
      for (const look of waiting) look();
    });
  }
  const until = (type, times) =>
    new Promise((resolve) => {
      const look = () => {
        const places = [...seen.keys()].filter((place) => seen[place].type === type);
        if (places.length < times) return;
        clearTimeout(late);
        waiting.delete(look);
        resolve(seen.slice(0, places[times - 1] + 1));
      };
      const late = setTimeout(() => resolve(seen), LATE_MS);
      waiting.add(look);
      look();
    });
  return { source, seen, at, until };
}
