#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS (default 60), two at a time, from its seeds: fuzz.sh [TARGET...]
# A crash is printed with its input, which stays in fuzz/artifacts/.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${BEACONWATCH_SKIPS:-}" ] || exec scripts/listing-skips.sh scripts/fuzz.sh "$@"
seconds=${FUZZ_SECONDS:-60}
cache=${BEACONWATCH_CACHE:-$HOME/.cache/beaconwatch}
fuzz=$cache/tools/cargo-fuzz-0.13.2/bin/cargo-fuzz
if ! rustup run nightly rustc --version >/dev/null 2>&1; then
  exec scripts/skip.sh fuzzing "no nightly toolchain (rustup toolchain install nightly)"
fi
export RUSTUP_TOOLCHAIN=nightly
unset RUSTC_WORKSPACE_WRAPPER
export CARGO_TARGET_DIR=$cache/fuzz-target   # instrumented, so apart from everything else
logs=$(mktemp -d); trap 'rm -rf "$logs"' EXIT

run_one() { # crate target
  local crate=$1 target=$2 corpus=$cache/fuzz-corpus/$2
  mkdir -p "$corpus"
  local seeds=$crate/fuzz/seeds/$target
  [ -d "$seeds" ] || seeds=
  # -detect_leaks=0: leak detection needs ptrace, which containers and CI often refuse
  if "$fuzz" run --fuzz-dir "$crate/fuzz" "$target" "$corpus" ${seeds:+"$seeds"} -- \
      -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -detect_leaks=0 >"$logs/$target" 2>&1; then
    echo "fuzz: $target: $(grep -oE 'Done [0-9]+ runs' "$logs/$target" || echo done), no crash"
  else
    echo "fuzz: $target FAILED:"; tail -n 40 "$logs/$target"; return 1
  fi
}
export -f run_one; export fuzz seconds cache logs

jobs=()
for crate in crates/engine crates/codec crates/importers node-agent; do
  [ -f "$crate/fuzz/Cargo.toml" ] || continue
  [ $# -gt 0 ] || echo "fuzz: building the targets of $crate (cold 1-5 minutes)"
  "$fuzz" build --fuzz-dir "$crate/fuzz" >"$logs/build-${crate//\//-}" 2>&1 || { tail -n 40 "$logs/build-${crate//\//-}"; exit 1; }
  while read -r target; do
    if [ $# -eq 0 ] || [[ " $* " == *" $target "* ]]; then jobs+=("$crate" "$target"); fi
  done < <("$fuzz" list --fuzz-dir "$crate/fuzz")
done
[ ${#jobs[@]} -gt 0 ] || { echo "fuzz: no such target: $*"; exit 1; }
printf '%s\n' "${jobs[@]}" | xargs -n 2 -P 2 bash -c 'run_one "$0" "$1"'
