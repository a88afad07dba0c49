#!/bin/bash
# packages.sh: the Debian packages that the local cluster runs on. Installs what is missing when it can, else says what is.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/paths.sh"

missing=()
need() { [ -e "$1" ] || command -v "$1" >/dev/null || missing+=("$2"); }
need runc runc
need /usr/lib/cni/bridge containernetworking-plugins
need nft nftables
need conntrack conntrack
need /bin/busybox busybox-static
need ip iproute2
need openssl openssl
need gcc gcc
need /usr/bin/curl curl
need /usr/bin/wget wget
need /usr/bin/python3 python3-minimal
need jq jq
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -q && apt-get install -qy --no-install-recommends "${missing[@]}"; } >"$cache/packages.log" 2>&1 ||
    { tail -20 "$cache/packages.log" >&2; fail "apt-get could not install ${missing[*]}"; }
else
  fail "missing: ${missing[*]} (apt-get install --no-install-recommends ${missing[*]})"
fi
