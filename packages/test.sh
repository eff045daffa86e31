#!/usr/bin/env bash
# Tests the packages as a user gets them: builds the project of a user outside of the repository, with the packages alone, runs
# the tests of the project, and counts the packages that onbeat brings.
set -euo pipefail
cd "$(dirname "$0")/.."
. packages/unpack.sh

# The most packages that onbeat may bring to a project with axum and tokio; onbeat itself is one.
BROUGHT_MAX=15

# One folder for each checkout, so that Cargo finds the build of the run before.
folder=${TMPDIR:-/tmp}/onbeat-packages-$(printf %s "$PWD" | cksum | cut -d ' ' -f 1)
trap 'rm -rf "$folder"' EXIT
# The packages of others are built as in the repository, and are taken from there.
export CARGO_TARGET_DIR=$PWD/target CARGO_PROFILE_DEV_DEBUG=line-tables-only

# packages NAME: prints the packages from which a project is built, one a line.
packages() {
    (cd "$folder/$1" && cargo tree --offline --quiet --edges normal,build,dev --prefix none) | awk '{ print $1, $2 }' | sort --unique
}

cargo fetch --locked --quiet
unpack "$folder"
project "$folder" without
project_with_onbeat "$folder" with ''
project_with_onbeat "$folder" with-all '"cli"'

brought=$(comm -13 <(packages without) <(packages with))
count=$(wc -l <<<"$brought")
if [ "$count" -gt "$BROUGHT_MAX" ]; then
    printf 'packages/test.sh: expected onbeat to bring at most %s packages to a project with axum and tokio, got %s:\n%s\n' \
        "$BROUGHT_MAX" "$count" "$brought" >&2
    exit 1
fi
(cd "$folder/with" && cargo test --offline --quiet --test onbeat)
(cd "$folder/with-all" && cargo check --offline --quiet --tests)
