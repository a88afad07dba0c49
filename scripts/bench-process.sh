#!/usr/bin/env bash
# What the whole agent takes on this machine: memory when it has just started and when its table of conversations is
# full, and CPU for each connection. As root; a minute. Uses the release build.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
agent=$target/release/beaconwatch-agent
say() { printf 'bench: %s\n' "$*"; }
[ "$(id -u)" = 0 ] || exec scripts/skip.sh "figures of the whole agent" "the agent needs root"
[ -x "$agent" ] || { say "no $agent: cargo build --release --package beaconwatch-agent"; exit 1; }
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
containers=128 destinations=64

log=$(mktemp)
mkdir -p "$cgroups/beaconwatch-bench"
"$agent" run --policy demo/policy.yaml --loopback --output none --metrics-addr 127.0.0.1:19464 \
  --cgroup-scope /beaconwatch-bench 2>"$log" &
pid=$!
cleanup() {
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  find "$cgroups/beaconwatch-bench" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  rm -f "$log"
}
trap cleanup EXIT
metric() { curl -fs http://127.0.0.1:19464/metrics | awk -v name="$1" '$1 == name { print $2 }'; }
for _ in $(seq 100); do [ -n "$(metric 'beaconwatch_agent_table_entries{table="conversations"}' || true)" ] && break; sleep 0.1; done
[ -n "$(metric 'beaconwatch_agent_table_entries{table="conversations"}' || true)" ] || { cat "$log"; exit 1; }
memory() { awk '/^VmRSS/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$pid/status"; }
cpu() { awk '{ print ($14 + $15) / 100 }' "/proc/$pid/stat"; }

say "at the start: $(memory)"
before=$(cpu)
for number in $(seq "$containers"); do
  place=$cgroups/beaconwatch-bench/docker-$(printf '%064x' "$number").scope
  mkdir "$place"
  sh -c "echo \$\$ >$place/cgroup.procs; exec python3 - $destinations" <<'P'
import socket, sys
for turn in range(8):
    for host in range(int(sys.argv[1])):
        with socket.socket() as s:
            s.settimeout(1)
            s.connect_ex((f'127.1.0.{host + 1}', 9))  # nobody listens
P
done
sleep 2
connections=$((containers * destinations * 8))
say "after $connections connections of $containers containers: $(memory), $(metric 'beaconwatch_agent_table_entries{table="conversations"}') conversations"
awk -v a="$(cpu)" -v b="$before" -v n="$connections" \
  'BEGIN { printf "bench: CPU of the agent for them: %.2f s, %.0f us each\n", a - b, (a - b) / n * 1e6 }'
