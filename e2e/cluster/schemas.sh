#!/bin/bash
# schemas.sh: JSON schemas of the API of the oldest and the newest Kubernetes that we serve, for kubeconform; made from the
# OpenAPI documents in the Kubernetes sources (pinned by schemas/go.sum and programs/kubernetes/go.sum).
set -euo pipefail
. "$(dirname "$(realpath "$0")")/paths.sh"
export GOWORK=off GOFLAGS=-mod=readonly GOTOOLCHAIN=local

# One file per kind, each with the definitions that it needs; unknown fields are errors.
split='
  def strict: walk(if type == "object" and has("properties") and (.properties | type == "object")
                      and (has("additionalProperties") | not) and (has("x-kubernetes-preserve-unknown-fields") | not)
                   then .additionalProperties = false else . end);
  def relaxed: ."io.k8s.apimachinery.pkg.util.intstr.IntOrString" = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
             | ."io.k8s.apimachinery.pkg.api.resource.Quantity" = {"oneOf": [{"type": "string"}, {"type": "number"}]};
  def needed($all): . as $names | ([$all[$names[]] | .. | objects | ."$ref"? // empty | strings | ltrimstr("#/definitions/")] + $names | unique)
             | if . == $names then . else needed($all) end;
  (.definitions | strict | relaxed) as $all
  | $all | to_entries[] | select(.value."x-kubernetes-group-version-kind" != null) | . as $entry
  | .value."x-kubernetes-group-version-kind"[] | select(.kind | IN($kinds[]))
  | ((.kind + "-" + (if .group == "" then "" else (.group | split(".")[0]) + "-" end) + .version) | ascii_downcase) as $file
  | ([$entry.key] | needed($all)) as $names
  | {file: $file, schema: ({"$ref": ("#/definitions/" + $entry.key), definitions: (reduce $names[] as $n ({}; .[$n] = $all[$n]))})}'

kinds=$(grep -rhoE '^kind: [A-Za-z]+' "$repository/charts/beaconwatch/templates" | sort -u | awk '{print $2}' | jq -R . | jq -sc .)
for pins in "$here/schemas" "$here/programs/kubernetes"; do
  release=$(sed -nE 's/.*k8s.io\/kubernetes (v[0-9.]+).*/\1/p' "$pins/go.mod" | head -1)
  out=$cache/schemas/$release
  wanted=$({ echo "$kinds"; cat "$pins/go.sum" "$here/schemas.sh"; } | sha256sum)
  [ "$(cat "$out/.stamp" 2>/dev/null)" = "$wanted" ] && continue
  say "extracting API schemas of Kubernetes $release (usually 15 s, once)"
  sources=$(cd "$pins" && go mod download -json k8s.io/kubernetes | jq -r .Dir)
  rm -rf "$out"
  mkdir -p "$out"
  jq -c --argjson kinds "$kinds" "$split" "$sources/api/openapi-spec/swagger.json" | while read -r line; do
    jq -c .schema <<<"$line" >"$out/$(jq -r .file <<<"$line").json"
  done
  printf '%s' "$wanted" >"$out/.stamp"
done
