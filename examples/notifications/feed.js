// A feed of notifications: comes back by itself, misses nothing, and shows nothing twice.

/** A ping comes every 15 s: after this time without one the connection is dead. */
const SILENCE_MS = 40_000;
const REFUSED_MS = 5_000;

/**
 * Calls `onNotification` with each notification, `onPing` with the time of each ping, and `onState` with `online` or `offline`.
 * Returns a function that ends the feed.
 */
export function watch(url, { onNotification, onPing = () => {}, onState = () => {}, EventSource = globalThis.EventSource }) {
  let [source, timer, newest] = [undefined, undefined, 0];

  function open() {
    source = new EventSource(url);
    reopenAfter(SILENCE_MS);
    source.onopen = () => {
      onState('online');
      reopenAfter(SILENCE_MS);
    };
    source.onerror = () => {
      onState('offline');
      // After a lost connection an EventSource comes back by itself; after a status such as 503 it does not.
      if (source.readyState === source.CLOSED) reopenAfter(REFUSED_MS);
    };
    source.addEventListener('ping', ({ data }) => {
      onPing(data);
      reopenAfter(SILENCE_MS);
    });
    source.onmessage = ({ data, lastEventId }) => {
      reopenAfter(SILENCE_MS);
      // A new EventSource does not know the last event, and gets all that the server has kept.
      if (Number(lastEventId) <= newest) return;
      newest = Number(lastEventId);
      onNotification({ id: lastEventId, ...JSON.parse(data) });
    };
  }

  function reopenAfter(ms) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      source.close();
      open();
    }, ms);
  }

  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
