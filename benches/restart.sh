#!/usr/bin/env bash
# How long after the start of the process is the first frame processed that was not before, at a store of a gigabyte?
# The run before died in the middle between two checkpoints and between two key pictures, or just before the next of both. What
# lies behind the checkpoint is derived again, and what lies before it decoded from the key picture on: of a 720p clip of
# 4 Mbit/s and one of 20 with a key picture every 10 s, and one of 27 with one every 2 s, of which one thread decodes 45 to 65
# pictures a second.
cd "$(dirname "$0")/.."
. benches/lib.sh
dir=$(realpath "$work")/restart
rm -rf "$dir"
mkdir -p "$dir"
trap 'rm -rf "$dir"' EXIT
machine
cargo bench --quiet --locked -p vokg-connectors --bench log -- --fill "$dir/filled"
"$vokg" synth --scene street --seconds 40 --out "$dir/27-mbit.mp4" >/dev/null
again() { # again OUT SETTING...: the clip encoded once more
  gst-launch-1.0 -q filesrc location="$dir/27-mbit.mp4" ! qtdemux ! h264parse ! avdec_h264 ! \
    x264enc speed-preset=veryfast key-int-max=250 "${@:2}" ! h264parse ! mp4mux ! filesink location="$dir/$1.mp4"
}
again 4-mbit bitrate=4000
again 20-mbit pass=quant quantizer=23
for clip in 4-mbit 20-mbit 27-mbit; do
  # Of 25 frames a second. A checkpoint is at every 50th, a key picture of the last clip too, of the others at every 250th.
  for frame in 625 749; do
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
