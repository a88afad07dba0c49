#!/usr/bin/env bash
# listing-skips.sh COMMAND...: runs it, then prints what it skipped or tried twice, whether it failed or not. Inside
# another listing-skips.sh it only runs it: the list comes at the very end.
set -uo pipefail
[ -z "${BEACONWATCH_SKIPS:-}" ] || exec "$@"
BEACONWATCH_SKIPS=$(mktemp)
export BEACONWATCH_SKIPS
trap 'rm -f "$BEACONWATCH_SKIPS"' EXIT
"$@"
status=$?
if [ -s "$BEACONWATCH_SKIPS" ]; then
  printf '\n== skipped or tried twice in this run\n'
  sort -u "$BEACONWATCH_SKIPS"
fi
exit $status
