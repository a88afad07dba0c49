#!/usr/bin/env bash
# Detection quality: how often irregular traffic ever has so many bits of rhythm (against the bound 2^-bits), labelled
# captures and logs, and four simulated clusters (2 GB, made once).
# bench-detection.sh [rhythm|datasets|corpus]...   The data are looked for in $BEACONWATCH_SHARED, else in ../shared.
set -euo pipefail
cd "$(dirname "$0")/.."
shared=${BEACONWATCH_SHARED:-../shared}
cache=${BEACONWATCH_CACHE:-$HOME/.cache/beaconwatch}
target=${CARGO_TARGET_DIR:-target}
[ $# -gt 0 ] || set -- rhythm datasets corpus
agent=$target/release/beaconwatch-agent

rhythm() { cargo test --quiet --release --package beaconwatch-engine --lib table_of_the_bound -- --ignored --nocapture; }

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

# Once for all, so that the whole table is that of one agent.
if [ "$*" != rhythm ] && [ -d "$shared/datasets" ]; then cargo build --release --package beaconwatch-agent; fi

for job in "$@"; do
  echo "== $job"
  if [ "$job" != rhythm ] && [ ! -d "$shared/datasets" ]; then
    BEACONWATCH_SKIPS= scripts/skip.sh "$job" "no labelled traffic in $shared"
    continue
  fi
  case $job in
    rhythm) rhythm ;;
    datasets) python3 bench/detection.py --agent "$agent" --shared "$shared" --out "$target/bench-detection" datasets ;;
    corpus) corpus ;;
    *) echo "bench-detection: rhythm, datasets or corpus, not $job" >&2; exit 2 ;;
  esac
done
