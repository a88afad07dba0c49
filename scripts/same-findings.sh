#!/usr/bin/env bash
# same-findings.sh REVISION [INPUT...]: whether this tree finds the same as REVISION, state by state and bit by bit
# (bench/same_findings.py). Both agents are built as releases, REVISION in a checkout of its own that is removed.
# Inputs: those given, else the demo's recording, docs/samples, and the labelled captures and clusters where there are any
# ($BEACONWATCH_SHARED, else ../shared; clusters are those that bench-detection.sh made).
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: scripts/same-findings.sh REVISION [INPUT...]" >&2; exit 2; }
revision=$(git rev-parse --verify "$1^{commit}"); shift
shared=${BEACONWATCH_SHARED:-../shared}
cache=${BEACONWATCH_CACHE:-$HOME/.cache/beaconwatch}
before=$cache/agents/$revision
if [ ! -x "$before" ]; then
  checkout=$(mktemp -d)
  trap 'git worktree remove --force "$checkout"' EXIT
  echo "same-findings: building the agent of ${revision:0:12} (about 5 minutes, once)"
  git worktree add --quiet --detach "$checkout" "$revision"
  (cd "$checkout" && CARGO_TARGET_DIR=$checkout/target cargo build --quiet --release --package beaconwatch-agent)
  mkdir -p "${before%/*}"
  cp "$checkout/target/release/beaconwatch-agent" "$before"
fi
cargo build --quiet --release --package beaconwatch-agent
if [ $# -eq 0 ]; then
  set -- demo/scene.bwrec docs/samples/*
  [ ! -d "$shared/datasets" ] || set -- "$@" "$shared"/datasets/detection/*
  [ ! -d "$cache/corpus/dev" ] || set -- "$@" "$cache"/corpus/dev/*
fi
python3 bench/same_findings.py "$before" "${CARGO_TARGET_DIR:-target}/release/beaconwatch-agent" "$@"
