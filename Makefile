# `make serve` and `make test` need Python >= 3.11 and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix web
PAGE := $(shell find web examples docs/results -type f -not -path '*/node_modules/*' -not -path '*/.next/*' \
	-not -path '*/out/*' -not -path '*/public/*' 2>/dev/null)
export NEXT_TELEMETRY_DISABLED := 1

.PHONY: serve test bench lint types figures screenshots ablation clean

serve: .venv/core  ## the page and the API at http://127.0.0.1:5000
	$(BIN)/unmask serve

test: lint  ## everything that checks the project
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile --ignore tests/e2e --ignore tests/test_speed.py
	$(BIN)/pytest --numprocesses 2 --dist loadfile tests/e2e
	$(BIN)/pytest tests/test_speed.py
	$(NPM) test

bench: .venv/dev .venv-reference  ## measure speed and memory on a quiet machine: some six minutes
	$(BIN)/pip install --quiet 'matplotlib>=3.9'
	$(BIN)/python -m benchmarks

lint: .venv/dev web/node_modules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(NPM) run lint
	$(NPM) run typecheck
	@cp web/lib/api-types.ts .venv/api-types.ts && $(MAKE) --no-print-directory types \
		&& cmp web/lib/api-types.ts .venv/api-types.ts \
		|| { echo "web/lib/api-types.ts was out of date: commit what make types wrote"; exit 1; }

types: .venv/dev web/node_modules  ## the page's types from the API's own document
	$(BIN)/python -c 'import json; from unmask.server import openapi_document; \
		print(json.dumps(openapi_document()))' > web/openapi.json
	$(NPM) run types

figures: .venv/dev  ## rewrite the figures of the documents from docs/results, and the verdicts
	$(BIN)/python scripts/readme_verdicts.py
	$(BIN)/python -m unmask.evaluation.tables README.md docs/*.md
	$(BIN)/python scripts/ablation.py

ablation: .venv/dev  ## make ablation MANIFEST=… RUNS=… START=…: hours; killed, it goes on (needs unmask[train])
	$(BIN)/python scripts/ablation.py $(MANIFEST) $(RUNS) --start $(START)

screenshots: .venv/dev  ## rewrite docs/images from the shipped examples, in a real Chromium
	$(BIN)/python scripts/screenshots.py

.venv/core: pyproject.toml hatch_build.py $(PAGE)
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/dev: .venv/core
	$(BIN)/pip install --quiet --editable '.[dev,heic]'
	touch $@

.venv-reference: benchmarks/reference/requirements.txt
	$(PYTHON) -m venv $@
	$@/bin/pip install --quiet --requirement $<
	touch $@

web/node_modules: web/package-lock.json | .venv/dev
	$(NPM) ci
	touch $@

clean:
	rm -rf .venv .venv-* web/node_modules web/.next web/out src/unmask/server/static
