#!/usr/bin/env bash
# Every benchmark, one after the other. A benchmark that needs something absent says so and is skipped.
cd "$(dirname "$0")/.."
. benches/lib.sh
for bench in decode python_pipeline memory month scenes relations tracker_quality tracker_race python_trackers kafka restart; do
  echo "=== benches/$bench.sh"
  "benches/$bench.sh"
done
for bench in log neo4j resolve crowd camera granger; do
  echo "=== cargo bench --bench $bench"
  cargo bench --quiet --locked --workspace --bench "$bench"
done
