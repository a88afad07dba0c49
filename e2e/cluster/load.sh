#!/bin/bash
# load.sh IMAGE.tar...: gives image archives to every node of the running cluster.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/paths.sh"
for socket in "$run"/node*/containerd.sock; do
  [ -S "$socket" ] || fail "the cluster is not up (make cluster-up)"
  for image in "$@"; do "$bin/ctr" -a "$socket" -n k8s.io images import "$image" >/dev/null; done
done
