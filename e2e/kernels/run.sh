#!/usr/bin/env bash
# run.sh [NAME...]: boots the kernels of `rows` (those of NAME, else all) with the agent and the scene, two at a time, and
# judges what they say. With all rows the table of docs/kernels.md is written as well, or compared on CI.
# A kernel that cannot be fetched or booted fails.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/../.."
here=e2e/kernels
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
out=$target/kernels
say() { printf 'kernels: %s\n' "$*" >&2; }

missing=()
for program in qemu-system-x86_64 qemu-system-aarch64 aarch64-linux-gnu-gcc cpio apparmor_parser; do
  command -v "$program" >/dev/null || missing+=("$program")
done
if [ ${#missing[@]} -gt 0 ]; then
  exec scripts/skip.sh "the matrix of kernels" "missing: ${missing[*]} (scripts/setup.sh kernels, as root)"
fi

rows() { # name architecture suite pattern play words
  local name more
  sed -E '/^(#|$)/d' "$here/rows" | while read -r name more; do
    if [ $# -eq 0 ] || [[ " $* " == *" $name "* ]]; then echo "$name $more"; fi
  done
}

initramfs() { # ARCHITECTURE DIRECTORY-OF-PROGRAMS STRIP
  local root=$out/root-$1
  rm -rf "$root" && mkdir -p "$root/bin"
  "$3" --strip-debug -o "$out/beaconwatch-agent" "$2/beaconwatch-agent"
  images/rootfs.sh "$out/beaconwatch-agent" "$root"
  "$3" --strip-debug -o "$root/init" "$2/beaconwatch-kernel-scene"
  cp "$here/policy.yaml" "$root/policy.yaml"
  apparmor_parser --skip-kernel-load --skip-cache --features-file=/etc/apparmor.d/abi/3.0 --ofile="$root/apparmor.bin" \
    "$here/apparmor.profile"
  (cd "$root" && find . -print0 | cpio --null --create --format newc --quiet) >"$out/$1.cpio"
  rm -rf "$root" "$out/beaconwatch-agent"
}

boot() { # name architecture suite pattern play words...
  local name=$1 architecture=$2 play=$5 kernel
  kernel=$("$here/fetch.sh" "$3" "$architecture" "$4") || { echo "@failed no kernel" >"$out/$name-$architecture.log"; return; }
  "$here/boot.sh" "$architecture" "$kernel/vmlinuz" "$out/$architecture.cpio" 600 \
    "scene.play=$play" "scene.rights=$rights" "${@:6}" >"$out/$name-$architecture.log" 2>&1 ||
    echo "@failed QEMU ended with $?" >>"$out/$name-$architecture.log"
}

mkdir -p "$out"
rm -f "$out"/*.log
cargo xtask build-ebpf
say "building the agent and the scene for amd64 and arm64 (arm64 cold about 4 minutes)"
cargo build --quiet --workspace --bins
CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc cargo build --quiet --workspace \
  --bin beaconwatch-agent --bin beaconwatch-kernel-scene --target aarch64-unknown-linux-gnu
initramfs amd64 "$target/debug" strip
initramfs arm64 "$target/aarch64-unknown-linux-gnu/debug" aarch64-linux-gnu-strip
# Exactly what the chart gives.
rights=$(sed -n 's/^  capabilities: \[\(.*\)\]$/\1/p' charts/beaconwatch/values.yaml | tr -d ' ')
[ -n "$rights" ] || { say "error: the chart's values name no agent.capabilities"; exit 1; }

say "booting $(rows "$@" | wc -l) kernels, two at a time (about 3 minutes)"
export -f boot; export here out rights
rows "$@" | xargs -P 2 -L 1 bash -c 'set -euo pipefail; boot "$@"' boot
rm -f "$out"/*.cpio

export BEACONWATCH_KERNELS=$out
[ $# -eq 0 ] || export BEACONWATCH_KERNELS_ONLY="$*"
cargo test --quiet --workspace --test kernels -- --ignored --nocapture
