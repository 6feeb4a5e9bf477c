#!/usr/bin/env bash
# What does the whole of `vokg run` cost beside plain decoding? 1080p H.264 at 6 Mbit/s, CPU seconds.
cd "$(dirname "$0")/.."
. benches/lib.sh
clip=$work/1080p.mp4
if [ ! -s "$clip" ]; then
  "$vokg" synth --scene street --size 1920x1080 --fps 30 --seconds 20 --out "$work/1080p-raw.mp4"
  gst-launch-1.0 -q filesrc location="$work/1080p-raw.mp4" ! qtdemux ! h264parse ! avdec_h264 ! \
    x264enc bitrate=6000 speed-preset=veryfast ! h264parse ! mp4mux ! filesink location="$clip.part"
  mv "$clip.part" "$clip"
fi
machine
python3 benches/compare.py -n "${ROUNDS:-5}" \
  gst-launch "gst-launch-1.0 -q filesrc location=$clip ! qtdemux ! h264parse ! avdec_h264 ! fakesink sync=false" \
  vokg "sh -c 'rm -rf $work/decode && $vokg run $clip --data $work/decode --json -q'"
