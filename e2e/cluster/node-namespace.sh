#!/bin/bash
# node-namespace.sh FILES COMMAND...: runs in a node's new network, mount and cgroup namespace. Gives it its own view of
# the cgroup trees, rooted at the node's cgroup, and its own copy of the directories that a node keeps; becomes COMMAND.
set -eu
files=$1 cgroups=/sys/fs/cgroup
shift

umount -l $cgroups
mount --make-rshared /
mount -t tmpfs -o mode=755 cgroup $cgroups
for hierarchy in cpu cpuacct cpuset memory devices freezer blkio pids; do
  mkdir $cgroups/$hierarchy
  mount -t cgroup -o $hierarchy cgroup $cgroups/$hierarchy
done
mkdir $cgroups/systemd $cgroups/unified
mount -t cgroup -o none,name=systemd cgroup $cgroups/systemd
mount -t cgroup2 cgroup2 $cgroups/unified

for directory in /var/log/pods /var/log/containers /var/lib/kubelet /var/lib/beaconwatch; do
  [ -d $directory ] || mkdir -p $directory
  mkdir -p "$files/root$directory"
  mount --bind "$files/root$directory" $directory
done
exec "$@"
