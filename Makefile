# petmesh: `make` lists the targets. Needs Python 3.11 or later; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STACK ?= local

.DEFAULT_GOAL := help
.PHONY: help setup demo test unit traffic lint format types bench lock clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.locked ## install the locked dependencies into .venv

$(VENV)/.locked: requirements-uv.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "make: PYTHON = $(PYTHON) is Python %d.%d: 3.11 or later is needed" % v[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements-uv.txt requirements-dev.txt
	@touch $@

test: setup ## every test: unit, service, traffic through real Envoy
	@$(BIN)/python -m pytest

unit: setup ## the unit tests alone: seconds
	@$(BIN)/python -m pytest -m 'not envoy and not cluster'

lint: setup ## ruff: lint and format check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: setup ## ruff: fix and format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: setup ## basedpyright, strict
	@$(BIN)/basedpyright

lock: setup ## pin the newest allowed versions, with hashes
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --no-emit-index-url --custom-compile-command 'make lock' requirements-uv.in -o requirements-uv.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --no-emit-index-url --custom-compile-command 'make lock' apps/requirements.in -o apps/requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --no-emit-index-url --custom-compile-command 'make lock' pyproject.toml --group dev apps/requirements.in -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' pyproject.toml -c requirements-dev.txt -o requirements.txt

clean: ## remove what the targets made
	@rm -rf $(VENV) build .pytest_cache .ruff_cache
