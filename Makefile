# Each target makes what it needs: a virtual environment in .venv, made once and again when
# pyproject.toml has changed. Nothing is written outside this directory but pip's own cache.

SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PYTEST := $(BIN)/python -m pytest
QUICK := not slow and not registry and not slurm and not htcondor and not ssh and not stores and not hadd and not pythia
# Where `make slurm-up` and `make condor-up` put their instances
SLURM_HOME := /tmp/farmhand-slurm
CONDOR_HOME := /tmp/farmhand-condor
# Python files that are no part of the installed packages
AROUND := benchmarks examples/unbinned-toys tests/conftest.py tests/house tests/clusters

.PHONY: help demo test test-all test-long lint types bench docs clean again
.PHONY: schedulers hadd pythia slurm-up slurm-down condor-root condor-up condor-down
help:
	@echo "make demo       a toy study in 8 shards on this machine, from data to proof (2 minutes)"
	@echo "make test       the tests that need no network and no root (a few minutes)"
	@echo "make test-all   lint, types and every test; a skip is a failure"
	@echo "make test-long  every test, with many more kill points and random cases"
	@echo "make schedulers install what the tests need of schedulers and stores (test-all does it first)"
	@echo "make hadd       install ROOT's hadd into .venv, 250 MB (test-all does it first)"
	@echo "make pythia     install Pythia into .venv, 100 MB (test-all does it first)"
	@echo "make slurm-up   a private SLURM to play with; make slurm-down stops it"
	@echo "make condor-up  a private HTCondor pool to play with; make condor-down stops it"
	@echo "make lint       ruff and the direction of imports"
	@echo "make types      mypy --strict"
	@echo "make docs       links and commands shown in README.md and docs/"
	@echo "make bench      speed and memory beside raw reads, xargs and parallel (many minutes)"
	@echo "make clean      remove caches and builds (.venv, runs/ and demo-runs/ stay)"

demo: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/unbinned-toys/demo.sh

test: $(READY)
	@$(PYTEST) -n 2 -q -m "$(QUICK)"

test-all: schedulers hadd pythia lint types
	@$(PYTEST) -n 2 -q --no-skips

test-long: schedulers hadd pythia $(READY)
	@FARMHAND_LONG=1 $(PYTEST) -n 2 -q --no-skips

lint: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { $(BIN)/ruff format --diff . ; exit 1; }
	@$(BIN)/lint-imports --no-logo >$(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }
	@echo "lint: clean"

types: $(READY)
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/mypy --no-error-summary --explicit-package-bases $(AROUND)
	@echo "types: clean"

schedulers: condor-root
	@bash tests/clusters/install.sh

hadd: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group hadd

pythia: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group pythia

slurm-up: $(READY)
	@bash tests/clusters/install.sh
	@$(BIN)/python -m tests.clusters.slurm up $(SLURM_HOME)

slurm-down: $(READY)
	@$(BIN)/python -m tests.clusters.slurm down $(SLURM_HOME)

condor-root: $(READY)
	@$(BIN)/python -m tests.clusters.condor_root

condor-up: condor-root
	@$(BIN)/python -m tests.clusters.condor up $(CONDOR_HOME)

condor-down: $(READY)
	@$(BIN)/python -m tests.clusters.condor down $(CONDOR_HOME)

docs: $(READY)
	@$(PYTEST) -q tests/house/test_docs.py

bench: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks.run $(BENCH)

clean:
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# The stamp holds the directory it was made in: scripts in a virtual environment carry absolute
# paths, so a clone that was copied or moved would silently run the code of the old one.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
$(READY): again
endif

$(READY): pyproject.toml
	@if [ -e $@ ] && [ "$$(cat $@)" != "$(CURDIR)" ]; then rm -rf $(VENV); fi
	@if ! $(BIN)/python -c pass 2>/dev/null; then \
	  python=; \
	  for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	    then python=$$candidate; break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "farmhand needs Python 3.11 or newer; python3 here is: $$(python3 --version 2>&1)" >&2; \
	    echo "Install one, or say where it is: make PYTHON=/path/to/python3.12" >&2; exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$("$$python" --version), once; this takes about a minute"; \
	  "$$python" -m venv --clear $(VENV) || \
	    { echo "$$python cannot make a virtual environment (on Debian: apt install python3-venv)" >&2; \
	      rm -rf $(VENV); exit 1; }; \
	fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . \
	  --group dev --group demo
	@echo "$(CURDIR)" >$@
