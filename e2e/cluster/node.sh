#!/bin/bash
# node.sh INDEX: starts node INDEX of the cluster: containerd, then kubelet and kube-proxy in containerd's namespaces.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/paths.sh"

index=$1 node=node$1 netns=$name-node$1
address=10.240.0.$((10 + index)) pods=10.244.$((index - 1)).0/24
files=$work/$node sockets=$run/$node
mkdir -p "$files"/{cni,logs} "$sockets"
: >"$files/resolv.conf"

# A veth pair to the control plane's namespace, which routes between the nodes and stands for everything outside.
ip netns add "$netns"
ip -n "$netns" link set lo up
ip -n "$name" link add "to-$node" type veth peer name eth0 netns "$netns"
ip -n "$name" link set "to-$node" up
ip -n "$netns" addr add "$address/32" dev eth0
ip -n "$netns" link set eth0 up
ip -n "$netns" route add "$outside/32" dev eth0
for network in 10.240.0.0/24 $internet $pod_network $service_network; do ip -n "$netns" route add "$network" via "$outside" dev eth0; done
ip -n "$name" route add "$address/32" dev "to-$node"
ip -n "$name" route add "$pods" via "$address" dev "to-$node" onlink
nsenter --net="/run/netns/$netns" sysctl -qw net.ipv4.ip_forward=1

# The node's cgroup in every hierarchy. Memory stays below the cgroup of whoever starts the cluster.
own_memory=$cgroups/memory$(awk -F: '$2 == "memory" {print $3}' /proc/self/cgroup)
echo "$own_memory" >"$run/memory-cgroup"
directories=("${own_memory%/}/$name/$node")
for hierarchy in cpu cpuacct cpuset devices freezer blkio pids systemd unified; do directories+=("$cgroups/$hierarchy/$name/$node"); done
mkdir -p "${directories[@]}"
for cpuset in "$cgroups/cpuset/$name" "$cgroups/cpuset/$name/$node"; do
  for file in cpuset.cpus cpuset.mems; do cat "$cpuset/../$file" >"$cpuset/$file"; done
done

start() { # NAME COMMAND...
  local program=$1; shift
  setsid nohup bash -c 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"' start \
    "${directories[@]}" -- "$@" >"$files/logs/$program.log" 2>&1 </dev/null 9>&- &
  echo $! >"$sockets/$program.pid"
}

cat >"$files/containerd.toml" <<C
version = 3
root = "$files/containerd"
state = "$sockets/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
  address = "$sockets/containerd.sock"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "registry.k8s.io/pause:3.10"
[plugins."io.containerd.cri.v1.runtime"]
  # Lowering a score needs SYS_RESOURCE, which a sandbox may not have.
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  enable_unprivileged_ports = false
  enable_unprivileged_icmp = false
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "$files/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = "$(command -v runc)"
        SystemdCgroup = false
C
cat >"$files/cni/10-bridge.conflist" <<C
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$sockets/ipam", "ranges": [[{"subnet": "$pods"}]],
            "routes": [{"dst": "$pod_network"}, {"dst": "$service_network"}, {"dst": "10.240.0.0/24"}, {"dst": "$internet"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
C
cat >"$files/kubelet.yaml" <<C
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupsPerQOS: true
enforceNodeAllocatable: [pods]
oomScoreAdj: 0
makeIPTablesUtilChains: false
failSwapOn: false
address: $address
healthzBindAddress: 127.0.0.1
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $work/pki/ca.crt}}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix://$sockets/containerd.sock
podLogsDir: /var/log/pods
resolvConf: $files/resolv.conf
imageGCHighThresholdPercent: 100
evictionHard: {imagefs.available: 1%, memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%}
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
containerLogMaxSize: 1Mi
containerLogMaxFiles: 3
maxPods: 250
C
cat >"$files/proxy.yaml" <<C
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $work/kubeconfig/kube-proxy}
hostnameOverride: $node
mode: nftables
clusterCIDR: $pod_network
bindAddress: $address
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
oomScoreAdj: 0
C

start containerd nsenter --net="/run/netns/$netns" unshare --mount --cgroup --propagation private \
  bash "$here/node-namespace.sh" "$files" "$bin/containerd" -c "$files/containerd.toml" -l info
ctr=("$bin/ctr" -a "$sockets/containerd.sock" -n k8s.io)
until_true 30 "containerd of $node" "${ctr[@]}" version
import "$sockets/containerd.sock" "$images"/*.tar

start kube-proxy nsenter --net="/run/netns/$netns" "$bin/kube-proxy" --config "$files/proxy.yaml"
start kubelet nsenter -t "$(cat "$sockets/containerd.pid")" --mount --net --cgroup "$bin/kubelet" \
  --config "$files/kubelet.yaml" --kubeconfig "$work/kubeconfig/$node" --hostname-override "$node" \
  --node-ip "$address" --root-dir /var/lib/kubelet --cert-dir "$files/kubelet-pki" --v=2
