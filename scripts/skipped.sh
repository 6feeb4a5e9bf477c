#!/usr/bin/env bash
# Says what the tests could not check on this machine, and why.
cd "$(dirname "$0")/.."
shared=${VOKG_SHARED:-../shared}
[ -d "$shared/clips" ] || echo "SKIPPED: real clips; set VOKG_SHARED to the folder that holds clips/"
[ -d "$shared/badclips" ] || echo "SKIPPED: the collection of bad clips; set VOKG_SHARED to the folder that holds badclips/"
[ "$(id -u)" -ne 0 ] || echo "SKIPPED: unreadable files, since root can read all"
[ "$(id -u)" -eq 0 ] || echo "SKIPPED: a disk that is full, since only root may mount one"
[ -n "${VOKG_LONG:-}" ] || echo "SKIPPED: the long forms, kills with Kafka and Neo4j attached among them; make check-long runs them"
command -v faketime >/dev/null || echo "SKIPPED: jumps of the clock, since there is no faketime"
for tool in java mvn; do
  command -v "$tool" >/dev/null || echo "SKIPPED: the real Kafka, the real Neo4j and all that reads from them, since there is no $tool"
done
command -v openssl >/dev/null || echo "SKIPPED: Kafka over TLS, since there is no openssl to make certificates with"
python=${VOKG_PYTHON:-.cache/venv/bin/python}
"$python" -c 'import confluent_kafka' 2>/dev/null ||
  echo "SKIPPED: the Python consumer of Kafka, since $python has no confluent_kafka; scripts/prepare.sh test installs it"
exit 0
