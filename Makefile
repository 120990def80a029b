# AWS Cost Agent. `make run` and `make test` need only make and Python 3.11 or newer.

VENV := .venv
BIN := $(VENV)/bin
PLAYGROUND := deploy/playground
BENCH := .venv-bench
RIVALS := .venv-rivals
CODE := api bot cards cli deploy manifest services tests app.py
HAS_NODE := command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'
NODE_READY := tests/node/node_modules/.ready $(PLAYGROUND)/node_modules/.ready

.DEFAULT_GOAL := help
.PHONY: help setup run playground check test test-all node lint format-check types contracts unit fmt docs manifest screenshots bench bench-replicas bench-detection bench-forecast bench-hold-ups bench-turns chaos fuzz prove-install clean
# Without cached bytecode every test process would spend seconds compiling all tests.
unexport PYTHONDONTWRITEBYTECODE
# Five processes on two cores: tests spend half of their time waiting for other processes.
PYTEST := $(BIN)/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/.run-ready ## create the environment (.venv) from the lock files

run: setup ## start the agent on 127.0.0.1:8001, with sample costs unless Datadog keys are set
	@$(BIN)/python app.py serve --first-report

playground: $(PLAYGROUND)/node_modules/.ready ## chat with the running agent in the browser, as in Teams
	@node $(PLAYGROUND)/start.mjs

check: ## check format, style, types and import contracts, and run the unit tests (90 s)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target types unit contracts format-check

test: lint node ## run everything except the slow tests, as the build server does (5 minutes)
	$(PYTEST)

test-all: lint node ## run all tests in their long forms (an hour), and what holds up the event loop
	$(PYTEST) --all
	$(MAKE) --no-print-directory bench-hold-ups

node: # packages for tests that run in Node; without it those tests are skipped with a reason
	@if $(HAS_NODE); then $(MAKE) -s $(NODE_READY) || echo "WARNING: npm could not install the test packages." >&2; \
	else echo "WARNING: Node.js 20 with npm was not found, so the bot is not tested in a browser." >&2; fi

lint: ## check format, style, types and import contracts
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target types contracts format-check

format-check: $(VENV)/.test-ready ## check format and style
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

types: $(VENV)/.test-ready ## check types
	$(BIN)/mypy $(CODE)

contracts: $(VENV)/.test-ready ## check the import contracts
	$(BIN)/lint-imports

unit: $(VENV)/.test-ready ## run the unit tests
	$(BIN)/python -m pytest -n 2 tests/unit

fmt: $(VENV)/.test-ready ## format the code
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

docs: $(VENV)/.test-ready ## generate the tables of commands and settings in the docs from the code
	$(BIN)/python -m tests.docs.tables

manifest: $(VENV)/.run-ready ## write the Teams app package, dist/manifest.zip
	@$(BIN)/python -m manifest

screenshots: $(VENV)/.test-ready node ## take the screenshots of conversations in docs/screenshots
	@$(BIN)/python -m tests.browser.screenshots

fuzz: $(VENV)/.test-ready ## run schemathesis against the whole API, with a key
	$(BIN)/python -m tests.api.fuzz

bench: $(VENV)/.test-ready ## measure a weekly run of 84 and of 1,000 accounts
	$(BIN)/python -m tests.bench.weekly_run

prove-install: $(VENV)/.test-ready ## follow docs/install-linux.md in a clean Debian (needs root and debootstrap)
	$(BIN)/python -m tests.install.prove

bench-turns: $(BENCH)/.ready ## compare a chat turn with botbuilder, the Agents SDK and bare aiohttp
	@$(BENCH)/bin/python -m tests.bench.turns

bench-hold-ups: $(VENV)/.test-ready ## assert that no chat command or payload blocks the event loop
	$(BIN)/python -m pytest -p tests.bench.hold_ups tests/bot/test_many_teams.py tests/bot/test_payloads.py tests/bot/test_commands.py

bench-replicas: $(VENV)/.test-ready ## measure the gain from a second replica, with and without a rate limit
	$(BIN)/python -m tests.bench.replicas

chaos: $(VENV)/.test-ready ## kill, freeze and disconnect three workers and what they depend on, 9 seeds
	nice -n 10 $(BIN)/python -m tests.chaos

bench-forecast: $(VENV)/.test-ready ## measure how often month-end ranges hold, by habit (a few minutes)
	$(BIN)/python -m tests.bench.forecast.coverage

bench-detection: $(RIVALS)/.ready ## compare detection with the usual rules, and measure its cost (an hour or two)
	@$(RIVALS)/bin/python -m tests.bench.detection.run
	@$(RIVALS)/bin/python -m tests.bench.detection.cost
	@$(RIVALS)/bin/python -m tests.bench.detection.real_path
	@$(RIVALS)/bin/python -m tests.bench.detection.numpy_kernel

clean: ## remove the environments and caches; DATA_DIR stays
	rm -rf $(VENV) $(BENCH) $(RIVALS) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(VENV)/.python:
	@python=""; for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "Python 3.11 or newer was not found. Install it and run make again." >&2; exit 1; fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$python cannot create environments. Install its venv package (Debian, Ubuntu: apt-get install python3-venv) and run make again." >&2; exit 1; fi; \
	echo "Creating the environment with $$($$python --version) …"; \
	rm -rf $(VENV) && $$python -m venv $(VENV) && touch $@

$(VENV)/.run-ready: $(VENV)/.python requirements.lock requirements-embedded.lock
	@echo "Installing the locked packages …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock -r requirements-embedded.lock
	@touch $@

$(VENV)/.test-ready: $(VENV)/.run-ready requirements-dev.lock
	@echo "Installing the locked packages for tests …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

%/node_modules/.ready: %/package-lock.json
	@if ! { $(HAS_NODE); }; then \
	  echo "Node.js 20 or newer with npm was not found. Install them and run make again." >&2; exit 1; fi
	@echo "Installing the locked packages for $* …"
	@cd $* && npm ci --silent
	@touch $@

$(BENCH)/.ready: $(VENV)/.python requirements-bench.lock requirements-embedded.lock
	@echo "Installing the locked packages for benchmarks …"
	@$(BIN)/python -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-bench.lock -r requirements-embedded.lock
	@touch $@

$(RIVALS)/.ready: $(VENV)/.python requirements.lock requirements-rivals.lock
	@echo "Installing the locked packages for the rules that detection is compared with …"
	@$(BIN)/python -m venv $(RIVALS)
	@$(RIVALS)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock -r requirements-rivals.lock
	@touch $@
