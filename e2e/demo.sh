#!/bin/bash
# demo.sh: the walk-through of the README on the local cluster (make cluster-up first): install, a policy, a pod that
# beacons, the finding, an exception, uninstall. Every command is printed before it runs.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/cluster/paths.sh"
cd "$repository"
export KUBECONFIG=$kubeconfig
[ -e "/run/netns/$name" ] || fail "the cluster is not up (make cluster-up)"

show() { printf '\n$ %s\n' "$*"; in_control_plane "$@"; }
apply() { printf '\n$ kubectl apply -f - <<E\n%s\nE\n' "$1"; in_control_plane kubectl apply -f - <<<"$1"; }

archives=$cache/run/$name/product-images
e2e/images.sh "$archives"
"$here/load.sh" "$archives"/*.tar "$images/tools.tar"

# What the pod calls: a web server outside the cluster.
setsid nsenter --net="/run/netns/$name" python3 -c '
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")
HTTPServer(("203.0.113.9", 8080), Answer).serve_forever()' >/dev/null 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT

show helm upgrade --install beaconwatch charts/beaconwatch --namespace beaconwatch --create-namespace \
  --values e2e/values.yaml --set agent.cgroupPath=/sys/fs/cgroup/unified --wait
show kubectl get beaconnodes

in_control_plane kubectl create namespace payments --dry-run=client -o yaml | in_control_plane kubectl apply -f - >/dev/null
apply 'apiVersion: beaconwatch.io/v1alpha1
kind: BeaconPolicy
metadata: {name: payments, namespace: payments}
spec:
  mode: Alert
  detectors:
    beacon: {minimumSpan: 1m}   # so that the demo is short; 15m by default'
apply 'apiVersion: apps/v1
kind: Deployment
metadata: {name: reports, namespace: payments}
spec:
  selector: {matchLabels: {app: reports}}
  template:
    metadata: {labels: {app: reports}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: app
        image: docker.io/beaconwatch-e2e/tools:1
        imagePullPolicy: Never
        command: [sh, -c, "mkdir /tmp/.x; cp /usr/bin/curl /tmp/.x/curl; while true; do /tmp/.x/curl -s -o /dev/null http://203.0.113.9:8080/; sleep 5; done"]'
say "waiting for the finding (about 2 minutes)"
found() { [ -n "$(in_control_plane kubectl get beaconfindings -n payments -o name)" ]; }
until_true 300 "a finding" found
show kubectl get beaconpolicies --all-namespaces
show kubectl get beaconfindings --all-namespaces
show kubectl describe beaconfindings --namespace payments
show kubectl get events --namespace payments --field-selector involvedObject.kind=Pod
apply 'apiVersion: beaconwatch.io/v1alpha1
kind: BeaconPolicy
metadata: {name: payments, namespace: payments}
spec:
  mode: Alert
  detectors:
    beacon: {minimumSpan: 1m}
  exceptions:
  - name: reports
    reason: approved by the platform team
    match: {executables: [/tmp/.x/curl], destinations: [203.0.113.9/32], ports: [8080]}'
show kubectl get beaconpolicies --all-namespaces
show kubectl delete namespace payments
show helm uninstall beaconwatch --namespace beaconwatch --wait
