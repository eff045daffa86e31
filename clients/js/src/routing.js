// Routes and channels that a test adds to a server that runs.

import { chunkForm, dataText } from './chunk.js';
import { answered, waitForm } from './connections.js';
import { check } from './options.js';

/** @import { Chunk, WaitOptions } from './index.js' */
/** @import { Route } from './routes.js' */
/** @import { control } from './control.js' */

/** @param {ReturnType<typeof control>['json']} json */
export function routes(json) {
  return {
    /** @param {Route} route */
    async route(route) {
      const { id } = await json('POST', 'routes', routeForm(route));
      return { id, delete: () => json('DELETE', `routes/${id}`) };
    },
    routes: async () => (await json('GET', 'routes')).routes,
    /** @param {Route[]} routes */
    replaceRoutes: (routes) => json('PUT', 'routes', { routes: routes.map(routeForm) }),
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
