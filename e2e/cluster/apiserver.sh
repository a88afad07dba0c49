#!/bin/bash
# apiserver.sh stop|start: ends the running cluster's API server, or starts the very same one again and waits for it.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/paths.sh"
process=$(cat "$run/apiserver.pid") || fail "the cluster is not up (make cluster-up)"
gone() { [ ! -d "/proc/$process" ]; }
case ${1:-} in
  # As in a crash: an orderly end waits for its watches.
  stop) kill -KILL "$process"; until_true 20 "the API server to end" gone ;;
  start)
    setsid nohup "$work/apiserver.sh" >/dev/null 2>&1 &
    until_true 60 "the API server" kubectl_admin get --raw /readyz
    ;;
  *) fail "usage: apiserver.sh stop|start" ;;
esac
