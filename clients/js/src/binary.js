// Finds the program `onbeat`.

import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

/**
 * @param {string} [binary] the option; else the variable ONBEAT_BIN, else `onbeat` on the PATH
 * @param {NodeJS.ProcessEnv} [env]
 */
export function findBinary(binary, env = process.env) {
  const [given, whence] = binary ? [binary, 'the option `binary`'] : [env.ONBEAT_BIN, 'ONBEAT_BIN'];
  if (given) {
    if (runs(resolve(given))) return resolve(given);
    throw new Error(
      `expected ${whence} to name the program onbeat, got ${given}, where there is none that may be run. ` +
        'Build it with `cargo build --release --package onbeat --features cli` in the folder of Onbeat; it is then ' +
        'target/release/onbeat.',
    );
  }
  const names = process.platform === 'win32' ? ['onbeat.exe'] : ['onbeat'];
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const found = folders.flatMap((folder) => names.map((name) => join(folder, name))).find(runs);
  if (found) return found;
  throw new Error(
    'expected the program onbeat on the PATH, found none. Install it with `cargo install --locked --path harness --features cli` ' +
      'in the folder of Onbeat, or name it by the option `binary` or the variable ONBEAT_BIN.',
  );
}

/** @param {string} path */
function runs(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
