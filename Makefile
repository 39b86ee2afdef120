# Two commands on a fresh machine: `make demo` and `make test`. Both set up what they need in .venv first.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& { echo $$p; break; }; done)
WORKSPACE ?= workspace
HOST ?= 127.0.0.1
PORT ?= 8050
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard data/locale/*/LC_MESSAGES/*.po))

.PHONY: help setup demo serve test check format bench messages clean

help:
	@echo "make demo     set up, prepare the demo and serve it on http://$(HOST):$(PORT)"
	@echo "make serve    set up and serve the workspace ($(WORKSPACE))"
	@echo "make test     set up and run all tests"
	@echo "make check    formatting, lint, types, imports between floors"
	@echo "make bench    measure speed as ratios to bare baselines"

setup: $(VENV)/.runtime $(CATALOGUES)

demo: setup
	@$(BIN)/python -m dashboard --workspace $(WORKSPACE) serve --demo --host $(HOST) --port $(PORT)

serve: setup
	@$(BIN)/python -m dashboard --workspace $(WORKSPACE) serve --host $(HOST) --port $(PORT)

test: $(VENV)/.development $(CATALOGUES)
	$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

check: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.development
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.development
	$(BIN)/python -m benchmarks $(ARGS)

# Collects the texts marked for translation and brings every catalogue up to date with them; then translate what is new.
messages: $(VENV)/.development
	$(BIN)/pybabel -q extract --keyword=lazy --no-location --no-wrap --sort-output --ignore-dirs='.* migrations' \
		--output-file=data/locale/vitrine.pot dashboard callbacks layouts inference data
	$(BIN)/pybabel -q update -D vitrine -d data/locale -i data/locale/vitrine.pot --no-wrap --no-fuzzy-matching \
		--ignore-obsolete --ignore-pot-creation-date
	rm data/locale/vitrine.pot

$(CATALOGUES): %.mo: %.po | $(VENV)/.runtime
	$(BIN)/pybabel -q compile -i $< -o $@

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Vitrine needs Python 3.11, 3.12 or 3.13; install one, or name it: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements.txt
	@echo "Compiling what UMAP compiles at its first use, about half a minute, once"
	@$(BIN)/python -c "from inference.projections import warm_up; warm_up()"
	@touch $@

$(VENV)/.development: requirements-dev.txt $(VENV)/.runtime
	$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
