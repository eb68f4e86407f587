# petmesh: `make` lists the targets. Needs Python 3.11 or later; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Compiled modules are kept: without them every target compiles Pulumi's SDK anew.
unexport PYTHONDONTWRITEBYTECODE
STACK ?= local
LOCKS := requirements.txt requirements-dev.txt requirements-uv.txt apps/requirements.txt
# Each folder of apps/ with an entry.
SERVICES := $(patsubst apps/%/service.yaml,%,$(wildcard apps/*/service.yaml))
BASE_IMAGE ?= python:3.13-slim-bookworm
SBOM_SCANNER := docker/buildkit-syft-scanner:1.12.0@sha256:ae4f3b554449e7e25548e7d8ccc029d17357348e30c6e3df01b92bc93654d6a9
# For what must work at once and without a network: what is installed will do, though a lock changed.
INSTALLED := $(if $(wildcard $(BIN)/petmesh),,setup)
# Each pair as one word of the shell, whatever it holds.
QUOTE := '
CONFIGS = $(foreach pair,$(CONFIG),--config '$(subst $(QUOTE),'\'',$(pair))')

# What .venv/bin/petmesh runs, from any folder: the first argument is the checkout.
RUN := import sys; sys.path.insert(0, sys.argv.pop(1)); from petmesh.cli.app import main; sys.exit(main(sys.argv[1:]))

# A process a core, each with whole files of tests; past eight, more of them import longer than they test.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 8 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup demo faults users test unit engine release-state fuzz lint format types bench bench-plan preview policy precheck pr-report drift up destroy ramp promote rollback
.PHONY: istiod understood ramp-status approve pause resume ramp-report ramp-demo bench-rollback bench-ramps bench-verdicts install-cli env charts e2e lock audit
.PHONY: base-image sbom docs crds clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

setup: $(VENV)/.locked ## install the locked dependencies and the petmesh command into .venv

$(VENV)/.locked: requirements-uv.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "make: PYTHON = $(PYTHON) is Python %d.%d: 3.11 or later is needed" % v[:2])'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements-uv.txt requirements-dev.txt
	@printf '%s\n' '#!/bin/sh' 'bin=$$(dirname "$$(readlink -f "$$0")") && exec "$$bin/python" -P -c "$(RUN)" "$$bin/../.." "$$@"' > $(BIN)/petmesh
	@chmod +x $(BIN)/petmesh
	@touch $@

demo: setup ## rehearse a stack on this machine with real Envoy: STACK, REQUESTS, KEEP=1, PORT, JSON=file, CONFIG="key=value …"
	@$(BIN)/petmesh demo --stack $(STACK) $(if $(REQUESTS),--requests $(REQUESTS)) $(if $(KEEP),--keep) $(if $(PORT),--port $(PORT)) $(if $(JSON),--json $(JSON)) $(CONFIGS)

faults: setup ## break the stack's services on this machine, row by row: STACK, REQUESTS, JSON, MARKDOWN=file, CONFIG
	@$(BIN)/petmesh faults --stack $(STACK) $(if $(REQUESTS),--requests $(REQUESTS)) $(if $(JSON),--json $(JSON)) $(if $(MARKDOWN),--markdown $(MARKDOWN)) $(CONFIGS)

users: setup ## keep users on one side of two canaries on this machine, and measure that none changes it: USERS, STACK, JSON, CONFIG
	@$(BIN)/petmesh users --stack $(STACK) $(if $(USERS),--users $(USERS)) $(if $(JSON),--json $(JSON)) $(CONFIGS)

test: setup ## every test but engine, charts and e2e: unit, service, traffic through real Envoy
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) --no-loadscope-reorder -m 'not engine and not charts and not istiod and not cluster'

unit: setup ## the unit tests alone: seconds
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/unit

engine: setup ## the dev stack through the real engine, on stand-in clouds: ten minutes, needs the Pulumi CLI
	@$(BIN)/petmesh install-cli --check
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/engine

release-state: setup ## record the state that stacks of this version leave: needs the Pulumi CLI; docs/releases.md
	@$(BIN)/petmesh install-cli --check
	@$(BIN)/python -m tests.engine.released

fuzz: setup ## hostile input by the thousand against the services: EXAMPLES, RAW, SEED
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),500) FUZZ_RAW=$(or $(RAW),20000) FUZZ_SEED=$(or $(SEED),$(shell date +%s)) $(BIN)/python -m pytest -rP tests/services/test_fuzz.py

lint: setup ## ruff: lint and format check; import-linter: who may import whom; zizmor: the workflows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache > /dev/null || $(BIN)/lint-imports --no-cache
	@$(BIN)/zizmor --quiet --offline .github

format: setup ## ruff: fix and format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: setup ## basedpyright, strict
	@$(BIN)/basedpyright

bench: setup ## the services' HTTP library beside plain sequential code: throughput, latency, memory
	@PYTHONPATH=apps $(BIN)/python -m bench $(ARGS)

bench-plan: setup ## time and memory of the in-process plan for 3, 30, 100 and 300 services: ARGS="--rounds 5"
	@$(BIN)/python -m bench.plan $(ARGS)

preview: setup ## what an up would change: by the Pulumi CLI, or in process where there is none
	@$(BIN)/petmesh preview --stack $(STACK) $(ARGS)

policy: setup ## hold a stack against the guard-rails, in process: STACK, CONFIG="key=value …"
	@$(BIN)/petmesh policy --stack $(STACK) $(CONFIGS)

precheck: setup ## what another version of Istio would break: STACK, CONFIG="istioCanaryVersion=…", ARGS=--live
	@$(BIN)/petmesh precheck --stack $(STACK) $(CONFIGS) $(ARGS)

pr-report: setup ## what this checkout changes against BASE, as Markdown: STACKS, OUTPUT, REQUESTS
	@$(BIN)/petmesh report --base $(or $(BASE),main) $(STACKS:%=--stack %) $(if $(OUTPUT),--output $(OUTPUT)) $(if $(REQUESTS),--requests $(REQUESTS)) $(CONFIGS)

drift: setup ## what differs from what a stack declares, as Markdown, by the Pulumi CLI: STACK, OUTPUT
	@$(BIN)/petmesh drift --stack $(STACK) $(if $(OUTPUT),--output $(OUTPUT))

up: setup ## apply a stack: STACK, ARGS for the Pulumi CLI
	@$(BIN)/petmesh up --stack $(STACK) $(ARGS)

destroy: setup ## remove a stack's resources
	@$(BIN)/petmesh destroy --stack $(STACK) $(ARGS)

ramp: setup ## raise the canary's weight step by step, and promote it or go back: STACK, ARGS (see docs/canary.md)
	@$(BIN)/petmesh ramp --stack $(STACK) $(ARGS)

promote: setup ## make the canary the stable version
	@$(BIN)/petmesh promote --stack $(STACK) $(ARGS)

rollback: $(INSTALLED) ## set the canary's weight to 0
	@$(BIN)/petmesh rollback --stack $(STACK) $(ARGS)

ramp-status: $(INSTALLED) ## who gets which requests, how both versions do, where a ramp stands
	@$(BIN)/petmesh status --stack $(STACK) $(ARGS)

approve: $(INSTALLED) ## open the gate that a ramp waits at
	@$(BIN)/petmesh approve --stack $(STACK) $(ARGS)

pause: $(INSTALLED) ## keep the weight of the ramp that runs where it is, still watched
	@$(BIN)/petmesh pause --stack $(STACK) $(ARGS)

resume: $(INSTALLED) ## let a paused ramp go on; one that was left goes on with make ramp ARGS=--resume
	@$(BIN)/petmesh resume --stack $(STACK) $(ARGS)

ramp-report: $(INSTALLED) ## write the HTML report of a stack's latest ramp
	@$(BIN)/petmesh ramp-report --stack $(STACK) $(ARGS)

ramp-demo: setup ## ramp good, failing and slow versions on this machine, alone and together, under constant load
	@$(BIN)/python -m demo.ramps --stack $(STACK)

bench-rollback: setup ## seconds from the first bad request to weight 0 in force at Envoy
	@$(BIN)/python -m bench.ramps.rollback $(ARGS)

bench-ramps: setup ## 20 ramps in a row with random faults, and the requests lost to them
	@$(BIN)/python -m bench.ramps.faults $(ARGS)

bench-verdicts: setup ## simulated ramps: how often identical versions are taken back, how soon worse ones
	@$(BIN)/python -m bench.verdicts $(ARGS)

install-cli: setup ## install the official Pulumi CLI of the locked version
	@$(BIN)/petmesh install-cli

env: setup ## what the pulumi command needs to see the same state: eval "$(make -s env)"
	@$(BIN)/petmesh env

istiod: setup ## compare the translation with istiod, by ISTIOD or as Go builds it: some minutes
	@$(BIN)/python -m tests.istiod.built
	@$(BIN)/python -m pytest -rP -m istiod tests/istiod

understood: setup ## count the valid objects of Istio's source that a rehearsal understands, by istiod
	@$(BIN)/python -m tests.istiod.built
	@$(BIN)/python -m tests.istiod.share

charts: setup ## render the Helm charts with the declared values, and test what they bring: needs helm
	@$(BIN)/python -m pytest -m charts tests/charts

e2e: setup ## a release and upgrades of Istio on the cluster of the current kube context: E2E_CONFIG=file.yaml, ARGS
	@E2E_CONFIG=$(E2E_CONFIG) $(BIN)/python -m pytest -m cluster $(ARGS) tests/e2e

lock: setup ## pin the newest allowed versions, with hashes
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --no-emit-index-url --custom-compile-command 'make lock' requirements-uv.in -o requirements-uv.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --no-emit-index-url --custom-compile-command 'make lock' pyproject.toml --group dev apps/requirements.in -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' -c requirements-dev.txt apps/requirements.in -o apps/requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' pyproject.toml -c requirements-dev.txt -o requirements.txt

audit: setup ## known vulnerabilities of all that the lock files name
	@for lock in $(LOCKS); do echo "$$lock:"; $(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off --requirement $$lock || failed=1; done; test -z "$$failed"

base-image: ## build the images from the present digest of BASE_IMAGE
	@digest=$$(docker buildx imagetools inspect $(BASE_IMAGE) --format '{{.Manifest.Digest}}') && sed -i "s|^ARG BASE_IMAGE=.*|ARG BASE_IMAGE=$(BASE_IMAGE)@$$digest|" $(SERVICES:%=apps/%/Dockerfile)

sbom: ## what each image holds, as SPDX in build/sbom, by BuildKit
	@mkdir -p build/sbom
	@for service in $(SERVICES); do out=$$(mktemp -d); set -- apps/$$service/versions/*.json; docker buildx build --quiet --sbom=generator=$(SBOM_SCANNER) --build-arg VERSION_DATA="$$(cat "$$1" 2>/dev/null)" --output type=local,dest=$$out --file apps/$$service/Dockerfile apps && cp $$out/sbom.spdx.json build/sbom/$$service.spdx.json; status=$$?; rm -rf $$out; test $$status = 0 || exit 1; done

docs: setup ## write the generated tables of docs/: config keys, a service's entry, GKE settings, guard-rails
	@$(BIN)/python -m docs.tables

crds: setup ## write the schemas of Istio's CRDs, which declared objects are held to: needs Go
	@$(BIN)/python -m petmesh.mesh.crds.generate

clean: ## remove what the targets made
	@rm -rf $(VENV) build .pytest_cache .ruff_cache
