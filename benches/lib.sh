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

looped() { # looped CLIP TIMES OUT: the clip several times in a row, encoded once more
  local clip=$1 times=$2 out=$3 inputs="" i
  [ -s "$out" ] && return
  for i in $(seq "$times"); do
    inputs="$inputs filesrc location=$clip ! qtdemux ! h264parse ! avdec_h264 ! queue ! c."
  done
  # shellcheck disable=SC2086
  gst-launch-1.0 -q -e concat name=c ! x264enc bitrate=4000 speed-preset=veryfast ! h264parse ! mp4mux ! \
    filesink location="$out.part" $inputs
  mv "$out.part" "$out"
}
