// A feed of notifications: comes back by itself, and misses nothing.

/**
 * Calls `onNotification` with each notification, and `onState` with `online`, `offline` or `refused`. Returns a function that
 * ends the feed.
 */
export function watch(url, { onNotification, onState = () => {}, EventSource = globalThis.EventSource }) {
  const source = new EventSource(url);
  source.onopen = () => onState('online');
  // After a lost connection an EventSource tries again, and after any status but 200 it does not.
  source.onerror = () => onState(source.readyState === source.CLOSED ? 'refused' : 'offline');
  source.onmessage = ({ data, lastEventId }) => onNotification({ id: lastEventId, ...JSON.parse(data) });
  return () => source.close();
}
