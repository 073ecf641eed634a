# What people call and what CI calls are the same: make demo, make test.
.DEFAULT_GOAL := help
.SUFFIXES:
SHELL := /bin/sh

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Many tests wait for others: two more workers than cores, and never many.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -lt 3 ] && echo $$((n + 2)) || echo 4)
NODE_OK = node --version 2>/dev/null | grep -qE '^v(2[0-9]|[3-9][0-9])\.'

.PHONY: help setup demo run test test-postgresql lint audit chaos chaos-fleet fuzz bench clean screenshots lighthouse frontend requirements

help:  ## Show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

$(VENV)/made:
	@$(PYTHON) scripts/check_python.py
	$(PYTHON) -m venv $(VENV)
	@touch $@

# The product alone, which is all `make demo` and `make run` need.
$(VENV)/product: $(VENV)/made requirements/run.txt requirements/build.txt requirements/node.txt pyproject.toml hatch_build.py
	$(PIP) install --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(NODE_OK) && command -v npm >/dev/null || { \
	  echo "No Node 20 or newer here: installing it into $(VENV)."; \
	  $(PIP) install --require-hashes -r requirements/node.txt; }
	PATH="$(abspath $(BIN)):$$PATH" $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# And what tests and lint need.
$(VENV)/tools: $(VENV)/product requirements/dev.txt
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/tools frontend  ## Install everything for development

frontend: $(VENV)/product  ## Build the page's CSS and JavaScript, if they changed
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python hatch_build.py

demo: $(VENV)/product frontend  ## Show Wattkeep with a real household and a virtual board
	@$(BIN)/wattkeep demo $(ARGS)

run: $(VENV)/product frontend  ## Run Wattkeep for real
	@$(BIN)/wattkeep up $(ARGS)

# The whole suite keeps a small machine so busy that a browser or a process may miss its time: what
# failed beside the others is run once more, alone, and counts then.
SUITE = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations 20
ALONE = { [ $$? -eq 1 ] || exit 1; echo "Failed beside others; once more, each alone:"; \
	  $(BIN)/python -m pytest --last-failed --last-failed-no-failures none --maxfail 3; }

test: setup  ## Run every test, and those about what is stored on PostgreSQL as well
	$(SUITE) $(if $(ARGS),$(ARGS),|| $(ALONE))
	$(if $(ARGS),,$(MAKE) test-postgresql)

test-postgresql: export SUITE_DATABASE = postgresql
test-postgresql: setup  ## Run the tests about what is stored on PostgreSQL
	$(SUITE) $(or $(ARGS),$(addprefix tests/,postgres ledger history alerts api live) || $(ALONE))

lint: setup  ## Check style, types, layers and what the repository holds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_repository.py
	$(BIN)/python scripts/check_security.py
	$(BIN)/python scripts/check_firmware.py

audit: setup  ## Ask the public lists of known holes about every dependency
	$(BIN)/python scripts/audit_dependencies.py

chaos: setup  ## Kill servers and databases under load for ten minutes
	CHAOS_SECONDS=$${CHAOS_SECONDS:-600} $(BIN)/python -m pytest tests/chaos/test_storms.py -s --timeout 0 $(ARGS)

chaos-fleet: setup  ## Restart everything under 2,000 virtual devices for fifteen minutes
	CHAOS_SECONDS=$${CHAOS_SECONDS:-900} CHAOS_DEVICES=$${CHAOS_DEVICES:-2000} \
	  $(BIN)/python -m pytest tests/chaos/test_fleet_storm.py -s --timeout 0 $(ARGS)

fuzz: setup  ## Send ten minutes of nonsense to the ingest endpoint, and twenty to the API
	FUZZ_SECONDS=$${FUZZ_SECONDS:-600} $(BIN)/python -m pytest tests/ingest/test_fuzz.py \
	  -s --timeout 0 $(ARGS)
	FUZZ_SECONDS=$${FUZZ_SECONDS:-1200} $(BIN)/python -m pytest tests/security/test_fuzz_api.py \
	  -s --timeout 0 $(ARGS)

bench: setup  ## Measure what matters, side by side
	$(BIN)/python benchmarks/ingest.py

screenshots: setup  ## Make docs/images from the running product; all pages: ARGS="--all FOLDER"
	$(BIN)/python scripts/screenshots.py $(ARGS)

lighthouse: setup  ## Ask Lighthouse about the live page
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python scripts/lighthouse.py $(ARGS)

requirements:  ## Pin the dependencies anew (needs uv)
	for part in "run pyproject.toml --extra board --extra postgres --extra scaled" "build requirements/build.in" \
	  "node requirements/node.in" "dev requirements/dev.in -c requirements/run.txt"; do \
	  set -- $$part; out=$$1; shift; \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --no-annotate --custom-compile-command "make requirements" \
	    "$$@" -o requirements/$$out.txt || exit 1; done

clean:  ## Remove everything that make made
	rm -rf $(VENV) node_modules frontend/node_modules scripts/lighthouse/node_modules src/wattkeep/web/static/dist build dist \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
