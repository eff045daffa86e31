// The panels: the built-in streams, and the routes that the server tells of.

import { byId } from './elements.js';
import * as endpoints from './endpoints.js';
import { requestsOf } from './requests.js';
import { Stream } from './streams.js';

export class Panels {
  #world;
  /** The streams that have a panel, in order. The list itself stays the same. */
  streams = [];
  #shown = '';

  constructor(world) {
    this.#world = world;
    for (const path of endpoints.streams) this.streams.push(new Stream({ name: path }, world));
    byId('sending').hidden = endpoints.publishers.length === 0;
  }

  /** Shows a panel for each route, and none for a route that is gone. Returns whether the panels are others now. */
  show(routes) {
    const requests = requestsOf(routes);
    const shown = JSON.stringify(requests);
    if (shown === this.#shown) return false;
    this.#shown = shown;
    const known = new Map(this.streams.filter(({ isOwn }) => isOwn).map((stream) => [stream.name, stream]));
    const own = requests.map((request) => known.get(request.name) ?? new Stream(request, this.#world));
    for (const [index, stream] of own.entries()) stream.takeOver(requests[index]);
    const kept = this.streams.filter((stream) => !stream.isOwn || own.includes(stream));
    for (const stream of this.streams.filter((stream) => !kept.includes(stream))) stream.remove();
    this.streams.splice(0, Infinity, ...this.streams.filter(({ isOwn }) => !isOwn), ...own);
    for (const stream of own) stream.place();
    return true;
  }

  /** The paths by which a fault can strike. */
  paths(routes) {
    const own = routes.map(({ route }) => route.path).filter((path) => !path.includes('*'));
    return [...new Set([...endpoints.streams, ...endpoints.publishers.map(([path]) => path), ...own])];
  }
}
