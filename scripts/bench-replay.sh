#!/usr/bin/env bash
# What replay reads and judges for each second of CPU (user + sys, least of three runs): rows of a Zeek log, and bytes
# of the file of a capture of headers. Three minutes; 1.3 GB in a temporary directory. Uses the release build.
set -euo pipefail
cd "$(dirname "$0")/.."
agent=${CARGO_TARGET_DIR:-target}/release/beaconwatch-agent
[ -x "$agent" ] || { echo "bench: no $agent: cargo build --release --package beaconwatch-agent"; exit 1; }
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
python3 bench/replay.py "$made"

cpu() { # seconds of CPU of a replay of what is named
  local TIMEFORMAT='%U %S'
  for _ in 1 2 3; do { time "$agent" replay "$@" --output jsonl >"$made/out" 2>&1; } 2>&1; done |
    awk '{ cpu = $1 + $2; if (NR == 1 || cpu < least) least = cpu } END { print least }'
}
report() { awk -v what="$1" -v n="$2" -v cpu="$3" -v unit="$4" 'BEGIN { printf "bench: %s: %.2f %s/s of CPU (%.2f s)\n", what, n / cpu, unit, cpu }'; }

report "Zeek, conn rows as text, the hard case, to findings" 2 "$(cpu --zeek "$made/conn.log")" "million rows"
report "Zeek, few destinations for each host, to findings" 2 "$(cpu --zeek "$made/few.log")" "million rows"
report "Zeek, rows as in a small office, to findings" 2 "$(cpu --zeek "$made/office.log")" "million rows"
# From a time behind the last row on: everything is read, joined and put in order, nothing is judged.
report "Zeek, the hard case, reading only" 2 "$(cpu --zeek "$made/conn.log" --from 2100-01-01T00:00:00Z)" "million rows"
bytes=$(stat -c %s "$made/headers.pcap")
report "capture, 64 bytes of each packet, to findings" "$(awk -v b="$bytes" 'BEGIN { print b / 1e9 }')" "$(cpu --pcap "$made/headers.pcap")" GB
