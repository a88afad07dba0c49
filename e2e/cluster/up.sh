#!/bin/bash
# up.sh [NODES]: a Kubernetes cluster on this machine: a control plane in one network namespace, and NODES real nodes
# (default 2), each with containerd, kubelet and kube-proxy, in a network, mount and cgroup namespace of its own.
# Does nothing if the cluster is up. What it started, down.sh ends; if it fails half-way it calls down.sh itself.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/paths.sh"
nodes=${1:-2}

ready() { [ -e "$run/nodes" ] && [ "$(cat "$run/nodes")" = "$nodes" ] && kubectl_admin get --raw /readyz; }
if ready >/dev/null 2>&1; then say "already up ($nodes nodes)"; exit 0; fi

[ "$(id -u)" = 0 ] || fail "needs root (or use a cluster of your own: KUBECONFIG=... make e2e)"
[ -e $cgroups/unified/cgroup.procs ] || fail "this machine has no hybrid cgroup tree (v1 hierarchies and unified/); use a cluster of your own, for example kind: KUBECONFIG=... make e2e"
mkdir -p "$cache"
"$here/packages.sh"
sets=(etcd containerd kubernetes coredns helm)
"$here/build.sh" "${sets[@]}"
"$here/images.sh"

"$here/down.sh"
started=$SECONDS
on_failure() {
  say "did not come up; last lines of each log:"
  tail -n 5 "$work"/logs/*.log "$work"/node*/logs/*.log >&2 2>/dev/null || true
  "$here/down.sh"
}
trap on_failure ERR INT TERM

mkdir -p "$work"/{etcd,logs} "$run" $cgroups/unified/$name/control-plane
"$here/pki.sh" $(seq -f node%g "$nodes")

ip netns add "$name"
ip -n "$name" link set lo up
ip -n "$name" addr add "$outside/32" dev lo
ip -n "$name" route add local "$internet" dev lo
in_control_plane sysctl -qw net.ipv4.ip_forward=1

start() { # NAME COMMAND...
  local program=$1; shift
  setsid nohup bash -c 'echo $$ >"$0" && exec "$@"' $cgroups/unified/$name/control-plane/cgroup.procs \
    nsenter --net="/run/netns/$name" "$@" >"$work/logs/$program.log" 2>&1 </dev/null 9>&- &
}

etcd=http://127.0.0.1:2379 peer=http://127.0.0.1:2380 pki=$work/pki
start etcd "$bin/etcd" --name e2e --data-dir "$work/etcd" --unsafe-no-fsync --log-level warn \
  --listen-client-urls $etcd --advertise-client-urls $etcd \
  --listen-peer-urls $peer --initial-advertise-peer-urls $peer --initial-cluster e2e=$peer

# A file of its own, so that a scenario can stop the API server and start the very same one again.
cat >"$work/apiserver.sh" <<C
#!/bin/bash
echo \$\$ >$cgroups/unified/$name/control-plane/cgroup.procs
echo \$\$ >$run/apiserver.pid
exec nsenter --net=/run/netns/$name $bin/kube-apiserver --etcd-servers=$etcd \\
  --bind-address=$outside --advertise-address=$outside --secure-port=6443 --service-cluster-ip-range=$service_network \\
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \\
  --client-ca-file=$pki/ca.crt --tls-cert-file=$pki/apiserver.crt --tls-private-key-file=$pki/apiserver.key \\
  --kubelet-client-certificate=$pki/kubelet-client.crt --kubelet-client-key=$pki/kubelet-client.key \\
  --kubelet-preferred-address-types=InternalIP \\
  --service-account-issuer=https://kubernetes.default.svc \\
  --service-account-key-file=$pki/service-account.pub --service-account-signing-key-file=$pki/service-account.key \\
  --requestheader-client-ca-file=$pki/ca.crt --requestheader-allowed-names=front-proxy-client \\
  --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \\
  --requestheader-extra-headers-prefix=X-Remote-Extra- \\
  --proxy-client-cert-file=$pki/front-proxy.crt --proxy-client-key-file=$pki/front-proxy.key \\
  >>$work/logs/apiserver.log 2>&1 </dev/null
C
chmod +x "$work/apiserver.sh"
setsid nohup "$work/apiserver.sh" >/dev/null 2>&1 9>&- &
until_true 60 "the API server" kubectl_admin get --raw /readyz

component() { # NAME FLAGS...
  local program=$1 config=$work/kubeconfig/$1; shift
  start "$program" "$bin/$program" --kubeconfig="$config" --authentication-kubeconfig="$config" \
    --authorization-kubeconfig="$config" --leader-elect=false --bind-address=127.0.0.1 "$@"
}
component kube-controller-manager --service-account-private-key-file="$pki/service-account.key" \
  --root-ca-file="$pki/ca.crt" --use-service-account-credentials --allocate-node-cidrs=true --cluster-cidr=$pod_network
component kube-scheduler

for index in $(seq "$nodes"); do "$here/node.sh" "$index"; done
for index in $(seq "$nodes"); do
  until_true 60 "node$index to be Ready" kubectl_admin wait --for=condition=Ready --timeout=2s "node/node$index"
done
until_true 30 "the default service account" kubectl_admin get serviceaccount default
kubectl_admin apply -f "$here/manifests/dns.yaml" >/dev/null
until_true 60 "cluster DNS" kubectl_admin -n kube-system wait --for=condition=Available --timeout=5s deployment/coredns
echo "$nodes" >"$run/nodes"
trap - ERR INT TERM
say "up after $((SECONDS - started)) s: $nodes nodes, Kubernetes $(kubectl_admin version -o json | jq -r .serverVersion.gitVersion)"
