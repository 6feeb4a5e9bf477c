#!/usr/bin/env bash
# How fast is a log told to a real Kafka broker, exactly once? Starts a broker of its own. Needs Java and Maven.
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in java mvn; do
  command -v "$tool" >/dev/null || { echo "SKIPPED: $0 needs $tool"; exit 0; }
done
VOKG_SERVICES=$(mktemp -d)
export VOKG_SERVICES
trap 'scripts/services.sh stop kafka; rm -rf "$VOKG_SERVICES"' EXIT
scripts/services.sh start kafka >&2
eval "$(scripts/services.sh env)"
cargo bench --quiet -p vokg-connectors --bench kafka
