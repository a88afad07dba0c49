# paths.sh: where everything of the local cluster is, and how its scripts speak. Sourced by all of them.
#
# BEACONWATCH_CACHE    programs, images and the running cluster's files (default ~/.cache/beaconwatch)
# BEACONWATCH_CLUSTER  name of the cluster: its network namespaces, cgroup and directories (default beaconwatch)
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
repository=$(realpath "$here/../..")
cache=${BEACONWATCH_CACHE:-$HOME/.cache/beaconwatch}/cluster
bin=$cache/bin
images=$cache/images

name=${BEACONWATCH_CLUSTER:-beaconwatch}
work=$cache/run/$name      # etcd, kubelets, containerd, certificates, logs: gone after down.sh
run=/run/$name-cluster     # sockets and the list of what is running
cgroups=/sys/fs/cgroup     # hybrid: v1 hierarchies and the v2 tree in unified/
kubeconfig=$work/kubeconfig/admin

# Addresses inside the cluster's own network namespaces; there is no route out of them.
outside=10.240.0.1         # API server; the servers that scenarios call
internet=203.0.113.0/24    # documentation addresses, all local to the control plane's namespace
service_network=10.96.0.0/16
pod_network=10.244.0.0/16

export PATH=$bin:$PATH

say() { printf 'cluster: %s\n' "$*" >&2; }
fail() { printf 'cluster: error: %s\n' "$*" >&2; exit 1; }
in_control_plane() { nsenter --net="/run/netns/$name" "$@"; }
kubectl_admin() { in_control_plane kubectl --kubeconfig "$kubeconfig" "$@"; }

# until_true SECONDS WHAT COMMAND...: waits for a condition, and says which one never came.
until_true() {
  local deadline=$((SECONDS + $1)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || { say "gave up waiting for $what"; return 1; }
    sleep 0.1
  done
}

# import SOCKET IMAGE.tar...: gives images to a containerd; its warnings matter only if it fails.
import() {
  local socket=$1 image said; shift
  for image in "$@"; do
    said=$("$bin/ctr" -a "$socket" -n k8s.io images import "$image" 2>&1) || { printf '%s\n' "$said" >&2; return 1; }
  done
}
