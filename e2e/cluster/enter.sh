#!/bin/bash
# enter.sh COMMAND...: runs a command with the cluster's programs, kubeconfig and network: `enter.sh kubectl get nodes`.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/paths.sh"
[ -e "/run/netns/$name" ] || fail "the cluster is not up (make cluster-up)"
export KUBECONFIG=$kubeconfig
exec nsenter --net="/run/netns/$name" "$@"
