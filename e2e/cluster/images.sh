#!/bin/bash
# images.sh: the image archives that every test cluster needs, made of programs on this machine; nothing is pulled.
# Made again only when the programs or the scripts that make them changed.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/paths.sh"

mkdir -p "$images"
stamp=$images/.stamp
wanted=$(sha256sum "$here/images.sh" "$here/pause.c" "$repository/images/oci-archive.sh" "$bin/.coredns.stamp" /bin/busybox \
  /usr/bin/{curl,wget,python3} | sha256sum)
[ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0
say "making images (a few seconds)"
rm -f "$images"/*.tar

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
pack() { "$repository/images/oci-archive.sh" "$images/$1.tar" "$2" "$root/$1" "${3:-}"; }

mkdir -p "$root"/{pause,coredns,tools/usr/bin,tools/bin,tools/etc,tools/tmp}
gcc -static -Os -o "$root/pause/pause" "$here/pause.c"
pack pause registry.k8s.io/pause:3.10 /pause

cp "$bin/coredns" "$root/coredns/"
pack coredns docker.io/beaconwatch-e2e/coredns:1 /coredns

# What the scenarios' pods run: a shell with busybox's tools, and the real curl, wget and python3 with their libraries.
cp /bin/busybox "$root/tools/bin/"
for applet in $(/bin/busybox --list | grep -vx -e busybox -e wget); do ln -s busybox "$root/tools/bin/$applet"; done
programs=(/usr/bin/curl /usr/bin/wget "$(realpath /usr/bin/python3)")
cp "${programs[@]}" "$root/tools/usr/bin/"
ln -sf "$(basename "$(realpath /usr/bin/python3)")" "$root/tools/usr/bin/python3"
libraries=$(for program in "${programs[@]}"; do ldd "$program"; done | awk '$2 == "=>" {print $3} $1 ~ /^\// {print $1}' | sort -u)
for library in $libraries; do
  install -D -m 0755 "$(realpath "$library")" "$root/tools$library"
done
library=$(/usr/bin/python3 -c 'import os; print(os.path.dirname(os.__file__))')
mkdir -p "$root/tools$library"
tar -C "$library" --exclude=__pycache__ --exclude=test --exclude=dist-packages -cf - . | tar -C "$root/tools$library" -xf -
echo 'root:x:0:0:root:/:/bin/sh' >"$root/tools/etc/passwd"
echo 'hosts: files dns' >"$root/tools/etc/nsswitch.conf"
chmod 1777 "$root/tools/tmp"
pack tools docker.io/beaconwatch-e2e/tools:1

printf '%s' "$wanted" >"$stamp"
