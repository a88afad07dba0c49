#!/bin/bash
# readme.sh: writes README.md from the text of README.md.template and the comments ("# -- …") of values.yaml. `readme.sh --check`
# only says whether README.md is what it would write.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")"

values_table() {
  awk '
    /^ *# -- / { text = $0; sub(/^ *# -- /, "", text); next }
    /^ *[A-Za-z]+:/ {
      indent = match($0, /[^ ]/) - 1; depth = indent / 2
      key = $0; sub(/^ */, "", key); sub(/:.*/, "", key)
      value = $0; sub(/^ *[A-Za-z]+: */, "", value)
      path[depth] = key
      if (text == "") next
      name = path[0]; for (i = 1; i <= depth; i++) name = name "." path[i]
      if (value == "") value = "see values.yaml"; else value = "`" value "`"
      gsub(/\|/, "\\|", text)
      printf "| `%s` | %s | %s |\n", name, value, text
      text = ""
    }' values.yaml
}

render() {
  while IFS= read -r line; do
    case $line in
      '<!-- values -->') echo '| value | default | what it does |'; echo '| --- | --- | --- |'; values_table ;;
      *) printf '%s\n' "$line" ;;
    esac
  done <README.md.template
}

case ${1:-} in
  --check) diff -u README.md <(render) >&2 || { echo "charts/beaconwatch/README.md is not what readme.sh writes: run it" >&2; exit 1; } ;;
  *) render >README.md.part && mv README.md.part README.md ;;
esac
