#!/usr/bin/env bash
# How good are our tracks on real sequences, without and with the camera motion published for them?
cd "$(dirname "$0")/.."
. benches/lib.sh
need_mot
tracks=$work/quality
rm -rf "$tracks"
our_tracks "$tracks/vokg"
our_tracks "$tracks/vokg-motion" motion
machine
score_tracks "$tracks"
echo "-- without a benchmark's rules on distractors (vokg eval --mot)"
for sequence in "$shared"/mot/*/; do
  name=$(basename "$sequence")
  printf '%-16s ' "$name"
  "$vokg" eval --mot "$tracks/vokg/$name.txt" --truth "$sequence/gt/gt.txt" | grep -oE '(HOTA|MOTA|IDF1) [-0-9.]+|[0-9]+ switches' | paste -sd' '
done
