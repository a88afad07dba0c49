# A package manager at work: packages one after the other, then a while nothing.
requests=$2
while :; do
  for kib in 40 900 120 12 300 75 1800 20; do
    wget -q -O /dev/null "http://mirror.example/$kib.deb"
    echo >> "$requests"
  done
  sleep "$((20 + RANDOM % 20))"
done
