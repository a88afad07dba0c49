#!/usr/bin/env bash
# Set-up, idempotent and quiet when nothing is to do: setup.sh GROUP...
#   rust   the pinned toolchain            build  what building needs (C compiler)
#   ebpf   toolchain and linker for the kernel object
#   demo   what the demo's scene is made of   test  real peers of the tests
#   deny   cargo-deny                      fuzz   cargo-fuzz
#   kernels  QEMU, and what building for arm64 needs
# Tools that are built go to $BEACONWATCH_CACHE (default ~/.cache/beaconwatch), never into the tree.
set -euo pipefail
# Lints are for our own crates.
unset RUSTC_WORKSPACE_WRAPPER
cache=${BEACONWATCH_CACHE:-$HOME/.cache/beaconwatch}
say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

# packages NAME...: Debian packages that are missing are installed (as root), or named.
packages() {
  local missing=() p
  for p in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null)" = "ii " ] || missing+=("$p")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || fail "missing: ${missing[*]}. Install them with your package manager."
  [ "$(id -u)" = 0 ] || fail "missing packages: sudo apt-get install ${missing[*]}"
  say "installing packages (usually under a minute): ${missing[*]}"
  local log; log=$(mktemp)
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "apt-get could not install: ${missing[*]} (log: $log)"; }
  rm -f "$log"
}

# tool CRATE VERSION USUAL-TIME [cargo install options]: a Rust program in the cache. Not optimized: each runs for seconds,
# and an optimized build takes three times as long.
tool() {
  local crate=$1 version=$2 usually=$3 root; shift 3
  root=$cache/tools/$crate-$version
  [ -x "$root/bin/$crate" ] && return 0
  say "building $crate $version (usually $usually, once)"
  mkdir -p "$cache/tools"
  local log; log=$(mktemp)
  cargo install "$crate" --debug --version "$version" --locked --root "$root" "$@" >"$log" 2>&1 ||
    { tail -n 30 "$log" >&2; fail "could not build $crate $version (log: $log)"; }
  rm -f "$log"
}

group_rust() {
  command -v cargo >/dev/null || fail "no cargo: install Rust with rustup (https://rustup.rs), then run this again"
  cargo --version >/dev/null || fail "the toolchain of rust-toolchain.toml is missing: rustup toolchain install"
}

group_build() { packages gcc libc6-dev make pkg-config git ca-certificates; }

group_ebpf() {
  [ -n "${BEACONWATCH_EBPF_OBJECT:-}" ] && return 0
  # A nightly with rust-src builds it with the LLVM that bpf-linker links; else Debian's own rustc does.
  packages llvm-22-dev zlib1g-dev libzstd-dev g++
  local sysroot; sysroot=$(rustup run nightly rustc --print sysroot 2>/dev/null || true)
  if [ -z "$sysroot" ] || [ ! -d "$sysroot/lib/rustlib/src/rust/library/core" ]; then
    packages rustc-web cargo-web rust-web-src
  fi
  LLVM_PREFIX=/usr/lib/llvm-22 tool bpf-linker 0.13.0 '1 minute' --no-default-features --features llvm-22
}

group_demo() { packages curl wget dnsmasq-base iproute2 openssl ca-certificates; }
group_test() {
  group_demo
  packages python3 dnsutils prometheus ngircd netcat-openbsd chromium
  packages ii tinyproxy-bin knot-dnsutils ngtcp2-client ngtcp2-server openssh-client tshark
}
group_kernels() {
  packages qemu-system-x86 qemu-system-arm cpio apparmor gcc-aarch64-linux-gnu libc6-dev-arm64-cross
  command -v rustup >/dev/null || return 0
  rustup target list --installed | grep -qx aarch64-unknown-linux-gnu && return 0
  say "adding the target aarch64-unknown-linux-gnu"
  rustup --quiet target add aarch64-unknown-linux-gnu
}
group_deny() { tool cargo-deny 0.20.2 '1-2 minutes'; }
group_fuzz() { tool cargo-fuzz 0.13.2 '1 minute'; packages clang; }

for group in "$@"; do
  declare -F "group_$group" >/dev/null || fail "no set-up group '$group'"
  "group_$group"
done
