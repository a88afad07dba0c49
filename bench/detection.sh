#!/usr/bin/env bash
# Detection quality in one go: the rhythm test's false-alarm bound, labelled captures, simulated clusters.
#   bench/detection.sh [DIRECTORY OF GENERATED CLUSTERS]
# The labelled data are looked for in $BEACONWATCH_SHARED, else beside the repository; what is absent is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
shared=${BEACONWATCH_SHARED:-../shared}
clusters=${1:-${BEACONWATCH_CLUSTERS:-}}
echo "== rhythm: how often irregular trains ever reach so many bits, against the bound 2^-bits"
cargo test --quiet --release -p beaconwatch-engine --lib table_of_the_bound -- --ignored --nocapture
if [ ! -d "$shared" ]; then
    echo "skipped: no labelled data in $shared (set BEACONWATCH_SHARED)"
    exit 0
fi
cargo build --release -p beaconwatch-agent
agent=target/release/beaconwatch-agent
echo "== captures"
python3 bench/detection.py --agent "$agent" --shared "$shared" datasets
if [ -z "$clusters" ]; then
    echo "skipped: no simulated clusters; make them with"
    echo "  python3 $shared/corpus/generate.py --split dev --clusters 4 --out DIRECTORY"
    exit 0
fi
echo "== simulated clusters, warm start"
python3 bench/detection.py --agent "$agent" --shared "$shared" corpus --clusters "$clusters"/*/
