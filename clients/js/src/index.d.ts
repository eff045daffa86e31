// Times are milliseconds of the world's time, counted from its epoch. Answers have the names of /__onbeat/openapi.json.

import type { Fault, NewFault } from './faults.js';
import type { Route, RouteHandle } from './routes.js';

export type { Fault, FaultKind, From, NewFault } from './faults.js';
export type { Heartbeat, Response, Route, RouteHandle, Step } from './routes.js';

/** Starts `onbeat serve` on a free port of this machine, and resolves when it answers. */
export function start(options?: StartOptions): Promise<StartedOnbeat>;

/**
 * Attaches to a server that runs already, with `--clock manual` or `--control`. Rejects if it has not answered after ten
 * seconds of real time, or `timeout_ms`.
 */
export function connect(url: string | URL, options?: { token?: string; timeout_ms?: number }): Promise<Onbeat>;

export interface StartOptions {
  /** The program; else what the variable ONBEAT_BIN names, else `onbeat` on the PATH. */
  binary?: string;
  /** A file with routes to serve in place of the built-in streams; a relative path counts from the folder of the process. */
  routes?: string | URL;
  /** How time passes: only when told, unless this says otherwise. */
  clock?: 'manual' | 'real' | `scaled:${number}`;
  /** Of the random values; 0 without it. A string or a bigint can hold all 64 bits. */
  seed?: number | bigint | string;
  /** The wall-clock time at 0 ms; 2025-12-01T00:00:00Z without it, so that every run is alike. */
  epoch?: string | Date;
  /** The port on 127.0.0.1; any free one without it. */
  port?: number;
  /** The token that every control request must have. */
  token?: string;
  /** Further arguments of `onbeat serve`, such as `['--control-origin', 'http://localhost:5173']`. */
  args?: string[];
  /** More environment, such as `{ RUST_LOG: 'debug' }`. */
  env?: Record<string, string>;
  /** How long the server may take to listen, in milliseconds of real time; 30 seconds without it. */
  timeout_ms?: number;
}

export interface Onbeat {
  /** Where the streams are, without a slash at the end. */
  readonly url: string;
  readonly clock: ManualClock;
  readonly faults: FaultList;

  /**
   * Begins a new world: streams ended, time 0, connections counted from 0, no faults, an empty log, no routes but those of the
   * file. With a `scenario`, its routes come first; a `seed` is that of the new world.
   */
  reset(options?: ResetOptions): Promise<WasReset>;

  /** Adds a route, which comes before all others. */
  route(route: Route): Promise<RouteHandle>;
  /** All routes, in the order in which they are tried. */
  routes(): Promise<ListedRoute[]>;
  /** Puts these in the place of the routes that were added. */
  replaceRoutes(routes: Route[]): Promise<{ ids: number[] }>;
  /** Deletes the routes that were added, and resolves to these. */
  deleteRoutes(): Promise<ListedRoute[]>;

  /** Sends an event to the subscribers of a channel. */
  publish(channel: string, event: Chunk): Promise<Published>;
  /** The channels, and how many subscribers each has. */
  channels(): Promise<Channel[]>;
  /** Resolves when a channel has so many subscribers, 1 without `count`; otherwise like `connected`. */
  subscribed(channel: string, options?: WaitOptions): Promise<Channel>;

  /** The open connections that have carried a request to the world, in the order of their ids. A closed one is in the log alone. */
  connections(): Promise<Connection[]>;

  /**
   * Resolves when so many responses to a path are under way (1 without `count`), to their connections, the oldest request first;
   * at once, if they are. With a `method`, only those to such requests; with a query, as in `/room?id=b`, only those to requests
   * with the same parameters, in any order. Rejects after ten seconds of real time, or
   * `timeout_ms`, of at most ten minutes; fake timers do not stop it.
   */
  connected(path: string, options?: WaitOptions & { method?: string }): Promise<Connection[]>;

  /** Closes a connection from the server's side: in good order, in the middle, by a reset, or just its sending half. */
  close(id: number, how: How): Promise<Closed>;

  /** What has happened since the start or the last reset. */
  log(): Promise<LogLine[]>;

  /** The same as text: a file for `onbeat replay --log FILE`. */
  logText(): Promise<string>;
}

export interface StartedOnbeat extends Onbeat, AsyncDisposable {
  /** Ends the server, and resolves when it has ended. */
  stop(): Promise<void>;
}

export interface ManualClock {
  /** The time. */
  now(): Promise<number>;
  /** The time, the epoch, and what is waited for. */
  read(): Promise<Clock>;
  /** Lets time pass, and resolves when every write that fell due has been handed to its socket. */
  advance(by: number | { ms: number } | { to: 'next' }): Promise<Advanced>;
  /** Lets time pass to the next timer. */
  next(): Promise<Advanced>;
}

export interface FaultList {
  add(fault: NewFault): Promise<Fault>;
  list(): Promise<Fault[]>;
  remove(id: number): Promise<Fault>;
  /** Deletes all, and resolves to what was deleted. */
  clear(): Promise<Fault[]>;
}

/** A request that the control interface refused; nothing has changed. */
export class OnbeatError extends Error {
  readonly name: 'OnbeatError';
  constructor(request: string, status: number, field: string, reason: string);
  /** Of the answer: 400 for a wrong value, 401 for a wrong token, 404 for an unknown id, 409 for what is not possible as things are. */
  readonly status: number;
  /** What is wrong, such as `ms` or `from.byte`. */
  readonly field: string;
  /** What was expected, and what came. */
  readonly reason: string;
}

export interface Clock {
  now_ms: number;
  now: string;
  epoch: string;
  kind: 'manual' | 'real' | 'scaled';
  speed: number | null;
  timers: { count: number; next_ms: number | null; pending: Timer[] } | null;
}

export interface Timer {
  connection: number;
  request: number;
  path: string;
  due_ms: number;
}

export interface Advanced {
  now_ms: number;
  now: string;
  advanced_ms: number;
  /** The first thousand of what fell due, in the order in which it was written. */
  due: (Timer & { writes: number; held_up: boolean })[];
  due_count: number;
  writes: number;
  /** How many connections have not taken all that was due, since their clients do not read. */
  held_up: number;
}

export interface WasReset {
  now_ms: 0;
  now: string;
  ended: number;
}

export interface ResetOptions {
  scenario?: string;
  /** A string or a bigint can hold all 64 bits. */
  seed?: number | bigint | string;
}

export interface WaitOptions {
  count?: number;
  timeout_ms?: number;
}

export type How = 'end' | 'cut' | 'reset' | 'half';

/** What is sent as one chunk: a text or bytes, as they are, or an event, which ends with a blank line. */
export type Chunk = string | Uint8Array | EventFields;

export interface EventFields {
  event?: string;
  id?: string | number;
  /** The reconnection time in milliseconds. */
  retry?: number;
  comment?: string;
  /** A field for each line; what is no text is written as JSON. */
  data?: unknown;
}

/**
 * A connection, and the response that it carries, or carried last. The methods are of that response: once the connection
 * carries another, they are refused.
 */
export interface Connection extends ConnectionState {
  /** Writes to the response, and resolves when the bytes have been handed to the socket. */
  send(chunk: Chunk): Promise<Written>;
  /** Ends the response in good order, and then the connection. */
  end(): Promise<Closed>;
  /** Closes the connection in the middle of the response, behind what was sent. */
  cut(): Promise<Closed>;
  /** Resets the connection (RST): what was sent and has not been read may be lost. */
  reset(): Promise<Closed>;
}

export interface Closed {
  id: number;
  how: How;
}

export interface Written {
  id: number;
  request: number;
  /** How many, before any fault. */
  bytes: number;
  /** Whether they are on the socket: not yet, if the client does not read, the head is not due, or a fault holds them back. */
  written: boolean;
}

export interface Published {
  id: string | null;
  clients: number;
}

export interface Channel {
  name: string;
  subscribers: number;
  /** How many were published. */
  events: number;
  /** How many are kept for later subscribers. */
  kept: number;
}

/** A route of the server, and how many requests it has answered. */
export interface ListedRoute {
  id: number;
  origin: 'added' | 'scenario' | 'file';
  requests: number;
  route: Route;
}

export interface ConnectionState {
  id: number;
  request: number;
  method: string;
  path: string;
  /** As sent, but for secrets, which the log leaves out, too; null without a question mark. */
  query: string | null;
  since_ms: number;
  writes: number;
  bytes: number;
  last_event_id: string | null;
  state: 'streaming' | 'blocked' | 'stalled' | 'half-closed' | 'idle';
}

export type LogLine = { t_ms: number } & (
  | ({ kind: 'log'; version: 1; seed: string; epoch: string; clock: 'manual' | 'real' | 'scaled'; mailbox: number; dropped: number } & WorldRoutes)
  | ({ kind: 'request'; method: string; target: string; version: string; headers: [string, string][]; body?: LoggedBody } & Exchange)
  | ({ kind: 'head'; status: number; headers: [string, string][] } & Exchange)
  | ({ kind: 'write'; text: string; base64?: never } & Exchange)
  | ({ kind: 'write'; base64: string; text?: never } & Exchange)
  | ({ kind: 'end'; how: 'complete' | 'closed' | 'reset' | 'cut' } & Exchange)
  | { kind: 'push'; connection: number; text: string; base64?: never }
  | { kind: 'push'; connection: number; base64: string; text?: never }
  | { kind: 'close'; connection: number; how: How }
  | { kind: 'route'; id: number; route: Record<string, unknown> }
  | { kind: 'routes-deleted'; ids: number[] }
  | { kind: 'publish'; channel: string; id?: string; chunk: LoggedBody }
  | { kind: 'fault'; id: number; fault: NewFault }
  | { kind: 'faults-deleted'; ids: number[] }
);

interface Exchange {
  connection: number;
  request: number;
}

/** Bytes in the log: as text, or in base64 where they are not UTF-8. `cut` says that only the beginning is there. */
export type LoggedBody = { cut?: true } & ({ text: string; base64?: never } | { base64: string; text?: never });

/** The routes file of the server, and the scenario of the world, where there are such. */
interface WorldRoutes {
  routes?: string;
  scenario?: string;
}
