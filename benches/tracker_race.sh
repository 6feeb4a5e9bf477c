#!/usr/bin/env bash
# Our tracker beside Similari's, in one process on one core: crowds of 10 to 1000 boxes, and real sequences.
cd "$(dirname "$0")/.."
. benches/lib.sh
export CARGO_TARGET_DIR=target/race
if ! cargo build --quiet --release --locked --manifest-path benches/similari/Cargo.toml; then
  echo "SKIPPED: benches/similari cannot be built here (it needs crates.io, and a python3 that pyo3 0.18 knows)"
  exit 0
fi
pinned=()
if command -v taskset >/dev/null; then pinned=(taskset -c 0); else echo "not pinned: there is no taskset"; fi
machine
if [ -d "$shared/mot" ]; then
  "${pinned[@]}" "$CARGO_TARGET_DIR/release/tracker-race" "$shared/mot"
else
  "${pinned[@]}" "$CARGO_TARGET_DIR/release/tracker-race"
  echo "SKIPPED: real sequences; set VOKG_SHARED to the folder that holds mot/"
fi
