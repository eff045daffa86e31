#!/usr/bin/env bash
# Tests the front ends, as their own teams would. Needs what clients/js/test.sh needs, which also installs a browser.
set -euo pipefail
cd "$(dirname "$0")"

CHROMIUM=$(node ../clients/js/browser/support/chromium.js) || {
    printf 'examples/test.sh: expected a browser, found none: clients/js/test.sh installs one\n' >&2
    exit 2
}
export CHROMIUM PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1

# What is installed is kept as long as the list of it is the same.
if ! cmp -s package-lock.json node_modules/installed; then
    npm ci --loglevel=error >/dev/null
    cp package-lock.json node_modules/installed
fi

ONBEAT_BIN=$(../clients/js/build-onbeat.sh)
export ONBEAT_BIN

npm run --silent unit
npm run --silent browser
