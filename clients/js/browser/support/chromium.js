// Finds a browser: CHROMIUM names it, or it is on the PATH. Run by itself, this prints the path or fails.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

function runs(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The path of a browser, or undefined, which stands for Playwright's own. */
export function findChromium({ CHROMIUM, PATH = '' } = process.env) {
  if (CHROMIUM) return CHROMIUM;
  return NAMES.flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name))).find(runs);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = findChromium();
  if (path) console.log(path);
  else process.exitCode = 1;
}
