#!/bin/bash
# load.sh IMAGE.tar...: gives image archives to every node of the running cluster.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/paths.sh"
for socket in "$run"/node*/containerd.sock; do
  [ -S "$socket" ] || fail "the cluster is not up (make cluster-up)"
  import "$socket" "$@"
done
