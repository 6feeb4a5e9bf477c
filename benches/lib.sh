# What the scripts beside this file share. Source it from the repository root.
set -euo pipefail
export RUST_BACKTRACE=0
shared=${VOKG_SHARED:-../shared}
work=${VOKG_BENCH_DIR:-.cache/bench}
vokg=target/release/vokg
mkdir -p "$work"

machine() { # the line every table starts with
  local model
  model=$(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs)
  echo "machine: $(nproc) x $model, $(uname -m), $(date -u +%F)"
}

need_clips() {
  if [ ! -d "$shared/clips" ]; then
    echo "SKIPPED: $0 needs the clips in $shared/clips (set VOKG_SHARED)"
    exit 0
  fi
}

need_mot() {
  if [ ! -d "$shared/mot" ]; then
    echo "SKIPPED: $0 needs the sequences in $shared/mot (set VOKG_SHARED)"
    exit 0
  fi
}

our_tracks() { # our_tracks OUT [motion]: our tracks of every sequence, with its published camera motion where asked for
  local sequence name rate
  mkdir -p "$1"
  for sequence in "$shared"/mot/*/; do
    name=$(basename "$sequence")
    rate=$(sed -n 's/^frameRate=\([0-9.]*\).*/\1/p' "$sequence/seqinfo.ini")
    local motion=()
    if [ "${2:-}" = motion ] && [ -f "$sequence/gmc.txt" ]; then motion=(--motion "$sequence/gmc.txt"); fi
    "$vokg" track --detections "$sequence/det/det.txt" --out "$1/$name.txt" --fps "$rate" "${motion[@]}" >/dev/null
  done
}

score_tracks() { # score_tracks ROOT: HOTA, MOTA, IDF1 and switches of every tracker in it, by TrackEval
  local python=$work/venv/bin/python
  if [ ! -f "$shared/eval/eval_mot.py" ]; then
    echo "SKIPPED: scores over all sequences need $shared/eval/eval_mot.py"
    return
  fi
  if ! "$python" -c 'import trackeval' 2>/dev/null; then
    python3 -m venv "$work/venv"
    "$python" -m pip install -q --disable-pip-version-check trackeval==1.3.0 || {
      echo "SKIPPED: trackeval cannot be installed into $work/venv"
      return
    }
  fi
  "$python" "$shared/eval/eval_mot.py" --gt "$shared/mot" --res-root "$1"
}

looped() { # looped PYTHON CLIP TIMES OUT: the clip several times in a row, its compressed pictures as they are
  [ -s "$4" ] && return
  local ffmpeg
  ffmpeg=$("$1" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
  "$ffmpeg" -loglevel error -y -stream_loop $(($3 - 1)) -i "$2" -an -c copy -f mp4 "$4.part"
  mv "$4.part" "$4"
}
