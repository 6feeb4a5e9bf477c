#!/usr/bin/env bash
# Speed and quality of packaged Python trackers beside ours, from the same detections of real sequences.
cd "$(dirname "$0")/.."
. benches/lib.sh
need_mot
tracks=$work/trackers
rm -rf "$tracks"
machine
pinned=()
if command -v taskset >/dev/null; then pinned=(taskset -c 0); fi
for packages in "trackers==2.6.1" "supervision==0.25.1"; do # newer supervision has no tracker, and trackers wants that
  venv=$work/venv-${packages%%=*}
  if ! "$venv/bin/python" -c "import ${packages%%=*}" 2>/dev/null; then
    python3 -m venv "$venv"
    if ! "$venv/bin/python" -m pip install -q --disable-pip-version-check "$packages"; then
      echo "SKIPPED: $packages cannot be installed into $venv"
      continue
    fi
  fi
  "${pinned[@]}" "$venv/bin/python" benches/python_trackers.py "$shared/mot" "$tracks"
done
python3 - "$vokg" "$shared/mot" "${pinned[@]}" <<'PY'
import configparser, json, pathlib, subprocess, sys
vokg, folder, pinned = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
frames = seconds = 0
for detections in sorted(folder.glob("*/det/det.txt")):
    about = configparser.ConfigParser()
    about.read(detections.parent.parent / "seqinfo.ini")
    command = [*pinned, vokg, "track", "--detections", detections, "--out", "/dev/null", "--json"]
    told = json.loads(subprocess.check_output([*command, "--fps", about["Sequence"]["frameRate"]]))
    frames, seconds = frames + told["frames"], seconds + told["seconds"]
print(f"{'vokg':24} {frames / seconds:9.0f} frames/s")
PY
our_tracks "$tracks/vokg"
our_tracks "$tracks/vokg-motion" motion
score_tracks "$tracks"
