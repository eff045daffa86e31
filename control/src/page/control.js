// Asks the control interface, as openapi.json describes it: each operation under its operationId.

const operations = {
  getClock: ['GET', '/clock'],
  advanceClock: ['POST', '/clock/advance'],
  reset: ['POST', '/reset'],
  getConnections: ['GET', '/connections'],
  writeConnection: ['POST', '/connections/{id}/write'],
  closeConnection: ['POST', '/connections/{id}/close'],
  getFaults: ['GET', '/faults'],
  addFault: ['POST', '/faults'],
  clearFaults: ['DELETE', '/faults'],
  deleteFault: ['DELETE', '/faults/{id}'],
  getLog: ['GET', '/log'],
};

/** A request that was refused: which field is wrong, and why. */
export class Refused extends Error {
  constructor({ field, reason }, status) {
    super(`${field}: ${reason}`);
    Object.assign(this, { field, reason, status });
  }
}

// Kept in memory only: it is gone with the page.
let token = '';

/** From now on, requests bear this token. */
export function useToken(text) {
  token = text;
}

/** The answer to an operation, parsed if it is JSON; throws `Refused`. */
export async function ask(operation, { id, body } = {}) {
  const [method, template] = operations[operation];
  const headers = token === '' ? {} : { Authorization: `Bearer ${token}` };
  const init = { method, headers, cache: 'no-store' };
  if (method === 'POST') {
    headers['Content-Type'] = 'application/json';
    init.body = JSON.stringify(body ?? {});
  }
  return request(`/__onbeat${template.replace('{id}', id)}`, init);
}

/** The answer of a publisher. */
export function send(path, message) {
  const query = message === '' ? '' : `?${new URLSearchParams({ msg: message })}`;
  return request(path + query, { cache: 'no-store' });
}

async function request(url, init) {
  const { response, answer } = await exchange(url, init);
  if (response.ok) return answer;
  throw new Refused(answer.error ?? { field: 'status', reason: String(response.status) }, response.status);
}

/** A server that ends, or a fault, may leave no answer, or half of one. */
async function exchange(url, init) {
  try {
    const response = await fetch(url, init);
    const isJson = /^application\/json\b/.test(response.headers.get('Content-Type') ?? '');
    return { response, answer: isJson ? await response.json() : await response.text() };
  } catch {
    throw new Refused({ field: 'server', reason: 'it does not answer; is it still running?' }, 0);
  }
}
