#!/usr/bin/env bash
# Everything that must hold before a change lands. Needs Rust 1.91 (https://rustup.rs), Node.js 20.19 or 22.12, and Python 3.9, or
# newer, and installs what else it lacks: cargo-nextest and cargo-deny where Cargo puts programs; packages of npm and PyPI, by
# their sums, in this folder; and, on Debian and as root, a Chromium.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '\n== %s\n' "$*" >&2; }

cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy

# tool NAME VERSION [OPTION…]: sees to it that there is a `cargo NAME`, of that version or a newer one.
tool() {
    local name=$1 version=$2
    shift 2
    is_there() { printf '%s\n' "$version" "$(cargo "$name" --version 2>/dev/null | awk 'NR == 1 { print $2 }')" | sort -C -V; }
    is_there && return
    say "installing cargo-$name $version"
    # Without optimisation, which takes longer than it saves.
    CARGO_PROFILE_DEV_DEBUG=false cargo install "cargo-$name" --version "$version" --locked --debug "$@"
    is_there && return
    printf 'test.sh: expected `cargo %s` %s or newer, found an older one before it on the PATH: %s\n' \
        "$name" "$version" "$(command -v "cargo-$name")" >&2
    exit 2
}
tool nextest 0.9.143 --no-default-features --features default-no-update
tool deny 0.20.2

say "formatting"
cargo fmt --all --check
say "lints"
cargo clippy --locked --workspace --all-features --all-targets -- -D warnings
# Each feature of the library builds alone, as in the project of a user.
for feature in default hyper-client server check simulate live; do
    cargo clippy --locked --package onbeat --features "$feature" -- -D warnings
done
say "the oldest Rust"
oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
oldest_cargo() { rustup run "$oldest" cargo "$@"; }
oldest_cargo --version >/dev/null 2>&1 || rustup toolchain install "$oldest" --profile minimal || true
if oldest_cargo --version >/dev/null 2>&1; then
    # The library of a user. For the rest, Clippy looks at what the standard library got later, and a test at the packages.
    CARGO_TARGET_DIR=target/oldest oldest_cargo check --locked --package onbeat
else
    say "there is no Rust $oldest, and none can be had: this step is left out"
fi
say "dependencies"
cargo deny --locked --all-features --log-level error check --hide-inclusion-graph bans licenses sources
say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --all-features --no-deps --document-private-items
cargo test --locked --workspace --all-features --doc
say "packages"
packages/test.sh
say "fixtures, read from JavaScript and Python"
consumers/test.sh
say "tests"
cargo nextest run --locked --workspace --all-features --profile ci
say "the client for tests, and streams in a browser"
clients/js/test.sh
say "the examples"
examples/test.sh
