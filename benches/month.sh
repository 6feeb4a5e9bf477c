#!/usr/bin/env bash
# Memory and the time of a restart over a simulated month of one busy camera. Argument: the number of days.
cd "$(dirname "$0")/.."
. benches/lib.sh
machine
cargo bench --quiet --locked --bench month -- "${1:-30}"
