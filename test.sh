#!/usr/bin/env bash
# Everything that must hold before a change lands. Needs Rust (https://rustup.rs), Node.js 20.4 and Python 3.9 or newer, and
# installs what else it lacks.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '\n== %s\n' "$*" >&2; }

cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
if ! cargo nextest --version >/dev/null 2>&1; then
    say "installing cargo-nextest"
    cargo install cargo-nextest --locked
fi

say "formatting"
cargo fmt --all --check
say "lints"
cargo clippy --locked --workspace --all-targets -- -D warnings
say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
cargo test --locked --workspace --doc
say "fixtures, read from JavaScript and Python"
consumers/test.sh
say "tests"
cargo nextest run --locked --workspace --profile ci
say "the client for tests, and streams in a browser"
clients/js/test.sh
