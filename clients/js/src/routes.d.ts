// The form of a route, as in a routes file.

import type { FaultKind } from './faults.js';

/** A route: the requests that match, and the responses to one after another, of which the last repeats. */
export type Route = Matching & (Response | { response: Response[] });

/** The requests that a route answers. */
export interface Matching {
  /** `*` is any method; GET without it, which answers HEAD as well. */
  method?: string;
  /** Begins with `/`; `*` is any characters within a segment. */
  path: string;
  /**
   * What must hold of a request: a JSON pointer into the body (`/model`), `header.NAME` or `query.NAME`, each with the
   * value. Strings are globs.
   */
  match?: Record<string, Json>;
}

/** A response: its head, and at most one of `steps`, `play` and `body`. */
export interface Head {
  /** The time before the head. */
  wait_ms?: number;
  /** 200 without it, or that of a recording. */
  status?: number;
  /** May hold placeholders. */
  headers?: Record<string, string>;
  retry_after_s?: number;
  /** Sent beside the content again and again; a comment without anything else. */
  heartbeat?: Heartbeat;
  /** How the response is altered. */
  fault?: RouteFault | RouteFault[];
}

export type Response = Head &
  (
    | { steps: Step[]; after?: 'last-event-id'; play?: never; body?: never }
    | { play: string; bytes?: number; every_ms?: number; exchange?: number; after?: 'last-event-id'; steps?: never; body?: never }
    | { body: string; steps?: never; play?: never }
    | { steps?: never; play?: never; body?: never }
  );

/** A fault of the control interface, without whom it strikes. */
export type RouteFault = FaultKind;

/** A step is one chunk, or waits, subscribes, stays open or ends. */
export type Step = { wait_ms?: number } & (
  | (Sent & { times?: number; every_ms?: number } & Without<SubscribeKey | 'open' | 'end'>)
  | ({ subscribe: string | string[]; history?: 'missed' | 'all' | 'none'; heartbeat_ms?: number; heartbeat?: Heartbeat } & Without<SentKey | 'open' | 'end'>)
  | ({ open: true } & Without<SentKey | SubscribeKey | 'end'>)
  | ({ end: 'complete' | 'cut' | 'reset' } & Without<SentKey | SubscribeKey | 'open'>)
);

type SentKey = 'event' | 'id' | 'retry' | 'comment' | 'data' | 'send' | 'send_b64' | 'times' | 'every_ms';
type SubscribeKey = 'subscribe' | 'history' | 'heartbeat_ms' | 'heartbeat';
type Without<Keys extends string> = { [Key in Keys]?: never };

/** One chunk: an event by its fields, or raw. Texts may hold placeholders, such as `{{seq}}` and `{{now}}`. */
export type Sent =
  | { event?: string; id?: string; retry?: number; comment?: string; data?: string | object; send?: never; send_b64?: never }
  | { send: string; send_b64?: never }
  | { send_b64: string; send?: never };

/** Sent again and again: every so many milliseconds, or whenever nothing else has been sent for so many. */
export type Heartbeat = { times?: number } & (
  | { every_ms: number; after_silence_ms?: never }
  | { after_silence_ms: number; every_ms?: never }
) &
  Partial<Sent>;

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A route that was added at run time. */
export interface RouteHandle {
  readonly id: number;
  /** Deletes the route. */
  delete(): Promise<unknown>;
}
