#!/bin/bash
# rootfs.sh PROGRAM DIRECTORY: the root filesystem of the image of PROGRAM (a path), written into DIRECTORY.
#
# The one list of what is in our images: Containerfile copies its result, and the local cluster packs it with
# oci-archive.sh. There is no distribution in it, no shell and no package manager:
#   the program, the dynamic loader and the libraries that it names, certificate authorities, three files in /etc.
# The programs are linked dynamically although they are alone here: a static glibc cannot look up names, and the
# address of an OpenTelemetry collector is a name.
set -euo pipefail
program=$1 root=$2

install -D -m 0755 "$program" "$root/usr/bin/$(basename "$program")"

own() { # libraries of a program of this machine's architecture
  # "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)" and "/lib64/ld-linux-x86-64.so.2 (0x…)"
  ldd "$program" | awk '$2 == "=>" {print $3} $1 ~ /^\// {print $1}' | sort -u | while read -r library; do
    install -D -m 0755 "$(realpath "$library")" "$root$library"
  done
}

cross() { # TRIPLE: those of a program that was built for another, from Debian's packages for cross building
  local from=/usr/$1/lib to=$root/lib/$1 loader library waiting=("$program")
  loader=$(readelf -l "$program" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
  install -D -m 0755 "$from/$(basename "$loader")" "$root$loader"
  while [ ${#waiting[@]} -gt 0 ]; do
    for library in $(readelf -d "${waiting[0]}" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
      [ "$library" != "$(basename "$loader")" ] && [ ! -e "$to/$library" ] || continue
      install -D -m 0755 "$from/$library" "$to/$library"
      waiting+=("$from/$library")
    done
    waiting=("${waiting[@]:1}")
  done
}

case $(LC_ALL=C readelf -h "$program" | sed -n 's/ *Machine: *//p')/$(uname -m) in
  *X86-64/x86_64 | AArch64/aarch64) own ;;
  *X86-64/*) cross x86_64-linux-gnu ;;
  AArch64/*) cross aarch64-linux-gnu ;;
  *) echo "rootfs: $program is for neither amd64 nor arm64" >&2; exit 1 ;;
esac

install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
install -d "$root/etc" "$root/proc" "$root/sys" "$root/dev" "$root/var/lib/beaconwatch"
install -d -m 1777 "$root/tmp"
cat >"$root/etc/passwd" <<'C'
root:x:0:0:root:/:/sbin/nologin
nonroot:x:65532:65532:nonroot:/:/sbin/nologin
C
cat >"$root/etc/group" <<'C'
root:x:0:
nonroot:x:65532:
C
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
