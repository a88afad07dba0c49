# The front door. Each target does its own set-up, and is quiet about what is already there.
SHELL := /bin/bash -o pipefail
CACHE ?= $(or $(BEACONWATCH_CACHE),$(HOME)/.cache/beaconwatch)
export BEACONWATCH_CACHE := $(CACHE)
# In CI build products stay in the cache, so that the next run is fast; by hand they are where cargo puts them.
ifeq ($(CI),true)
export CARGO_TARGET_DIR ?= $(CACHE)/target
# There, clippy is also the compiler of our own crates, so that lints and tests are one build (decision 60).
export RUSTC_WORKSPACE_WRAPPER := clippy-driver
export CLIPPY_ARGS := -Dwarnings
LINT := cargo xtask build-ebpf && cargo build --workspace --all-targets
else
LINT := cargo clippy --workspace --all-targets -- -D warnings
endif
DENY := $(CACHE)/tools/cargo-deny-0.20.2/bin/cargo-deny
say = @printf '\n== %s\n' "$(1)"

.DEFAULT_GOAL := help
.PHONY: help demo test test-kernels images all-tests check bench bench-detection fuzz build clean

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

demo: ## Set up, then see a beacon caught on this machine (2 minutes; first time 10)
	@scripts/setup.sh rust build ebpf demo
	$(call say,building the agent (first time about 5 minutes))
	@cargo xtask build-ebpf
	@cargo build --release --package beaconwatch-agent
	@cargo xtask demo

build: ## Build the agent and the operator (first time about 5 minutes)
	@scripts/setup.sh rust build ebpf
	@cargo xtask build-ebpf
	@cargo build --release --package beaconwatch-agent --package beaconwatch-operator

images: ## Pack images of the agent and the operator for amd64 and arm64, into target/images
	@scripts/setup.sh rust build ebpf kernels
	@images/build.sh $(or $(CARGO_TARGET_DIR),target)/images

check: ## fmt, clippy, house rules, licences (1 minute; first time 6)
	@scripts/setup.sh rust build ebpf deny
	$(call say,fmt)
	@cargo fmt --all --check
	@cargo fmt --check --manifest-path node-agent-ebpf/Cargo.toml
	$(call say,lints (cold about 4 minutes; on CI with the build of all tests about 8))
	@$(LINT)
	$(call say,house rules)
	@cargo xtask tidy
	$(call say,licences and duplicate or banned crates)
	@$(DENY) --log-level error check licenses bans sources

test: ## Set up, then all tests; root, eBPF and cluster parts run for real where they can (35 minutes; first time 55)
	@scripts/listing-skips.sh $(MAKE) --no-print-directory all-tests

# The list of what was skipped comes last, whatever failed.
all-tests:
	@scripts/setup.sh rust build ebpf test fuzz kernels
	@cargo xtask build-ebpf
	$(call say,identities computed a second time)
	@scripts/identity-vectors.py
	$(call say,tests (cold about 6 minutes to build; on CI built by now))
	@cargo test --workspace
	$(call say,other kernels (4 minutes; the first time 4 more to build for arm64))
	@e2e/kernels/run.sh
	$(call say,scenarios on a real cluster (12 minutes; the first time 18 more to build Kubernetes) and fuzzing beside them)
	@$(MAKE) --no-print-directory -j2 e2e fuzz FUZZ_SECONDS=$(or $(FUZZ_SECONDS),$(if $(CI),60,5))

test-kernels: ## Boot Linux 5.10 to the newest and arm64 with the agent, and write the table of docs/kernels.md
	@scripts/setup.sh rust build ebpf kernels
	@scripts/listing-skips.sh e2e/kernels/run.sh

fuzz: ## Fuzz every reader and parser for FUZZ_SECONDS each (60)
	@scripts/setup.sh rust build fuzz
	@nice -n 19 scripts/fuzz.sh

bench-detection: ## Recall and false alarms on labelled captures and simulated clusters (15 minutes)
	@scripts/setup.sh rust build
	@scripts/bench-detection.sh

bench: ## Figures of docs/performance.md (20 minutes; root for those of the kernel side and the agent)
	@scripts/setup.sh rust build ebpf
	@cargo xtask build-ebpf
	$(call say,engine and readers (cargo bench; 10 minutes))
	@cargo bench --workspace
	$(call say,kernel side)
	@cargo xtask bench-ebpf
	$(call say,whole agent)
	@cargo build --release --package beaconwatch-agent
	@scripts/bench-process.sh
	$(call say,replay)
	@scripts/bench-replay.sh

-include e2e/e2e.mk
