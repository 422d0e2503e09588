# The two commands: `make demo` and `make test`. Everything else is for people who work on the project.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
SOURCES := api_schemas client docs_build method service stack workers examples benchmarks tests
PYTEST := $(BIN)/python -m pytest
# Their tests start the whole stack, whose worker takes all cores.
ON_THE_STACK := tests/end_to_end tests/examples tests/stack
# What these import or start takes seconds.
NO_UNITS := $(addprefix tests/,benchmarks chaos compatibility end_to_end examples extending gpu service/http/test_whole_api.py)
BENCHMARKS := machine_peak deployment ladd_step labeler labelling ingest growth

help: ## show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: .venv/run.done ## set up, start the real stack, run a LADD job on real data, print the table
	@$(BIN)/python examples/demo.py

up: .venv/run.done ## start redis, s3, api and worker on loopback and leave them running
	@$(BIN)/python -m stack up

down: .venv/run.done ## stop what `make up` started
	@$(BIN)/python -m stack down

status: .venv/run.done ## say what of it runs, and where
	@$(BIN)/python -m stack status || test $$? = 3

logs: ## follow the logs of its api and worker
	@test -d .stack/logs || { echo "nothing was started here: make up"; exit 1; }
	@tail -n 50 -F .stack/logs/api.log .stack/logs/worker.log

test: .venv/dev.done ## everything CI checks: lint, types, import rules, the whole suite on the real stack
	@# The tests of the stack take longest and wait now and then: all else runs beside them.
	@$(MAKE) --no-print-directory --jobs 3 test-stack test-rooms lint

test-rooms: .venv/dev.done # the tests that need no stack
	$(PYTEST) -n auto --maxprocesses 4 --dist loadfile $(foreach room,$(ON_THE_STACK),--ignore $(room))

test-stack: .venv/dev.done # all of these on one stack
	$(PYTEST) $(ON_THE_STACK)

unit: .venv/dev.done ## the tests that need neither servers nor more than a second: for while you work
	$(PYTEST) -n auto --maxprocesses 4 -m 'not (servers or slow or chaos)' $(foreach room,$(NO_UNITS),--ignore $(room))

check: .venv/dev.done ## lint, types (kept in a daemon) and tests of one room: make check ROOM=workers/ladd/importers
	@test -d "$(ROOM)" || { echo "ROOM must be a folder of the code, like workers/ladd/importers"; exit 1; }
	$(BIN)/ruff check $(ROOM) $(wildcard tests/$(ROOM))
	$(BIN)/ruff format --check $(ROOM) $(wildcard tests/$(ROOM))
	$(BIN)/dmypy run
	$(BIN)/lint-imports
	$(if $(wildcard tests/$(ROOM)),$(PYTEST) tests/$(ROOM),@echo "there is no tests/$(ROOM)")

test-chaos: .venv/dev.done ## kill, cut off, fuzz and load the real stack: takes long
	$(PYTEST) -m chaos -n auto --maxprocesses 4 --dist worksteal

test-gpu: ## the engine on this GPU against the CPU, kills, memory: needs no .venv, only python3 with torch and the like
	@$(PYTHON) tests/gpu/run.py $(ARGS)

lint: .venv/dev.done ## ruff, mypy strict, import rules
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: .venv/dev.done ## format and fix
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: .venv/dev.done ## the engine against the field's loop on this CPU: takes hours
	@for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py || exit 1; done

openapi: .venv/run.done ## write docs/openapi.json from the code
	$(BIN)/python -m service.openapi > docs/openapi.json

docs: .venv/dev.done ## build the docs into site/; while you write: .venv/bin/python -m mkdocs serve
	$(BIN)/python -m mkdocs build --strict

clean: ## remove what the targets above made
	-test ! -d .stack || $(BIN)/python -m stack down
	-test ! -e .dmypy.json || $(BIN)/dmypy stop
	rm -rf .venv .stack .cache demo-output site *.egg-info

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found on PATH (or set PYTHON=...)"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run.done: pyproject.toml client/pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install --quiet --no-compile -c constraints.txt -e ./client -e '.[worker,embedded]'
	@touch $@

.venv/dev.done: pyproject.toml client/pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install --quiet --no-compile -c constraints.txt -e ./client -e '.[worker,embedded,dev]'
	@touch $@ .venv/run.done

.PHONY: help demo up down status logs test test-rooms test-stack unit check test-chaos test-gpu lint fmt bench openapi docs clean
