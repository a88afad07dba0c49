// The oldest Kubernetes that the chart says it runs on (charts/beaconwatch/Chart.yaml), for its API schemas only.
module e2e.local/schemas

go 1.26.0

require k8s.io/kubernetes v1.30.14
