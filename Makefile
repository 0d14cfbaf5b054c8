# Everything sets itself up: a fresh machine needs Python 3.11 or later, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# A file's tests stay in one process; files begin in the order that tests/support/seconds.py gives.
ON_TWO := --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: run check test deployment thorough seconds campaign browser bench ui lint documents docs screenshots lock clean

run: $(READY)
	@$(BIN)/register run

# The daily loop: lint, types, and the quickest test files.
check: lint
	$(BIN)/pytest $(ON_TWO) --quick

test: $(READY)
	$(BIN)/pytest $(ON_TWO)

# A team's deployment for real; needs PostgreSQL, nginx and OpenSSL of the operating system.
deployment: $(READY)
	$(BIN)/pytest -m deployment tests/deployment

# Properties on twenty times as many examples.
thorough: $(READY)
	THOROUGH=1 $(BIN)/pytest $(ON_TWO)

# After a change of how long tests take: tests/seconds.json, by which the slowest begin first.
seconds: $(READY)
	$(BIN)/pytest $(ON_TWO) --measure

# An hour of kills, interrupts and full disks at random moments of every command that writes, and
# each file of a small data root damaged in turn.
campaign: $(READY)
	$(BIN)/python -m tests.campaign
	EVERY_FILE=1 $(BIN)/pytest tests/e2e/test_damaged_files.py

# Foreign pages against the UI in a real browser; needs Chromium (chromium-headless-shell).
browser: $(READY)
	$(BIN)/python -m tests.browser

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
	@echo "Installing what the lock lists into $(VENV), once; this takes a minute or two."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@echo "Installed. The command is $(BIN)/register; \`. $(BIN)/activate\` puts it on the PATH."
	@touch $(READY)

# After a change of the policy, of a table, a source or a test's clauses: the pages that are made of them.
documents: $(READY)
	@mkdir -p docs/notices
	$(BIN)/register notice --lang fi --out docs/notices/fi.md
	$(BIN)/register notice --lang sv --out docs/notices/sv.md
	$(BIN)/register notice --lang en --out docs/notices/en.md
	$(BIN)/register report processing --out docs/record-of-processing.md
	$(BIN)/register report traceability --out docs/traceability.md
	$(BIN)/register report data-model --out docs/data-model.md
	$(BIN)/register report rules --into docs/rules.md
	$(BIN)/register report datasets --into docs/deliveries.md
	$(BIN)/register graph --into docs/architecture.md --into docs/relations.md

# The documentation as a site in site/; its tools have an environment of their own.
docs: $(READY) .venv-docs/.ready
	$(BIN)/register report commands --out docs/commands.md
	.venv-docs/bin/mkdocs build --quiet

.venv-docs/.ready: docs/requirements.lock
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --require-hashes --requirement docs/requirements.lock
	@touch .venv-docs/.ready

# The pictures in docs/images, of the real UI on invented data; needs Chromium, as `make browser` does.
screenshots: $(READY)
	$(BIN)/python -m tests.browser.screenshots

# Only after a change of dependencies; needs `uv`.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --group docs --output-file docs/requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras --group dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .venv-docs site
