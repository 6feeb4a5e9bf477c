#!/usr/bin/env bash
# What does the whole of `vokg run` cost beside plain decoding? 1080p H.264, CPU seconds.
cd "$(dirname "$0")/.."
. benches/lib.sh
clip=$work/1080p.mp4
if [ ! -s "$clip" ]; then
  "$vokg" synth --scene street --size 1920x1080 --fps 30 --seconds 30 --out "$clip"
fi
machine
python3 benches/compare.py -n "${ROUNDS:-5}" \
  gst-launch "gst-launch-1.0 -q filesrc location=$clip ! qtdemux ! h264parse ! avdec_h264 ! fakesink sync=false" \
  vokg "sh -c 'rm -rf $work/decode && $vokg run $clip --data $work/decode --json -q'"
