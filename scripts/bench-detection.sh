#!/usr/bin/env bash
# Detection quality on labelled traffic: captures and logs, and four simulated clusters (2 GB, made once).
# bench-detection.sh [datasets|corpus]...   The data are looked for in $BEACONWATCH_SHARED, else in ../shared.
set -euo pipefail
cd "$(dirname "$0")/.."
shared=${BEACONWATCH_SHARED:-../shared}
cache=${BEACONWATCH_CACHE:-$HOME/.cache/beaconwatch}
target=${CARGO_TARGET_DIR:-target}
[ -d "$shared/datasets" ] || { echo "bench-detection: skipped: no labelled traffic in $shared"; exit 0; }
[ $# -gt 0 ] || set -- datasets corpus
cargo build --release --package beaconwatch-agent
agent=$target/release/beaconwatch-agent

corpus() { # makes the clusters once
  local python=$cache/venv/bin/python clusters=$cache/corpus/dev
  if [ "$(find "$clusters" -name truth.jsonl 2>/dev/null | wc -l)" -lt 4 ]; then
    if ! "$python" -c "import numpy" 2>/dev/null; then
      python3 -m venv "$cache/venv"
      "$python" -m pip install --quiet --requirement "$shared/corpus/requirements.txt"
    fi
    "$python" "$shared/corpus/generate.py" --split dev --clusters 4 --jobs 2 --out "$clusters"
  fi
  python3 bench/detection.py --agent "$agent" --shared "$shared" --out "$target/bench-detection" \
    corpus --clusters "$clusters"/dev*
}

for job in "$@"; do
  case $job in
    datasets) python3 bench/detection.py --agent "$agent" --shared "$shared" --out "$target/bench-detection" datasets ;;
    corpus) corpus ;;
    *) echo "bench-detection: datasets or corpus, not $job" >&2; exit 2 ;;
  esac
done
