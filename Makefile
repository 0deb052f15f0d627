# nbtrack: `make demo` shows what it does, `make test` checks that it does, `make lab` opens the notebooks.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

# make demo MOVIE=raw.h5 PREDICTION=prediction.h5 OUT=folder
MOVIE      ?=
PREDICTION ?=
OUT        ?= demo_output

# Test processes side by side, and further words for pytest: make test WORKERS=4 PYTEST="-m 'not slow' tests/io"
WORKERS ?= 2
PYTEST  ?=

.PHONY: help env demo test lab bench packages clean chromium

help:
	@echo "make demo   track the sample movie (or MOVIE=... PREDICTION=...), write results and pictures to $(OUT)/"
	@echo "make lab    open the notebooks in JupyterLab"
	@echo "make test   ruff, mypy and every test"
	@echo "make bench  measure what is claimed about speed"
	@echo "make packages  count the packages that a base installation pulls in"
	@echo "make env    make the environment in $(VENV)/ for all of these"
	@echo "make clean  remove results and caches, but not the environment"

# Three stamps, so that the demo waits for nothing that only the tests need.
$(VENV)/.base: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nbtrack needs Python 3.11 or newer: found " + sys.version.split()[0] + ". Say which one to use: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing nbtrack into $(VENV)/ (once, a minute or two) ..."
	@$(PIP) install --upgrade "pip>=25.1"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.lab: $(VENV)/.base
	@echo "Installing JupyterLab, Notebook, Voila and GLPK ..."
	@$(PIP) install --editable ".[lab,glpk]"
	@touch $@

$(VENV)/.test: $(VENV)/.lab
	@echo "Installing what the tests need ..."
	@$(PIP) install --editable ".[lab,glpk,formats,scale,eval]" --group test --group dev
	@$(PIP) install --editable ".[cplex]" || echo "CPLEX has no package for this Python or system: its tests are skipped by name."
	@touch $@

env: $(VENV)/.test

demo: $(VENV)/.base
	@$(BIN)/nbtrack demo --out "$(OUT)" $(if $(MOVIE),--movie "$(MOVIE)") $(if $(PREDICTION),--prediction "$(PREDICTION)")

# The browser tests need a Chromium. Where none is there and none may be installed, they are skipped by name.
chromium:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	command -v apt-get >/dev/null || exit 0; \
	if [ "$$(id -u)" = 0 ]; then root=; elif sudo -n true 2>/dev/null; then root="sudo -n"; else exit 0; fi; \
	echo "Installing Debian's chromium for the browser tests ..."; \
	{ timeout 120 $$root apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive timeout 420 $$root apt-get install -qq -y --no-install-recommends chromium; } >/dev/null 2>&1 \
	|| echo "chromium could not be installed: the browser tests are skipped by name."

test: $(VENV)/.test chromium
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST)

lab: $(VENV)/.lab
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/00_index.ipynb

bench: $(VENV)/.test
	@set -e; for file in tests/benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

# A dry run of pip, for the Python of the environment: "N packages", which must be 60 at most.
packages: $(VENV)/.base
	@$(PIP) install --dry-run --ignore-installed --report - . 2>/dev/null | $(BIN)/python -c 'import json, sys; n = len(json.load(sys.stdin)["install"]); print(n, "packages"); sys.exit(n > 60)'

clean:
	rm -rf demo_output dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find nbtrack tests -name __pycache__ -type d -prune -exec rm -rf {} +
