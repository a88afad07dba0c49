#!/bin/bash
# oci-archive.sh FILE.tar NAME:TAG DIRECTORY [ENTRYPOINT [USER [ARCHITECTURE]]]: packs a directory as an OCI image archive with one layer,
# for `ctr images import` or `skopeo copy oci-archive:`. The same directory gives the same bytes.
set -euo pipefail
out=$(realpath -m "$1") reference=$2 root=$3 entrypoint=${4:-} user=${5:-}
case ${6:-$(uname -m)} in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; *) architecture=${6:-$(uname -m)} ;; esac

layout=$(mktemp -d)
trap 'rm -rf "$layout"' EXIT
mkdir -p "$layout/blobs/sha256"

blob() { # FILE: moves it among the blobs; prints its digest and size as JSON members
  local digest size
  digest=$(sha256sum "$1" | cut -d' ' -f1) size=$(stat -c %s "$1")
  mv "$1" "$layout/blobs/sha256/$digest"
  printf '"digest": "sha256:%s", "size": %s' "$digest" "$size"
}
pack() { tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu "$@"; }

pack -cf "$layout/layer" -C "$root" .
layer=$(blob "$layout/layer")
digest=$(sed -E 's/.*(sha256:[0-9a-f]+).*/\1/' <<<"$layer")
cat >"$layout/config" <<C
{"architecture": "$architecture", "os": "linux",
 "config": {"User": "$user", "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]${entrypoint:+, \"Entrypoint\": [\"$entrypoint\"]}},
 "rootfs": {"type": "layers", "diff_ids": ["$digest"]}}
C
cat >"$layout/manifest" <<C
{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
 "config": {"mediaType": "application/vnd.oci.image.config.v1+json", $(blob "$layout/config")},
 "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", $layer}]}
C
cat >"$layout/index.json" <<C
{"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", $(blob "$layout/manifest"),
 "platform": {"architecture": "$architecture", "os": "linux"},
 "annotations": {"io.containerd.image.name": "$reference", "org.opencontainers.image.ref.name": "${reference##*:}"}}]}
C
echo '{"imageLayoutVersion": "1.0.0"}' >"$layout/oci-layout"
pack -cf "$out.part" -C "$layout" .
mv "$out.part" "$out"
