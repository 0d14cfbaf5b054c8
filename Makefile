# Everything sets itself up: a fresh machine needs Python 3.11 or later, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test bench ui lint documents lock clean

run: $(READY)
	@$(BIN)/register run

test: $(READY)
	$(BIN)/pytest --numprocesses 2 --dist loadfile

bench: $(READY)
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.peers

ui: $(READY)
	@$(BIN)/register ui

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

# After a change of the policy, of a table, a source or a test's clauses: the pages that are made of them.
documents: $(READY)
	@mkdir -p docs/notices
	$(BIN)/register notice --lang fi --out docs/notices/fi.md
	$(BIN)/register notice --lang sv --out docs/notices/sv.md
	$(BIN)/register notice --lang en --out docs/notices/en.md
	$(BIN)/register report processing --out docs/record-of-processing.md
	$(BIN)/register report traceability --out docs/traceability.md

# Only after a change of dependencies; needs `uv`.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras --group dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV)
