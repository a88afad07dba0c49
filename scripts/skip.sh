#!/usr/bin/env bash
# skip.sh WHAT REASON: a script says that it skips something on this machine. On CI as root, where the set-up brings all
# that is needed, that is a failure; elsewhere it is noted in $BEACONWATCH_SKIPS, which listing-skips.sh prints. The
# crate beaconwatch-skip is the same for tests.
set -euo pipefail
if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ]; then
  printf 'error: nothing is skipped on CI: %s: %s\n' "$1" "$2" >&2
  exit 1
fi
printf 'skipped: %s: %s\n' "$1" "$2" >&2
if [ -n "${BEACONWATCH_SKIPS:-}" ]; then printf 'skipped: %s: %s\n' "$1" "$2" >>"$BEACONWATCH_SKIPS"; fi
