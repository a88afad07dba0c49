# The chart and the cluster; included by the Makefile.
.PHONY: cluster-up cluster-down cluster-demo chart-tools chart-test e2e

cluster-up: ## Start a two-node Kubernetes on this machine (root; seconds, the first time about 15 minutes)
	@e2e/cluster/up.sh 2
	@printf 'next: e2e/cluster/enter.sh kubectl get nodes\n'

cluster-down: ## End it; nothing is left of it
	@e2e/cluster/down.sh

cluster-demo: ## Install the chart on it, start a beaconing pod and show the finding
	@e2e/demo.sh

chart-test: chart-tools ## Lint, render and check the chart (the first time 3 minutes to build helm)
	@scripts/listing-skips.sh cargo test --package beaconwatch-e2e --test chart

chart-tools:
	@if command -v go >/dev/null; then e2e/cluster/build.sh helm kubeconform promcheck && e2e/cluster/schemas.sh; \
	else scripts/skip.sh "tests of the chart" "Go is needed to build helm, kubeconform and promcheck"; fi

# The tests of the whole workspace include those of the chart.
all-tests: chart-tools

e2e: ## All scenarios on a real cluster: KUBECONFIG's if set, else one started and ended here (root)
	@e2e/run.sh
