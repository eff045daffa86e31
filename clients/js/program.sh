#!/usr/bin/env bash
# Builds the program, and prints its path: Cargo tells where it has put it, wherever that is.
set -euo pipefail
cd "$(dirname "$0")"
cargo build --locked --quiet --package onbeat --features cli --bin onbeat --message-format=json |
    node -e 'for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) {
        const { executable } = JSON.parse(line);
        if (executable) console.log(executable);
    }'
