# `make` alone lists the targets.
.DEFAULT_GOAL := help
VENV ?= .venv
PYTEST_ARGS ?=
# More workers than cores, because most tests wait for servers.
WORKERS ?= 4
MODEL_ARGS ?=
MUTANTS_ARGS ?=
NEWEST ?= python3.13
# The series of MariaDB that everything runs on, as 11.8; without it, processes run that of this machine, and containers 11.8.
SERIES ?=
export SERIES

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## run three real Galera servers on loopback: first start, power cut, recovery (installs missing packages; SERIES=11.8)
	@scripts/setup.sh demo
	@$(VENV)/bin/python -m tests.lab demo

.PHONY: setup
setup: ## install everything that the tests need
	@scripts/setup.sh test

.PHONY: images
images: ## build the container images, with archives and bills of materials in dist/images (BASE=another base image, SERIES=10.11 for one series)
	@scripts/setup.sh images
	$(VENV)/bin/python -m images.build $(if $(BASE),--base $(BASE)) $(if $(SERIES),--series $(SERIES))

.PHONY: manifest-tools
manifest-tools: setup ## install the tools that check the manifests: kustomize or kubectl, helm, krew's validator, gofakes3, mysqld_exporter, and checkov in its own virtual environment
	$(VENV)/bin/python -m tests.support.manifests.kustomize || echo "NOT TESTED: how the manifests are built"
	$(VENV)/bin/python -m tests.support.manifests.helm || echo "NOT TESTED: the chart"
	$(VENV)/bin/python -m tests.support.actionlint || echo "NOT TESTED: the workflows"
	$(VENV)/bin/python -m tests.support.exporter || echo "NOT TESTED: mysqld_exporter"
	$(VENV)/bin/python -m tests.support.object_store || echo "NOT TESTED: backups in an object storage"
	$(VENV)/bin/python -m tests.support.kubectl.tools || echo "NOT TESTED: the manifest of kubectl galera for krew"
	[ -x .venv-checkov/bin/checkov ] || { $(VENV)/bin/python -m venv .venv-checkov && .venv-checkov/bin/pip install --quiet --disable-pip-version-check checkov; }

.PHONY: chart-docs
chart-docs: setup ## make the schema and the table of values of the chart from its values.yaml
	$(VENV)/bin/python -m tests.support.manifests.chart_pages

.PHONY: lint
lint: setup ## run ruff, mypy --strict, codespell, shellcheck, hadolint, yamllint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy scripts/release.py docs/conf.py
	$(VENV)/bin/codespell
	$(VENV)/bin/shellcheck scripts/*.sh bootstrap/operations/shipped/*.sh images/*/*.sh tests/support/images/official/*.sh tests/support/guide/*.sh manifests/examples/*/*.sh manifests/components/*/*.sh scripts/plugin/*.sh scripts/plugin/kubectl* .ci/run
	$(VENV)/bin/hadolint --failure-threshold style images/*/Dockerfile tests/support/images/official/Dockerfile
	$(VENV)/bin/yamllint -c manifests/.yamllint manifests

.PHONY: plugin
plugin: ## pack kubectl galera, with its manifest for krew, in dist/plugin (URL=where the archive will be)
	@scripts/plugin/package.sh $(or $(URL),https://example.org/kubectl-galera.tar.gz)

.PHONY: test
test: lint images manifest-tools ## run the linters, build the images, then run all tests with real servers and containers (WORKERS=4 at a time)
	$(VENV)/bin/pytest -n $(WORKERS) --no-loadscope-reorder --durations=20 $(PYTEST_ARGS)

.PHONY: unit
unit: setup ## run only the tests that start no database server
	$(VENV)/bin/pytest -m "not galera and not images" $(PYTEST_ARGS)

.PHONY: unit-newest
unit-newest: ## run the same tests with another Python (NEWEST=python3.13)
	@command -v $(NEWEST) >/dev/null || { echo "NOT TESTED: $(NEWEST) is not installed; set NEWEST to another Python"; exit 1; }
	@PYTHON=$(NEWEST) VENV=.venv-newest scripts/setup.sh test
	.venv-newest/bin/pytest -m "not galera and not images" $(PYTEST_ARGS)

.PHONY: fuzz
fuzz: setup ## give peer-finder broken DNS answers and resolv.conf files for half an hour (FUZZ_SECONDS for each of eight tests)
	FUZZ_SECONDS=$${FUZZ_SECONDS:-225} $(VENV)/bin/pytest tests/unit/peerfinder/dns/test_fuzz.py tests/unit/peerfinder/dns/test_same_answer.py -o timeout=0 $(PYTEST_ARGS)

.PHONY: docs
docs: ## build the site of these documents in dist/docs, with each link checked (npm, where it is there, brings what draws diagrams)
	@scripts/setup.sh docs
	$(VENV)/bin/python -m tests.support.site.build

.PHONY: man
man: setup ## write the manual pages from the programs' own help
	$(VENV)/bin/python -m tests.support.manuals.peer_finder
	$(VENV)/bin/python -m tests.support.manuals.galera_bootstrap

.PHONY: reference
reference: man chart-docs ## write all pages that are made from the code: manual pages, the chart's values, docs/reference
	$(VENV)/bin/python -m tests.support.reference.write

.PHONY: examples
examples: manifest-tools ## run the tests of manifests/examples with all their servers (installs Java and Erlang)
	@scripts/setup.sh examples
	E2E_FULL=1 $(VENV)/bin/pytest tests/system/examples $(PYTEST_ARGS)

.PHONY: cluster-tools
cluster-tools:
	@scripts/setup.sh cluster
	$(VENV)/bin/python -m tests.kubernetes binaries

.PHONY: cluster
cluster: cluster-tools ## start a real Kubernetes on this machine with our images (as root; the first build takes 10 to 25 minutes)
	$(VENV)/bin/python -m tests.kubernetes up
	$(VENV)/bin/python -m tests.kubernetes load

.PHONY: fault
fault: setup images ## run the faults of docs/faults.md in their long form, and all other long tests of the lab (D=D5 for one fault)
	E2E_FULL=1 $(VENV)/bin/pytest $(if $(D),-m $(D)) $(PYTEST_ARGS) tests/system/faults tests/system/lab tests/unit/lab tests/system/containers tests/system/images

.PHONY: soak
soak: setup ## cause random faults in the lab while clients write, with one log (MINUTES=30, SEED=of an earlier run, to continue it)
	$(VENV)/bin/python -m tests.faults --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED))

.PHONY: e2e
e2e: $(if $(E2E_CONTEXT),setup,cluster-tools) ## run the tests on a real Kubernetes (E2E_CONTEXT=a context of your kubeconfig)
	E2E_FULL=1 $(VENV)/bin/pytest tests/system/kubernetes $(PYTEST_ARGS)

.PHONY: soak-cluster
soak-cluster: cluster-tools ## cause random faults on a real Kubernetes while a client writes (MINUTES=15, SEED=of an earlier run)
	$(VENV)/bin/python -m tests.kubernetes --folder .lab/soak soak --minutes $(or $(MINUTES),15) $(if $(SEED),--seed $(SEED))

.PHONY: model
model: setup ## run the model checker of the protocol, which takes minutes (MODEL_ARGS="--deviations 3 --steps 1000000")
	$(VENV)/bin/python -m tests.model $(MODEL_ARGS)

.PHONY: mutants
mutants: setup ## change each condition of bootstrap/core by one step, and see that a test notices (MUTANTS_ARGS="bootstrap/core/participant --killers")
	$(VENV)/bin/python -m tests.mutation $(MUTANTS_ARGS)

.PHONY: release
release: ## write another version into every place that names it (VERSION=0.2.0, REGISTRY=ghcr.io/someone for the images, HOMEPAGE=https://... for package and chart)
	@python3 scripts/release.py $(VERSION) $(if $(REGISTRY),--registry=$(REGISTRY)) $(if $(HOMEPAGE),--homepage=$(HOMEPAGE))

.PHONY: bench
bench: setup ## measure the figures of docs/figures.md, side by side in one run
	$(VENV)/bin/python -m tests.bench
