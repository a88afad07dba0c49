#!/bin/bash
# down.sh: ends the cluster that up.sh started and leaves nothing of it: process, cgroup, namespace, mount or file.
# Everything of the cluster lives below one cgroup, so nothing else can be hit and nothing can be missed.
set -uo pipefail
. "$(dirname "$(realpath "$0")")/paths.sh"

tree=$cgroups/unified/$name
own_memory=$(cat "$run/memory-cgroup" 2>/dev/null)
[ -d "$tree" ] || [ -d "$run" ] || [ -e "/run/netns/$name" ] || exit 0

empty() { ! grep -qs 'populated 1' "$tree/cgroup.events"; }
if [ -d "$tree" ]; then
  echo 1 >"$tree/cgroup.kill"
  until_true 20 "the cluster's processes to end" empty
fi
for hierarchy in "${own_memory:-$cgroups/memory}" $cgroups/{cpu,cpuacct,cpuset,devices,freezer,blkio,pids,systemd,unified}; do
  [ -d "$hierarchy/$name" ] && find "$hierarchy/$name" -depth -type d -exec rmdir {} \; 2>/dev/null
done
for netns in /run/netns/"$name" /run/netns/"$name"-node*; do
  [ -e "$netns" ] && ip netns del "$(basename "$netns")"
done
rm -rf --one-file-system "$run" "$work"
for directory in /var/log/pods /var/log/containers /var/lib/kubelet /var/lib/beaconwatch; do
  rmdir "$directory" 2>/dev/null # made for a bind mount; not empty if it is somebody's
done
[ -d "$tree" ] && fail "cgroup $tree is still there"
exit 0
