// Loads the ES module for `require`. Jest runs tests in a context of their own, whose `require`, `process` and `Error` are
// Jest's and load no ES module; the main context's are Node's own.

const { runInThisContext } = require('node:vm');

const node = runInThisContext('process');
if (!node.features.require_module) {
  throw new Error(
    `expected Node.js 20.19, 22.12 or newer for require('onbeat'), got ${node.version}. Import it, or use a newer Node.js.`,
  );
}

module.exports = node.getBuiltinModule('node:module').createRequire(__filename)('./index.js');
