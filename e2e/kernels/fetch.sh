#!/usr/bin/env bash
# fetch.sh SUITE ARCHITECTURE PATTERN: the kernel of a Debian suite, unpacked below the cache (vmlinuz, release).
# Prints its directory. PATTERN chooses among the suite's packages; the newest of them counts. Packages come from the
# mirror that this machine is set up with, and are checked as apt checks them; nothing of the machine's own apt changes.
set -euo pipefail
suite=$1 architecture=$2 pattern=$3
cache=${BEACONWATCH_CACHE:-$HOME/.cache/beaconwatch}/kernels
kept=$cache/$suite-$architecture
# An older kernel of the same suite is still that row; none is none.
fail() {
  if [ -e "$kept/vmlinuz" ]; then
    printf 'kernels: %s; %s of %s stays\n' "$*" "$(cat "$kept/release")" "$(date -r "$kept/vmlinuz" +%F)" >&2
    echo "$kept"
    exit 0
  fi
  printf 'kernels: error: %s\n' "$*" >&2
  exit 1
}

# What was fetched is good for a week: a new kernel of a suite is then looked for, not at each run.
if [ -n "$(find "$kept/vmlinuz" -mtime -7 2>/dev/null)" ]; then echo "$kept"; exit 0; fi

for program in apt-get apt-cache dpkg-deb; do
  command -v "$program" >/dev/null || fail "no $program: the kernels come from Debian's packages"
done
# Of the machine's releases, not of their security updates.
mirror=$(apt-get indextargets --format '$(REPO_URI)' | awk '!/security/ && !seen++')
[ -n "$mirror" ] || fail "apt has no sources (/etc/apt/sources.list.d)"

apt=$cache/apt-$suite-$architecture
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/sources.list"
options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$apt/lists"
  -o "Dir::Cache=$apt" -o "Dir::Cache::archives=$apt/archives" -o Dir::State::status=/dev/null
  -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o Acquire::Languages=none
  -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root -o Acquire::Retries=3
  -o APT::Update::Error-Mode=any)

log=$(mktemp) work=$(mktemp -d)
trap 'rm -rf "$log" "$work"' EXIT
apt-get "${options[@]}" update >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "the package list of $suite ($architecture) cannot be had"; }
package=$(apt-cache "${options[@]}" pkgnames linux-image- |
  PATTERN="^linux-image-($pattern)\$" awk '$0 ~ ENVIRON["PATTERN"]' | sort -V | tail -n 1)
[ -n "$package" ] || fail "$suite ($architecture) has no package linux-image-$pattern"
(cd "$work" && apt-get "${options[@]}" download "$package" >"$log" 2>&1) ||
  { tail -n 20 "$log" >&2; fail "$package of $suite cannot be had"; }
dpkg-deb -x "$work"/linux-image-*.deb "$work/tree"
# In /boot of the image's package; since 2026 beside the modules, in a package of its own.
if [ -z "$(find "$work/tree" -name 'vmlinuz*' -type f)" ]; then
  (cd "$work" && apt-get "${options[@]}" download "${package/linux-image/linux-binary}" >"$log" 2>&1) ||
    { tail -n 20 "$log" >&2; fail "${package/linux-image/linux-binary} of $suite cannot be had"; }
  dpkg-deb -x "$work"/linux-binary-*.deb "$work/tree"
fi
vmlinuz=$(find "$work/tree" -name 'vmlinuz*' -type f | head -n 1)
[ -n "$vmlinuz" ] || fail "$package has no vmlinuz"

rm -rf "$kept.part" && mkdir -p "$kept.part"
cp "$vmlinuz" "$kept.part/vmlinuz"
echo "${package#linux-image-}" >"$kept.part/release"
rm -rf "$kept" && mv "$kept.part" "$kept"
printf 'kernels: %s has %s\n' "$suite ($architecture)" "$package" >&2
echo "$kept"
