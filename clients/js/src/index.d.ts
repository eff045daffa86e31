// Times are milliseconds of the world's time, counted from its epoch. Answers have the names of /__onbeat/openapi.json.

import type { Fault, NewFault } from './faults.js';

export type { Fault, FaultKind, From, NewFault } from './faults.js';

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
  /** How time passes: only when told, unless this says otherwise. */
  clock?: 'manual' | 'real' | `scaled:${number}`;
  /** Of the random values; 0 without it. A string or a bigint can hold all 64 bits. */
  seed?: number | bigint | string;
  /** The wall-clock time at 0 ms; 2025-12-01T00:00:00Z without it, so that every run is alike. */
  epoch?: string | Date;
  /** The port on 127.0.0.1; any free one without it. */
  port?: number;
  /** What whoever asks for control must know. */
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

  /** Begins a new world: streams ended, time 0, connections counted from 0, no faults, an empty log. */
  reset(): Promise<WasReset>;

  /** The connections that have carried a request to the world, in the order of their ids. */
  connections(): Promise<Connection[]>;

  /**
   * Resolves when so many responses to a path are under way (1 without `count`), to their connections; at once, if they are.
   * Rejects after ten seconds of real time, or `timeout_ms`; fake timers do not stop it.
   */
  connected(path: string, options?: { count?: number; timeout_ms?: number }): Promise<Connection[]>;

  /** Closes a connection from the server's side: in good order, by a reset, or just its sending half. */
  close(id: number, how: How): Promise<{ id: number; how: How }>;

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

export type How = 'end' | 'reset' | 'half';

export interface Connection {
  id: number;
  request: number;
  method: string;
  path: string;
  since_ms: number;
  writes: number;
  bytes: number;
  last_event_id: string | null;
  state: 'streaming' | 'blocked' | 'stalled' | 'half-closed' | 'idle';
}

export type LogLine = { t_ms: number } & (
  | { kind: 'log'; version: 1; seed: string; epoch: string; clock: 'manual' | 'real' | 'scaled'; mailbox: number; dropped: number }
  | ({ kind: 'request'; method: string; target: string; version: string; headers: [string, string][] } & Exchange)
  | ({ kind: 'head'; status: number; headers: [string, string][] } & Exchange)
  | ({ kind: 'write'; text: string; base64?: never } & Exchange)
  | ({ kind: 'write'; base64: string; text?: never } & Exchange)
  | ({ kind: 'end'; how: 'complete' | 'closed' | 'reset' | 'cut' } & Exchange)
  | { kind: 'close'; connection: number; how: How }
  | { kind: 'fault'; id: number; fault: NewFault }
  | { kind: 'faults-deleted'; ids: number[] }
);

interface Exchange {
  connection: number;
  request: number;
}
