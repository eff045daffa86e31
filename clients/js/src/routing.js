// Routes and channels that a test adds to a server that runs.

import { chunkForm, dataText } from './chunk.js';
import { answered, waitForm } from './connections.js';
import { check } from './options.js';

/** @import { Chunk, WaitOptions } from './index.js' */
/** @import { Route } from './routes.js' */
/** @import { control } from './control.js' */
/** @import { world } from './world.js' */

/**
 * @param {ReturnType<typeof control>['json']} json
 * @param {ReturnType<typeof world>['within']} within
 */
export function routes(json, within) {
  return {
    /** @param {Route} route */
    async route(route) {
      const { id } = await json('POST', 'routes', checkedForm('route', route));
      return { id, delete: within(`route ${id}`, () => json('DELETE', `routes/${id}`)) };
    },
    routes: async () => (await json('GET', 'routes')).routes,
    /** @param {Route[]} routes */
    async replaceRoutes(routes) {
      if (!Array.isArray(routes)) throw new TypeError(`expected replaceRoutes to get an array of routes, got ${shown(routes)}`);
      return json('PUT', 'routes', { routes: routes.map((route) => checkedForm('replaceRoutes', route)) });
    },
    deleteRoutes: async () => (await json('DELETE', 'routes')).routes,

    channels: async () => (await json('GET', 'channels')).channels,
    /**
     * @param {string} channel
     * @param {Chunk} event
     */
    publish: async (channel, event) => json('POST', channelPath(channel), chunkForm('publish', event)),
    /**
     * @param {string} channel
     * @param {WaitOptions} [options]
     */
    async subscribed(channel, options = {}) {
      check('subscribed', options, ['count', 'timeout_ms']);
      const form = waitForm(options);
      return json('POST', `${channelPath(channel)}/wait`, form, answered(form));
    },
  };
}

/** @param {string} channel */
const channelPath = (channel) => `channels/${encodeURIComponent(channel)}`;

/** @param {unknown} value */
const shown = (value) => JSON.stringify(value) ?? String(value);

/**
 * Throws if a route is no object.
 *
 * @param {string} call what gets it
 * @param {Route} route
 */
function checkedForm(call, route) {
  if (typeof route === 'object' && route !== null && !Array.isArray(route)) return routeForm(route);
  throw new TypeError(`expected ${call} to get a route like { path: '/feed', steps: [{ open: true }] }, got ${shown(route)}`);
}

/**
 * A route as the control interface reads it: data that is no text is written as JSON.
 *
 * @param {any} form a route, or a part of one that may hold steps
 * @returns {any}
 */
function routeForm(form) {
  const { data, steps, response, heartbeat, ...rest } = form;
  return {
    ...rest,
    ...(data !== undefined && { data: dataText(data) }),
    ...(steps !== undefined && { steps: each(steps) }),
    ...(response !== undefined && { response: each(response) }),
    ...(heartbeat !== undefined && { heartbeat: part(heartbeat) }),
  };
}

/** @param {unknown} parts What is no list is left to the server, who says what it should be. */
const each = (parts) => (Array.isArray(parts) ? parts.map(part) : parts);

/** @param {unknown} form */
const part = (form) => (typeof form === 'object' && form !== null ? routeForm(form) : form);
