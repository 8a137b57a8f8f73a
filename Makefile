# Every target sets up what it needs in .venv; `make` alone says what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 2
# A file's tests stay together, since they share fixtures; the files stay in order, since conftest.py sorts them.
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=10
# Every page is read anew, since what is kept would keep silent about links that broke elsewhere.
SITE = $(BIN)/python -m sphinx --quiet --fresh-env --fail-on-warning -c docs -d build/doctrees . build/site

.PHONY: help demo try test test-all check site bench gpu clean
help:
	@echo "make demo      the whole way on the bundled samples, into demo/ (minutes)"
	@echo "make try       answer a HIT of the demo yourself, in the browser"
	@echo "make test      the tests; the last line says what was skipped and why"
	@echo "make test-all  the same, the exhaustive tests, what they cover, and the server's on PostgreSQL"
	@echo "make check     ruff and mypy; the documentation's links; eslint and prettier where node is"
	@echo "make site      the documentation as a site, into build/site"
	@echo "make bench     the benchmarks, some hours; most print ratios against a named peer"
	@echo "make gpu       does a GPU compute what the processor does, and how fast is a training step?"
	@echo "make clean     remove what the targets made"

# The environment. torch comes first: its CPU build where there is no GPU, a wheel at hand if there is one.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Glimpse needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
$(VENV)/.torch: constraints.txt | $(VENV)/bin/python
	@echo "Installing torch ..."
	@$(PIP) install --no-index --no-deps -c constraints.txt torch 2>/dev/null || \
	  { $(PIP) install uv && VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --torch-backend=auto -c constraints.txt torch; } || \
	  $(PIP) install -c constraints.txt torch
	@touch $@
$(VENV)/.run: setup.py constraints.txt $(VENV)/.torch
	@echo "Installing Glimpse ..."
	@$(PIP) install -c constraints.txt -e .
	@touch $@
$(VENV)/.dev: $(VENV)/.run
	@echo "Installing what the tests need ..."
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

# Chromium for the browser tests, where the system's package manager can be asked without a password.
.PHONY: chromium
chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null || [ -d "/Applications/Google Chrome.app" ] || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing Chromium ..." && \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	  echo "No Chromium here and none could be installed: the browser tests will be skipped, and say so."

demo: $(VENV)/.run
	@$(BIN)/python cli.py demo
try: $(VENV)/.run
	@$(BIN)/python cli.py preview demo/study --serve
test: $(VENV)/.dev chromium
	@$(PYTEST)
test-all: $(VENV)/.dev chromium
	@$(PYTEST) --exhaustive --cov --cov-report=term:skip-covered
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --database postgresql tests/mturk/server
check: $(VENV)/.dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@$(SITE)
	@if ! command -v npm >/dev/null; then \
	  echo "No node and npm here: the scripts of templates/ are not linted."; \
	elif ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(Number(a * 100 + +b < 2019))'; then \
	  echo "node is $$(node --version), eslint needs v20.19 or newer: the scripts of templates/ are not linted."; \
	else $(MAKE) -s node_modules/.package-lock.json && npm run --silent lint; fi
# What lints the scripts, exactly as package-lock.json has it.
node_modules/.package-lock.json: package.json package-lock.json
	@echo "Installing eslint and prettier ..."
	@npm ci --silent
site: $(VENV)/.dev
	@$(SITE) && echo "build/site/index.html"
bench: $(VENV)/.dev
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done
gpu: $(VENV)/.dev
	@$(BIN)/python benchmarks/gpu.py
clean:
	rm -rf $(VENV) build dist *.egg-info .coverage* htmlcov demo
