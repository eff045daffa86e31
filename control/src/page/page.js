// The page: puts its parts together, and asks the server again when something has changed.
//
//   endpoints  control  elements        what is served, what asks, and what shows
//      │
//   event_reader  fetched  requests     any response of a route
//      │
//   streams
//      │
//   clock  panels  timeline  sending  channels  faults  connections  writing
//      │
//    page

import { Channels } from './channels.js';
import { Clock } from './clock.js';
import { Connections } from './connections.js';
import { ask, useToken } from './control.js';
import { attempt, byId, count, element, say } from './elements.js';
import { Faults } from './faults.js';
import { Panels } from './panels.js';
import { prepareSending } from './sending.js';
import { Timeline } from './timeline.js';
import { prepareWriting } from './writing.js';

/** How long events may wait until they are reflected in the lists, so that a thousand of them are one question. */
const pauseMs = 250;
/** How often the page looks by itself: a test that runs beside it moves the clock, too. */
const periodMs = 1000;

const world = {
  /** Something happened that the server can tell more about. */
  changed() {
    timer ||= setTimeout(() => {
      timer = 0;
      refresh();
    }, pauseMs);
  },
  /** A stream has opened: the server knows on which connection. */
  opened: () => refresh(),
  /** An advance was answered. */
  async advanced(due) {
    await refreshing;
    for (const stream of streams) {
      stream.advanced(due.filter(({ connection }) => connection === stream.connection));
    }
    await refresh();
    for (const stream of streams) {
      stream.settle(clock.pending.some(({ connection }) => connection === stream.connection));
    }
  },
  /** Somebody has reset the world. */
  wentBack() {
    timeline.start = 0;
    for (const stream of streams) stream.forget();
  },
  /** Time has passed on a clock that runs. */
  passed: () => timeline.draw(),
  /** A stream shows something new. */
  drawn: () => timeline.draw(),
};
const clock = new Clock(world);
world.clock = clock;
const panels = new Panels(world);
const { streams } = panels;
const timeline = new Timeline(streams, clock);
const faults = new Faults(refresh);
const channels = new Channels(world.changed);
const connections = new Connections(refresh);
let timer = 0;
let refreshing = Promise.resolve();
let isStale = false;

/** Asks for everything once more; while an answer is awaited, only once after it. */
function refresh() {
  if (isStale) return refreshing;
  isStale = true;
  refreshing = refreshing.then(async () => {
    isStale = false;
    await attempt(byId('top'), look);
  });
  return refreshing;
}

async function look() {
  const slow = setTimeout(() => say(byId('slow'), byId('slow').dataset.text), 2000);
  try {
    const [time, known, all, { routes }, told] = await observe();
    byId('token').hidden = true;
    byId('controls').hidden = false;
    if (panels.show(routes)) {
      timeline.arrange();
      faults.offer(panels.paths(routes));
    }
    channels.show(told.channels);
    const open = streams.filter((stream) => stream.isOpen);
    for (const stream of open) stream.meet(latest(all.connections, stream.path));
    clock.take(time);
    faults.show(known.faults);
    connections.show(all.connections, new Set(open.map((stream) => stream.connection)));
    timeline.draw();
  } catch (error) {
    if (error.status !== 401) throw error;
    askForToken(error);
  } finally {
    clearTimeout(slow);
    say(byId('slow'), '');
  }
}

/** The clock, the faults, the connections, the routes and the channels, asked for anew if this page has moved the clock meanwhile. */
async function observe() {
  for (;;) {
    const { moves } = clock;
    // Asks for the clock first, and alone, so that a missing token is told once.
    const time = await ask('getClock');
    const others = await Promise.all([ask('getFaults'), ask('getConnections'), ask('getRoutes'), ask('getChannels')]);
    if (clock.moves === moves) return [time, ...others];
  }
}

/** The connection on which a stream of this page is likely to come: the latest on its path. */
function latest(all, path) {
  const candidates = all.filter((one) => plain(one.path) === plain(path) && !['idle', 'half-closed'].includes(one.state));
  const [first] = candidates.sort((one, other) => other.since_ms - one.since_ms || other.id - one.id);
  return first ?? null;
}

/** The form in which the server compares paths. */
const plain = (path) => path.replace(/(.)\/$/, '$1').toLowerCase();

function askForToken(error) {
  const form = byId('token');
  const isFirst = form.hidden;
  form.hidden = false;
  byId('controls').hidden = true;
  if (!isFirst) say(byId('token-error'), `${error.field}: ${error.reason}`);
  form.elements.token.focus();
}

byId('token').addEventListener('submit', (event) => {
  event.preventDefault();
  useToken(event.target.elements.token.value);
  refresh();
});

async function reset() {
  for (const stream of streams) stream.disconnect('closed by the reset');
  const answer = await attempt(byId('clock'), () => ask('reset'));
  if (!answer) return;
  clock.moves += 1;
  world.wentBack();
  say(byId('advanced'), `A new world: ${count(answer.ended, 'stream')} ended.`);
  await refresh();
}

async function saveLog() {
  const log = await attempt(byId('clock'), () => ask('getLog'));
  if (log === undefined) return;
  const url = URL.createObjectURL(new Blob([log], { type: 'application/x-ndjson' }));
  element('a', { href: url, download: 'onbeat.jsonl' }).click();
  setTimeout(() => URL.revokeObjectURL(url), 0);
}

/** Each takes its connection before the next, so that their order, and so their values, are always the same. */
async function connectAll() {
  for (const stream of [...streams]) {
    stream.connect();
    // The head of a route may be due only when the clock is moved.
    const late = new Promise((resolve) => setTimeout(resolve, pauseMs));
    await (stream.isOwn ? Promise.race([stream.answered, late]) : stream.answered);
  }
}

byId('connect-all').addEventListener('click', connectAll);
byId('reset').addEventListener('click', reset);
byId('save-log').addEventListener('click', saveLog);
prepareSending(world.changed);
prepareWriting(refresh);

/** What a single key does, outside of a field. */
const keys = {
  n: () => clock.advance({ to: 'next' }),
  s: () => clock.advance({ ms: 1000 }),
  h: () => clock.advance({ ms: 30_000 }),
  a: () => byId('advance').elements.ms.focus(),
  b: () => (byId('sending').hidden ? byId('publishing').elements.data : byId('sending').elements.msg).focus(),
  f: () => byId('fault').elements.kind.focus(),
  u: refresh,
  R: reset,
  0: connectAll,
  ...Object.fromEntries(Array.from({ length: 9 }, (_, index) => [String(index + 1), () => streams[index]?.toggle()])),
};

document.addEventListener('keydown', (event) => {
  const isWritten = event.target.closest('input:not([type=checkbox]), select, textarea');
  if (isWritten && event.key === 'Escape') event.target.blur();
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat && !event.isComposing;
  const action = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
  if (!action || isWritten || !isPlain || !byId('with-keys').checked || byId('controls').hidden) return;
  event.preventDefault();
  action();
});

// Reads everything anew when the page is shown again.
document.addEventListener('visibilitychange', () => document.hidden || refresh());
window.addEventListener('focus', () => refresh());

setInterval(() => document.hidden || byId('controls').hidden || refresh(), periodMs);

await refresh();
timeline.start = clock.isManual ? 0 : clock.now();
