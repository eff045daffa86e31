#!/usr/bin/env bash
# Tests the examples: their modules in Node.js, and their pages in a browser. Needs Rust, Node.js 20.19, 22.12 or newer, and the
# browser that clients/js/test.sh finds or installs. Installs packages under examples/node_modules.
set -euo pipefail
cd "$(dirname "$0")"

# The browser is the machine's, never one that Playwright downloads.
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1
CHROMIUM=$(node ../clients/js/browser/support/chromium.js) || {
    printf 'examples/test.sh: expected a browser on the PATH as chromium, found none: run clients/js/test.sh first\n' >&2
    exit 2
}
export CHROMIUM

# What is installed is kept as long as the list of it is the same.
if ! cmp -s package-lock.json node_modules/installed; then
    npm ci --loglevel=error >/dev/null
    cp package-lock.json node_modules/installed
fi

ONBEAT_BIN=$(../clients/js/program.sh)
export ONBEAT_BIN

npm run --silent unit
npm run --silent browser
