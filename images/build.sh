#!/usr/bin/env bash
# build.sh DIRECTORY [ARCHITECTURE...]: image archives of agent and operator (NAME-ARCHITECTURE.tar) for amd64 and arm64,
# or for those named, built on this machine whatever its own architecture is. BEACONWATCH_PROFILE chooses the cargo
# profile (default release). The kernel object is the same in all: BPF is one architecture.
set -euo pipefail
out=$(realpath -m "$1"); shift
cd "$(dirname "$(realpath "$0")")/.."
[ $# -gt 0 ] || set -- amd64 arm64
profile=${BEACONWATCH_PROFILE:-release}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=x86_64-linux-gnu-gcc

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$out"
cargo xtask build-ebpf
for architecture in "$@"; do
  case $architecture in
    amd64) triple=x86_64-unknown-linux-gnu tools=x86_64-linux-gnu ;;
    arm64) triple=aarch64-unknown-linux-gnu tools=aarch64-linux-gnu ;;
    *) echo "images: amd64 or arm64, not $architecture" >&2; exit 2 ;;
  esac
  cross=() programs=$target
  if [ "$tools" != "$(uname -m)-linux-gnu" ]; then cross=(--target "$triple") programs=$target/$triple; fi
  cargo build --quiet --locked --profile "$profile" --workspace --bin beaconwatch-agent --bin beaconwatch-operator "${cross[@]}"
  programs=$programs/$([ "$profile" = dev ] && echo debug || echo "$profile")
  for part in operator agent; do
    mkdir -p "$root/$architecture"
    "$tools-strip" --strip-debug -o "$root/$architecture/beaconwatch-$part" "$programs/beaconwatch-$part"
    images/rootfs.sh "$root/$architecture/beaconwatch-$part" "$root/$architecture/$part"
    images/oci-archive.sh "$out/$part-$architecture.tar" "docker.io/beaconwatch/$part:$version" "$root/$architecture/$part" \
      "/usr/bin/beaconwatch-$part" "$([ $part = operator ] && echo 65532:65532)" "$architecture"
    echo "images: $out/$part-$architecture.tar" >&2
  done
done
