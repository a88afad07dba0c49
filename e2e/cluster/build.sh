#!/bin/bash
# build.sh [SET...]: build the pinned programs of programs/SET from source into $BEACONWATCH_CACHE/cluster/bin.
#
# A set is a directory with go.mod and go.sum (versions and hashes), a recipe (which programs, which flags) and at
# most one main.go. Its stamp is the hash of those files and of the Go version: a set is built again only when one
# of them changed. Sets are independent, so one can be asked for alone (`build.sh helm kubeconform`).
set -euo pipefail
. "$(dirname "$(realpath "$0")")/paths.sh"

export CGO_ENABLED=0 GOWORK=off GOTOOLCHAIN=local
export GOFLAGS="-mod=readonly -trimpath -buildvcs=false -p=${BEACONWATCH_BUILD_JOBS:-$(nproc)}"

# Minutes on two cores with an empty Go build cache, to tell whoever waits what to expect.
declare -A usual_minutes=([etcd]=1 [containerd]=1 [kubernetes]=11 [helm]=2 [coredns]=1 [otelcol]=1 [kubeconform]=1 [promcheck]=1)

version_of() { go -C "$set_dir" list -m -f '{{.Version}}' "$1"; }

program() { # NAME PACKAGE, with the recipe's $tags and $ldflags
  go -C "$set_dir" build -tags "$tags" -ldflags "-s -w $ldflags" -o "$bin/.$1.building" "$2"
  mv "$bin/.$1.building" "$bin/$1"
}

build_set() (
  set_dir=$here/programs/$1 tags='' ldflags=''
  stamp=$bin/.$1.stamp
  exec 9>"$bin/.$1.lock"
  flock -n 9 || { say "$1 is being built already, waiting for it"; flock 9; }
  wanted=$({ cat "$set_dir"/{go.mod,go.sum,recipe}; cat "$set_dir"/*.go 2>/dev/null || true; go version; } | sha256sum)
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
  say "building $1 (usually ${usual_minutes[$1]:-?} min on two cores, once)"
  started=$SECONDS
  rm -f "$stamp"
  . "$set_dir/recipe"
  printf '%s' "$wanted" >"$stamp"
  say "built $1 in $((SECONDS - started)) s"
)

command -v go >/dev/null || fail "Go is needed to build the cluster's programs ($(sed -n 's/^go //p' "$here/programs/kubernetes/go.mod") or newer)"
mkdir -p "$bin"
[ $# -gt 0 ] || set -- $(ls "$here/programs")
for name in "$@"; do
  [ -f "$here/programs/$name/recipe" ] || fail "no such set of programs: $name (there are: $(ls "$here/programs" | tr '\n' ' '))"
  build_set "$name"
done
