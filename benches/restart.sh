#!/usr/bin/env bash
# How long after the start of the process is the first frame processed that was not before, at a store of a gigabyte?
# The run before died 4.8 or 9.6 s behind a checkpoint, and so much media is derived again: of a 720p clip of 4 Mbit/s, and of
# one of 27, which no decoder thread reads faster than 65 frames a second.
cd "$(dirname "$0")/.."
. benches/lib.sh
dir=$(realpath "$work")/restart
rm -rf "$dir"
mkdir -p "$dir"
trap 'rm -rf "$dir"' EXIT
machine
cargo bench --quiet --locked -p vokg-connectors --bench log -- --fill "$dir/filled"
"$vokg" synth --scene street --seconds 40 --out "$dir/27-mbit.mp4" >/dev/null
gst-launch-1.0 -q filesrc location="$dir/27-mbit.mp4" ! qtdemux ! h264parse ! avdec_h264 ! \
  x264enc bitrate=4000 speed-preset=veryfast ! h264parse ! mp4mux ! filesink location="$dir/4-mbit.mp4"
for clip in 4-mbit 27-mbit; do
  # Of 25 frames a second, with checkpoints and key pictures at 10 and 20 s: in the middle between two, and just before one.
  for frame in 620 740; do
    rm -rf "$dir/killed"
    cp -r "$dir/filled" "$dir/killed"
    VOKG_CRASH_AT=frame.$clip:$frame "$vokg" run --no-restart -q "$dir/$clip.mp4" --data "$dir/killed" >/dev/null 2>&1 || true
    for round in 1 2 3; do
      rm -rf "$dir/round"
      cp -r "$dir/killed" "$dir/round"
      sync
      begin=$(date +%s%N)
      "$vokg" run -v "$dir/$clip.mp4" --data "$dir/round" 2>&1 >/dev/null | while read -r line; do
        case $line in *"goes on where its log ended"*)
          size=$(du -m "$dir/round/vokg.redb" | cut -f1)
          echo "$clip, killed at frame $frame, round $round: $((($(date +%s%N) - begin) / 1000000)) ms to the first new frame, $size MB"
          ;;
        esac
      done
    done
  done
done
