# `make` alone lists the targets.
.DEFAULT_GOAL := help
VENV ?= .venv
PYTEST_ARGS ?=
# Most tests wait for servers: more of them at a time than cores.
WORKERS ?= 3
MODEL_ARGS ?=
NEWEST ?= python3.13

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## three real Galera servers on loopback: first start, power cut, recovery (installs what is missing)
	@scripts/setup.sh demo
	@$(VENV)/bin/python -m tests.lab demo

.PHONY: setup
setup: ## install what the tests need
	@scripts/setup.sh test

.PHONY: images
images: setup ## the container images, their archives and bills of materials in dist/images (BASE=another base image)
	$(VENV)/bin/python -m images.build $(if $(BASE),--base $(BASE))

.PHONY: manifest-tools
manifest-tools: setup ## what the manifests are checked with: kustomize or kubectl, checkov in a virtual environment of its own
	$(VENV)/bin/python -m tests.support.manifests.kustomize || echo "NOT TESTED without it: how the manifests are built"
	[ -x .venv-checkov/bin/checkov ] || { $(VENV)/bin/python -m venv .venv-checkov && .venv-checkov/bin/pip install --quiet --disable-pip-version-check checkov; }

.PHONY: lint
lint: setup ## ruff, mypy --strict, shellcheck, hadolint, yamllint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/shellcheck scripts/*.sh bootstrap/operations/shipped/*.sh images/*/*.sh tests/support/images/official/*.sh tests/support/guide/*.sh manifests/examples/*/*.sh manifests/components/*/*.sh .ci/run
	$(VENV)/bin/hadolint --failure-threshold style images/*/Dockerfile tests/support/images/official/Dockerfile
	$(VENV)/bin/yamllint -c manifests/.yamllint manifests

.PHONY: test
test: lint images manifest-tools ## everything: linters, the images, then all tests against real servers and containers (WORKERS=3 at a time)
	$(VENV)/bin/pytest -n $(WORKERS) --no-loadscope-reorder $(PYTEST_ARGS)

.PHONY: unit
unit: setup ## only the tests that start no database server
	$(VENV)/bin/pytest -m "not galera and not images" $(PYTEST_ARGS)

.PHONY: unit-newest
unit-newest: ## the same on another Python, the newest that is here (NEWEST=python3.13)
	@command -v $(NEWEST) >/dev/null || { echo "NOT TESTED: there is no $(NEWEST) here; set NEWEST"; exit 1; }
	@PYTHON=$(NEWEST) VENV=.venv-newest scripts/setup.sh test
	.venv-newest/bin/pytest -m "not galera and not images" $(PYTEST_ARGS)

.PHONY: fuzz
fuzz: setup ## broken DNS answers and resolv.conf for peer-finder, half an hour in all (FUZZ_SECONDS for each of eight tests)
	FUZZ_SECONDS=$${FUZZ_SECONDS:-225} $(VENV)/bin/pytest tests/unit/peerfinder/dns/test_fuzz.py tests/unit/peerfinder/dns/test_same_answer.py -o timeout=0 $(PYTEST_ARGS)

.PHONY: man
man: setup ## the manual page of peer-finder, made of what the program says itself
	$(VENV)/bin/python -m tests.support.peerfinder.manual

.PHONY: examples
examples: manifest-tools ## the tests of manifests/examples with all their servers (installs Java and Erlang)
	@scripts/setup.sh examples
	$(VENV)/bin/pytest tests/system/examples $(PYTEST_ARGS)

.PHONY: cluster-tools
cluster-tools:
	@scripts/setup.sh cluster
	$(VENV)/bin/python -m tests.kubernetes binaries

.PHONY: cluster
cluster: cluster-tools ## a real Kubernetes on this machine with our images (root; the first time builds Kubernetes: 10 to 25 minutes)
	$(VENV)/bin/python -m tests.kubernetes up
	$(VENV)/bin/python -m tests.kubernetes load

.PHONY: fault
fault: setup images ## the faults of docs/faults.md in their long form, and all else that takes long in the lab (D=D5 for one of them)
	E2E_FULL=1 $(VENV)/bin/pytest $(if $(D),-m $(D)) $(PYTEST_ARGS) tests/system/faults tests/system/lab tests/unit/lab tests/system/containers

.PHONY: soak
soak: setup ## random faults in the lab under writing clients, into one log (MINUTES=30, SEED=that of an earlier run: goes on there)
	$(VENV)/bin/python -m tests.faults --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED))

.PHONY: e2e
e2e: $(if $(E2E_CONTEXT),setup,cluster-tools) ## the tests on a real Kubernetes (E2E_CONTEXT=a context of your kubeconfig)
	E2E_FULL=1 $(VENV)/bin/pytest tests/system/kubernetes $(PYTEST_ARGS)

.PHONY: soak-cluster
soak-cluster: cluster-tools ## random faults on a real Kubernetes under a writing client (MINUTES=15, SEED=that of an earlier run)
	$(VENV)/bin/python -m tests.kubernetes --folder .lab/soak soak --minutes $(or $(MINUTES),15) $(if $(SEED),--seed $(SEED))

.PHONY: model
model: setup ## the protocol's model checker, for minutes (MODEL_ARGS="--deviations 3 --walks 1000")
	$(VENV)/bin/python -m tests.model $(MODEL_ARGS)

.PHONY: bench
bench: setup ## the figures of docs/figures.md, side by side in one run
	$(VENV)/bin/python -m tests.bench
