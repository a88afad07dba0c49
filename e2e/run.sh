#!/bin/bash
# run.sh [FILTER...]: the scenarios of e2e/tests on a real cluster. With KUBECONFIG set, on that one (its nodes must have the
# images of e2e/images.sh; BEACONWATCH_E2E_LOAD names a command that gives it image archives, such as "kind load
# image-archive"). Without, on one that is started here and ended at the end, whatever happens; BEACONWATCH_E2E_KEEP=1
# leaves it up. Where no cluster can be started this is skipped; on CI that is a failure, and so is a program that
# cannot be built.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/cluster/paths.sh"
cd "$repository"
[ -n "${BEACONWATCH_SKIPS:-}" ] || exec scripts/listing-skips.sh e2e/run.sh "$@"

if [ -n "${KUBECONFIG:-}" ]; then
  inside=(env) load=(${BEACONWATCH_E2E_LOAD:-true})
  say "using the cluster of $KUBECONFIG"
elif [ "$(id -u)" != 0 ] || [ ! -e $cgroups/unified/cgroup.procs ] || ! command -v go >/dev/null; then
  exec scripts/skip.sh "scenarios on a real cluster" \
    "root, Go and hybrid cgroups are needed to start one here, or KUBECONFIG of another"
else
  inside=("$here/enter.sh") load=("$here/load.sh")
  export BEACONWATCH_E2E_LOCAL=1 BEACONWATCH_E2E_CGROUP_PATH=/sys/fs/cgroup/unified
  [ -n "${BEACONWATCH_E2E_KEEP:-}" ] || trap '"$here/down.sh"' EXIT
  "$here/build.sh"
  if [ $# -eq 0 ]; then
    say "tests on an API server without a cluster"
    # The whole workspace, so that features are those of `make test` and nothing is compiled twice.
    cargo test --quiet --workspace --test on_a_real_api_server -- --ignored
  fi
  "$here/up.sh" 2
fi
"$here/build.sh" helm otelcol

archives=$cache/run/$name/product-images
e2e/images.sh "$archives"
for archive in "$archives"/*.tar "$images/tools.tar"; do "${load[@]}" "$archive"; done

# What an earlier run left would keep its old images.
"${inside[@]}" "$cache/bin/helm" uninstall beaconwatch --namespace beaconwatch --ignore-not-found --wait >/dev/null

say "building the scenarios"
declare -A tests
while IFS=$'\t' read -r test executable; do tests[$test]=$executable; done < <(
  cargo test --quiet --no-run --package beaconwatch-e2e --message-format json |
    jq -r 'select(.executable != null and .target.kind == ["test"]) | [.target.name, .executable] | @tsv')

scenario() { # TEST [options of the test harness]
  "${inside[@]}" "${tests[$1]}" --ignored "${@:2}"
}

failed=()
# In this order: what installs comes first, what removes comes last.
for test in install policies findings flood outages uninstall; do
  [ $# -eq 0 ] || [[ " $* install " == *" $test "* ]] || continue
  started=$SECONDS
  say "scenarios: $test"
  threads=${BEACONWATCH_E2E_THREADS:-6}
  [[ $test == outages || $test == flood ]] && threads=1
  said=$(mktemp)
  if ! scenario "$test" --test-threads="$threads" 2>&1 | tee "$said"; then
    # A machine that was out of breath is no finding: what failed is tried once more, alone.
    mapfile -t again < <(sed -nE 's/^test (.*) \.\.\. FAILED$/\1/p' "$said")
    say "scenarios: $test: once more: ${again[*]:-all}"
    outcome=passed
    scenario "$test" --test-threads=1 --exact "${again[@]}" || { failed+=("$test"); outcome=failed; }
    printf 'tried twice: scenarios of %s: %s (%s)\n' "$test" "${again[*]:-all}" "$outcome" >>"$BEACONWATCH_SKIPS"
  fi
  say "scenarios: $test took $((SECONDS - started)) s"
done
[ ${#failed[@]} -eq 0 ] || fail "failed: ${failed[*]}"
