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

looped() { # looped PYTHON CLIP TIMES OUT: the clip several times in a row, its compressed pictures as they are
  [ -s "$4" ] && return
  local ffmpeg
  ffmpeg=$("$1" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
  "$ffmpeg" -loglevel error -y -stream_loop $(($3 - 1)) -i "$2" -an -c copy -f mp4 "$4.part"
  mv "$4.part" "$4"
}
