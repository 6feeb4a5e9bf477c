#!/usr/bin/env bash
# What is found in each synthetic scene: F1 of its relations from true boxes, and what is left of it after encoding,
# decoding, segmentation and tracking.
cd "$(dirname "$0")/.."
. benches/lib.sh
dir=$work/scenes
mkdir -p "$dir"
machine
python3 - "$vokg" "$dir" "$@" <<'PY'
import json, shutil, subprocess, sys
vokg, folder, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
call = lambda *a: subprocess.run([vokg, *a], check=True, capture_output=True, text=True).stdout
scenes = wanted or [line.split()[0] for line in call("synth", "--scene", "list").splitlines()]
print(f"{'scene':18} {'objects':>9} {'IDF1':>6}   relation      truth   F1 true boxes   F1 pixels")
for scene in scenes:
    clip, truth, mot, facts, data = (f"{folder}/{scene}{end}" for end in (".mp4", ".json", ".txt", ".jsonl", "-data"))
    call("synth", "--scene", scene, "--out", clip, "--truth", truth, "--mot", mot)
    call("relate", "--tracks", mot, "--fps", "25", "--size", "1280x720", "--out", facts)
    shutil.rmtree(data, ignore_errors=True)
    call("run", clip, "--data", data, "-q")
    boxes = json.loads(call("eval", "--facts", facts, "--truth", truth, "--json"))["relations"]["by_kind"]
    evaluation = json.loads(call("eval", "--data", data, "--truth", truth, "--json"))
    pixels, who = evaluation["relations"]["by_kind"], evaluation["identity"]
    head = f"{scene:18} {who['objects']:4}/{who['objects_true']:<4} {who['idf1']:6.2f}"
    none = {"truth": 0, "f1": 1.0}
    for kind in sorted(set(boxes) | set(pixels)) or ["-"]:
        b, p = boxes.get(kind, none), pixels.get(kind, none)
        print(f"{head:35}   {kind:12} {max(b['truth'], p['truth']):6} {b['f1']:15.2f} {p['f1']:11.2f}")
        head = ""
PY
