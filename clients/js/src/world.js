// The world of a server: a reset begins another, in which the same ids stand for other connections and routes.

/** @param {(form: object) => Promise<any>} resetServer */
export function world(resetServer) {
  let resets = 0;
  return {
    /** @param {object} form */
    async reset(form) {
      // Counts before the answer: a call that is made meanwhile may reach the new world.
      resets += 1;
      try {
        return await resetServer(form);
      } catch (error) {
        resets -= 1;
        throw error;
      }
    },

    /**
     * Returns a call that is refused once the world of now has ended.
     *
     * @template {any[]} A
     * @template R
     * @param {string} of what the call is a method of
     * @param {(...args: A) => Promise<R>} call
     */
    within(of, call) {
      const own = resets;
      return async (/** @type {A} */ ...args) => {
        if (own === resets) return call(...args);
        throw new Error(`${of} was of a world that a reset has ended. Is an \`await\` missing in the test before?`);
      };
    },
  };
}
