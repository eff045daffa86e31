// What a request that the control interface refused throws.

export class OnbeatError extends Error {
  name = 'OnbeatError';

  /**
   * @param {string} request what was asked for
   * @param {number} status of the answer
   * @param {string} field what was wrong with it
   * @param {string} reason what was expected, and what came
   */
  constructor(request, status, field, reason) {
    super(`${request} was refused with ${status}: ${field}: ${reason}`);
    this.status = status;
    this.field = field;
    this.reason = reason;
  }
}
