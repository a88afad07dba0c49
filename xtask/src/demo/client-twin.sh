# The same client at memoryless times (mean two seconds) and with varying sizes.
certificate=$1 requests=$2
while :; do
  head -c "$((20 + RANDOM * RANDOM % 20000))" /dev/zero |
    curl -s -o /dev/null --cacert "$certificate" --data-binary @- https://feed.example/u
  echo >> "$requests"
  sleep "$(awk -v seed="$RANDOM" 'BEGIN { srand(seed); print -2 * log(1 - rand()) }')"
done
