#!/usr/bin/env bash
# Measures what onbeat costs a user: the CPU time of a cold build of tests with axum and tokio-test alone, and of the same with
# onbeat, in pairs. Fails if onbeat costs more than half of the time without. PAIRS sets how many pairs are measured.
set -euo pipefail
cd "$(dirname "$0")/.."
. packages/unpack.sh

folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT
# The build of a user has no settings of this repository.
unset CARGO_TARGET_DIR

# cost NAME: prints the CPU seconds of a cold build of the tests.
cost() {
    (
        cd "$folder/$1"
        rm -rf target
        TIMEFORMAT='%U %S'
        { time cargo test --offline --quiet --no-run >build.log 2>&1 || { cat build.log >&2; exit 1; }; } 2>&1
    ) | awk '{ print $1 + $2 }'
}

cargo fetch --locked --quiet
unpack "$folder"
project "$folder" without
printf 'tokio-test = "0.4"\n' >>"$folder/without/Cargo.toml"
rm "$folder/without/tests/onbeat.rs"
cat >"$folder/without/tests/alone.rs" <<'END'
#[tokio::test]
async fn a_task_is_pending() {
    let router = project::router();
    tokio_test::assert_pending!(tokio_test::task::spawn(std::future::pending::<axum::Router>()).poll(), "{router:?}");
}
END
project_with_onbeat "$folder" with ''
total_without=0 total_with=0
for pair in $(seq "${PAIRS:-1}"); do
    without=$(cost without) with=$(cost with)
    printf 'pair %s: %s s of CPU without onbeat, %s s with\n' "$pair" "$without" "$with"
    total_without=$(awk "BEGIN { print $total_without + $without }") total_with=$(awk "BEGIN { print $total_with + $with }")
done
awk "BEGIN { ratio = $total_with / $total_without; printf \"%.2f times the CPU time\n\", ratio; exit ratio > 1.5 }"
