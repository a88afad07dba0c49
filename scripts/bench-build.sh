#!/usr/bin/env bash
# bench-build.sh BEFORE [AFTER]: seconds of a release build of the agent at two revisions (AFTER: HEAD), cold and after a
# change of one sentence of evidence, in turns, each in a checkout and a build directory of its own that are removed.
# PROFILE=NAME builds another profile of AFTER, KEEP=DIRECTORY keeps the agents. Crates are downloaded before the clock
# starts. About 15 minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: scripts/bench-build.sh BEFORE [AFTER]" >&2; exit 2; }
work=$(mktemp -d)
trap 'for checkout in "$work"/*/; do git worktree remove --force "$checkout" || true; done; rm -rf "$work"' EXIT

build() { # NAME PROFILE: seconds
  local started=$EPOCHREALTIME
  (cd "$work/$1" && CARGO_TARGET_DIR=$work/$1/target cargo build --quiet --offline --profile "$2" --package beaconwatch-agent)
  echo "$EPOCHREALTIME - $started" | bc | xargs printf '%.0f'
}

for pair in "before ${1}" "after ${2:-HEAD}"; do
  read -r name revision <<<"$pair"
  git worktree add --quiet --detach "$work/$name" "$revision"
  (cd "$work/$name" && cargo fetch --quiet --locked)
done
for name in before after; do
  profile=release; [ "$name" = before ] || profile=${PROFILE:-release}
  cold=$(build "$name" "$profile")
  [ -z "${KEEP:-}" ] || cp "$work/$name/target/$profile/beaconwatch-agent" "$KEEP/agent-$name-$profile"
  file=$(grep -rl '"looked up as' --include='*.rs' "$work/$name" | head -n 1)
  sed -i 's/"looked up as/"resolved as/' "$file"
  sentence=$(build "$name" "$profile")
  echo "$name ($profile): cold $cold s, after one sentence $sentence s, $(stat -c %s "$work/$name/target/$profile/beaconwatch-agent") bytes"
done
