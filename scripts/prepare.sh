#!/usr/bin/env bash
# Installs what building and testing vokg need, and nothing that is already there. Debian and Ubuntu.
# usage: scripts/prepare.sh build|test
set -euo pipefail
cd "$(dirname "$0")/.."
stage=${1:-build}

packages=()
need() { # need PACKAGE COMMAND...: the package, unless the command succeeds
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || packages+=("$package")
}
element() { gst-inspect-1.0 --exists "$1"; }

need gcc command -v cc
need g++ command -v g++
need make command -v make
need pkg-config command -v pkg-config
need libssl-dev pkg-config --exists libssl
need zlib1g-dev pkg-config --exists zlib
need libgstreamer1.0-dev pkg-config --exists gstreamer-1.0
need libgstreamer-plugins-base1.0-dev pkg-config --exists gstreamer-app-1.0 gstreamer-video-1.0
need gstreamer1.0-tools command -v gst-inspect-1.0
need gstreamer1.0-plugins-base element videoconvert
need gstreamer1.0-plugins-good element qtdemux
need gstreamer1.0-plugins-bad element h264parse
need gstreamer1.0-plugins-ugly element x264enc
need gstreamer1.0-libav element avdec_h264
if [ "$stage" = test ]; then
  need python3-venv python3 -c 'import ensurepip'
  need faketime command -v faketime
  need openssl command -v openssl
fi

if [ ${#packages[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "vokg needs these Debian packages, and there is no apt-get to install them: ${packages[*]}" >&2
    exit 1
  fi
  root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "run as root, or install sudo, or install these packages yourself: ${packages[*]}" >&2
      exit 1
    fi
    root=(sudo)
  fi
  echo "installing ${packages[*]}"
  "${root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null; then
  echo "vokg is built with Rust 1.95 or later, and cargo is not on the PATH" >&2
  exit 1
fi

if [ "$stage" = test ]; then
  venv=.cache/venv
  if ! "$venv/bin/python" -c 'import networkx, pycocotools, numpy, confluent_kafka, trackeval' >/dev/null 2>&1; then
    echo "installing the Python packages that our exports and figures are checked with into $venv"
    python3 -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/python/requirements.txt
  fi
fi
