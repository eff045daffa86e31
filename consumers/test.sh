#!/usr/bin/env bash
# Reads the fixtures from JavaScript and from Python, with parsers and validators that others wrote. Needs Node.js 20 and
# Python 3.9, or newer; what else it lacks it installs under consumers/js/node_modules and target/consumers-venv.
set -euo pipefail
cd "$(dirname "$0")"

need() { printf 'consumers/test.sh: %s\n' "$*" >&2; exit 2; }

node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' 2>/dev/null && command -v npm >/dev/null ||
    need "Node.js 20 or newer with npm is needed to read the fixtures from JavaScript: see https://nodejs.org"
python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' 2>/dev/null ||
    need "Python 3.9 or newer with venv is needed to read the fixtures from Python (Debian: apt install python3-venv)"

# What is installed is kept as long as the list of it is the same.
if ! cmp -s js/package-lock.json js/node_modules/installed; then
    (cd js && npm ci --loglevel=error >/dev/null)
    cp js/package-lock.json js/node_modules/installed
fi
venv=../target/consumers-venv
if ! { cmp -s python/requirements.txt "$venv/installed" && "$venv/bin/python" -c ''; } 2>/dev/null; then
    python3 -m venv --clear "$venv"
    # Built files with known sums alone: what pip would build a source with has no sum.
    "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r python/requirements.txt
    cp python/requirements.txt "$venv/installed"
fi

(cd js && npm test --silent)
(cd python && PYTHONDONTWRITEBYTECODE=1 "../$venv/bin/python" -m unittest)
