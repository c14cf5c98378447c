# Everything runs in a virtual environment that these rules make and keep up to date.
PYTHON ?= $(shell scripts/python)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check bench i18n clean
.DEFAULT_GOAL := run

$(VENV)/run: pyproject.toml constraints.txt
	scripts/environment $(PYTHON) $(VENV)
	touch $@

$(VENV)/test: pyproject.toml constraints.txt
	scripts/environment $(PYTHON) $(VENV) test check
	touch $@ $(VENV)/run

run: $(VENV)/run  ## Serves the whole product on the embedded default.
	$(BIN)/python server.py serve

test: $(VENV)/test  ## Runs every test, real PostgreSQL, Redis, SMTP and browser included.
	scripts/browser
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(VENV)/test  ## Format, types, layers, flows, translations, generated pages.
	scripts/check

bench: $(VENV)/test  ## Measures speed beside a floor of the same run.
	$(BIN)/python -m bench

i18n: $(VENV)/test  ## Brings the catalogues up to date with flows and code.
	$(BIN)/python scripts/i18n.py update

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache
