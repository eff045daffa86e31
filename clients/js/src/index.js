// Drives Onbeat from a test. In the order in which things happen:
//
//   time.js          real time, whatever a test has faked
//   binary.js        finds the program
//   process.js       runs it, and ends it with the test
//   end-with-test.js a process in between, which outlives a test that is killed, to end the server
//   start.js         all of that, from options
//   connect.js       what a test holds in its hand: the clock, the faults, and the two below
//   connections.js   the connections, and the responses that a test writes to
//   routing.js       the routes and channels that a test adds
//   world.js         refuses what belongs to a world that a reset has ended
//   chunk.js         what a test sends
//   options.js       refuses options that nobody knows
//   control.js       one request to the control interface
//   calls.js         the calls that have not been answered, and the lines of their callers
//   error.js         what a refused request throws
//   playwright.js    a fixture for Playwright
//   index.cjs        the same for `require`
//
// What the server answers is passed on as it comes, by the names that its own description has (/__onbeat/openapi.json).

export { connect } from './connect.js';
export { OnbeatError } from './error.js';
export { start } from './start.js';
