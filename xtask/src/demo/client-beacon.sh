# A check-in every two seconds, give or take 15 %, always of the same size.
certificate=$1 requests=$2
while :; do
  printf '{"id":"7c1f9a04","state":"ready"}' |
    curl -s -o /dev/null --cacert "$certificate" -d @- https://cdn-sync.example/u
  echo >> "$requests"
  sleep "$((1700 + RANDOM % 600))e-3"
done
