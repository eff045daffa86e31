// The requests that a route answers, as the panel of the route offers them.

/** The routes that differ by method or path, each with the request that the first of them matches. */
export function requestsOf(routes) {
  const requests = new Map();
  for (const { route } of routes) {
    const method = !route.method || route.method === '*' ? 'GET' : route.method;
    const name = method === 'GET' ? route.path : `${method} ${route.path}`;
    if (!requests.has(name)) requests.set(name, { name, method, ...matching(route) });
  }
  return [...requests.values()];
}

/** The target, the headers and the body that meet the conditions of a route; what a glob leaves open is empty. */
function matching({ path, match = {} }) {
  const [query, headers] = [new URLSearchParams(), {}];
  let [body, json] = ['', undefined];
  for (const [part, expected] of Object.entries(match)) {
    const value = concrete(expected);
    if (part.startsWith('query.')) query.set(part.slice(6), value);
    else if (part.startsWith('header.')) headers[part.slice(7)] = value;
    else if (part === 'body') body = value;
    else if (part.startsWith('/')) json = withPointer(json, part, value);
  }
  const target = query.size === 0 ? path : `${path}?${query}`;
  return { target, headers, body: json === undefined ? body : JSON.stringify(json) };
}

/** A value that a condition takes: what a star leaves open is empty, and `\*` is the character `*`. */
function concrete(value) {
  if (typeof value === 'string') return value.replace(/\\\*|\*/g, (star) => (star === '*' ? '' : '*'));
  if (Array.isArray(value)) return value.map(concrete);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, concrete(one)]));
}

/** A JSON value with another value at a pointer; numbers of items count as names. */
function withPointer(json, pointer, value) {
  // A lone slash stands for the whole.
  if (pointer === '/') return value;
  const names = pointer.slice(1).split('/').map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  const whole = typeof json === 'object' && json !== null ? json : {};
  let inner = whole;
  for (const name of names.slice(0, -1)) inner = inner[name] ??= {};
  inner[names.at(-1)] = value;
  return whole;
}

/** The request as it is sent: with the type of its body. */
export function sent({ method, headers }, path, body) {
  if (method === 'GET' || method === 'HEAD' || body === '') return { method, path, headers };
  const type = /^\s*[[{]/.test(body) ? 'application/json' : 'text/plain';
  return { method, path, headers: { 'Content-Type': type, ...headers }, body };
}
