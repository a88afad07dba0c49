#!/usr/bin/env bash
# boot.sh ARCHITECTURE KERNEL INITRAMFS SECONDS WORDS...: boots a kernel in QEMU, and prints what its console says. WORDS
# are added to its command line. It ends with the first process, or after SECONDS. TCG only: KVM is rarely to be had, and
# a row is to mean the same everywhere.
set -euo pipefail
architecture=$1 kernel=$2 initramfs=$3 seconds=$4
shift 4
case $architecture in
  amd64) machine=(qemu-system-x86_64 -machine pc -cpu max) console=ttyS0 ;;
  arm64) machine=(qemu-system-aarch64 -machine virt -cpu cortex-a72) console=ttyAMA0 ;;
  *) echo "boot: amd64 or arm64, not $architecture" >&2; exit 2 ;;
esac
exec nice -n "${BEACONWATCH_NICE:-10}" timeout "$seconds" "${machine[@]}" -accel tcg -smp 1 -m 1024 -nodefaults -display none -serial stdio \
  -no-reboot -kernel "$kernel" -initrd "$initramfs" \
  -append "console=$console quiet loglevel=1 panic=-1 $*" </dev/null
