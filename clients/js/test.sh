#!/usr/bin/env bash
# Tests the client, and the streams in a real browser. Needs Rust and Node.js 20.19, 22.12 or newer; what else it lacks it installs:
# the packages under clients/js/node_modules, and, on Debian and as root, Chromium.
set -euo pipefail
cd "$(dirname "$0")"

need() { printf 'clients/js/test.sh: %s\n' "$*" >&2; exit 2; }

# The client itself needs 20.4, Vitest what can require an ES module.
node -e 'process.exit(process.features.require_module ? 0 : 1)' 2>/dev/null && command -v npm >/dev/null ||
    need "Node.js 20.19, 22.12 or newer with npm is needed to test the client: see https://nodejs.org"

# The browser is Debian's, never one that Playwright downloads. Its version cannot be named: Debian keeps the newest alone, so a
# version that was the right one is gone with the next security update. apt checks who has signed it.
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1
if ! node browser/support/chromium.js >/dev/null; then
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] ||
        need "expected a browser on the PATH as chromium, chromium-browser or google-chrome, found none: install one, or name it in CHROMIUM"
    printf 'clients/js/test.sh: installing the package chromium of Debian, as root\n' >&2
    apt-get update --quiet=2
    apt-get install --quiet=2 --yes --no-install-recommends chromium >/dev/null
fi

# What is installed is kept as long as the list of it is the same.
if ! cmp -s package-lock.json node_modules/installed; then
    npm ci --loglevel=error >/dev/null
    cp package-lock.json node_modules/installed
fi

ONBEAT_BIN=$(./program.sh)
export ONBEAT_BIN

npm run --silent types
npm run --silent test
npm run --silent browser
