# `make` alone lists the targets.
.DEFAULT_GOAL := help
VENV ?= .venv
PYTEST_ARGS ?=
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

.PHONY: lint
lint: setup ## ruff, mypy --strict, shellcheck
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/shellcheck scripts/*.sh .ci/run

.PHONY: test
test: lint ## everything: linters, then all tests against real servers
	$(VENV)/bin/pytest $(PYTEST_ARGS)

.PHONY: unit
unit: setup ## only the tests that start no database server
	$(VENV)/bin/pytest -m "not galera" $(PYTEST_ARGS)

.PHONY: unit-newest
unit-newest: ## the same on another Python, the newest that is here (NEWEST=python3.13)
	@command -v $(NEWEST) >/dev/null || { echo "NOT TESTED: there is no $(NEWEST) here; set NEWEST"; exit 1; }
	@PYTHON=$(NEWEST) VENV=.venv-newest scripts/setup.sh test
	.venv-newest/bin/pytest -m "not galera" $(PYTEST_ARGS)

.PHONY: bench
bench: setup ## the figures of docs/figures.md, side by side in one run
	$(VENV)/bin/python -m tests.bench
