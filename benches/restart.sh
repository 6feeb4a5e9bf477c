#!/usr/bin/env bash
# How long after the start of the process is the first frame processed that was not before, at a store of a gigabyte?
# The run before died just before a checkpoint, so that some ten seconds of media are derived again.
cd "$(dirname "$0")/.."
. benches/lib.sh
dir=$work/restart
rm -rf "$dir"
mkdir -p "$dir"
trap 'rm -rf "$dir"' EXIT
machine
cargo bench --quiet --locked -p vokg-connectors --bench log -- --fill "$PWD/$dir/filled"
"$vokg" synth --scene street --seconds 40 --out "$dir/street.mp4" >/dev/null
# 29.6 s of 25 frames a second: the last checkpoint is at 20 s.
VOKG_CRASH_AT=frame.street:740 "$vokg" run --no-restart -q "$dir/street.mp4" --data "$dir/filled" >/dev/null 2>&1 || true
for round in 1 2 3 4 5; do
  rm -rf "$dir/round"
  cp -r "$dir/filled" "$dir/round"
  sync
  begin=$(date +%s%N)
  "$vokg" run -v "$dir/street.mp4" --data "$dir/round" 2>&1 >/dev/null | while read -r line; do
    case $line in *"goes on where its log ended"*)
      echo "round $round: $((($(date +%s%N) - begin) / 1000000)) ms to the first new frame, $(du -m "$dir/round/vokg.redb" | cut -f1) MB"
      ;;
    esac
  done
done
