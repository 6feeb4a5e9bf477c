#!/usr/bin/env bash
# Peak memory of one 720p stream, and of each further one beside it.
cd "$(dirname "$0")/.."
. benches/lib.sh
clips=$work/memory
mkdir -p "$clips"
for n in 1 2 3 4; do
  [ -s "$clips/$n.mp4" ] || "$vokg" synth --scene street --seconds 20 --out "$clips/$n.mp4"
done
peak() { # peak N: megabytes with N streams at once
  rm -rf "$work/memory-data"
  "$vokg" run $(seq -f "$clips/%g.mp4" "$1") --set run.streams_at_once="$1" --data "$work/memory-data" --json -q |
    python3 -c 'import json,sys; print(json.load(sys.stdin)["peak_rss_bytes"] / 1e6)'
}
machine
one=$(peak 1)
four=$(peak 4)
python3 -c "print(f'one stream {$one:.0f} MB, four {$four:.0f} MB, each further one {($four - $one) / 3:.0f} MB')"
