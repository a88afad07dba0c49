#!/bin/bash
# images.sh DIRECTORY: builds operator and agent and packs their images (docker.io/beaconwatch-e2e/NAME:e2e) into DIRECTORY.
# BEACONWATCH_PROFILE chooses the cargo profile (default dev: the one that the tests have compiled already).
set -euo pipefail
. "$(dirname "$(realpath "$0")")/cluster/paths.sh"
out=$(realpath -m "$1") profile=${BEACONWATCH_PROFILE:-dev}
cd "$repository"

say "building operator and agent ($profile; cold about 5 minutes)"
cargo xtask build-ebpf
# The whole workspace, so that features are those of `cargo test --workspace` and nothing is compiled twice.
cargo build --quiet --workspace --bins --profile "$profile"
target=$(cargo metadata --format-version 1 --no-deps | jq -r .target_directory)
programs=$target/$([ "$profile" = dev ] && echo debug || echo "$profile")

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$out"
for part in operator agent; do
  stripped=$root/$part.program/beaconwatch-$part
  mkdir -p "$(dirname "$stripped")"
  strip --strip-debug -o "$stripped" "$programs/beaconwatch-$part"
  images/rootfs.sh "$stripped" "$root/$part"
done
images/oci-archive.sh "$out/operator.tar" docker.io/beaconwatch-e2e/operator:e2e "$root/operator" /usr/bin/beaconwatch-operator 65532:65532
images/oci-archive.sh "$out/agent.tar" docker.io/beaconwatch-e2e/agent:e2e "$root/agent" /usr/bin/beaconwatch-agent
