#!/usr/bin/env bash
# Frames a second, CPU and memory beside a single-process Python pipeline (OpenCV MOG2, ByteTrack, networkx).
cd "$(dirname "$0")/.."
. benches/lib.sh
need_clips
baseline=$shared/eval/baseline_pipeline.py
venv=$work/venv
if ! "$venv/bin/python" -c 'import cv2, supervision, trackers, networkx, imageio_ffmpeg' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check opencv-python-headless supervision trackers networkx imageio-ffmpeg
fi
machine
for clip in 01_dog bedroom car-detection; do
  case $clip in 01_dog) times=7 ;; bedroom) times=10 ;; *) times=2 ;; esac
  looped "$venv/bin/python" "$shared/clips/$clip.mp4" "$times" "$work/$clip.mp4"
  echo "== $clip, $times times in a row"
  python3 benches/compare.py -n "${ROUNDS:-5}" --fps \
    python "$venv/bin/python $baseline $work/$clip.mp4" \
    "python --width 640" "$venv/bin/python $baseline $work/$clip.mp4 --width 640" \
    vokg "sh -c 'rm -rf $work/race && $vokg run $work/$clip.mp4 --data $work/race --json -q'"
  echo "-- objects and relations found in the clip itself"
  "$venv/bin/python" "$baseline" "$shared/clips/$clip.mp4" | grep -o '"objects": [0-9]*, "relations": [0-9]*'
  rm -rf "$work/race"
  "$vokg" run "$shared/clips/$clip.mp4" --data "$work/race" --json -q | grep -oE '"objects": ?[0-9]+|"interactions": ?\{[^}]*\}'
done
