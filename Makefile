# `make` alone lists what there is. Everything runs in .venv, which is made from requirements/dev.txt.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-print-directory

# The first of these that runs and is new enough; a name on PATH alone proves nothing (version managers leave shims).
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c '$(NEW_ENOUGH)' 2>/dev/null && { command -v "$$name"; break; }; done)
VENV := .venv
LOCKS := requirements/dev.txt requirements/prices.txt
CHECKOV := .venv-checkov
CHECKOV_LOCK := requirements/checkov.txt
TEMPLATES := template.yaml $(wildcard infra/*.yaml)
CLIENTS := tests/system/conformance/node
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python
PYTEST_ARGS ?=
SOAK_ARGS ?=
BENCH ?=
RUNTIME ?= python3.13
ARCHITECTURE ?= arm64

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Function folders are packaged as they lie there, so no tool may leave its caches in them.
export PYTHONDONTWRITEBYTECODE := 1
export SAM_CLI_TELEMETRY := 0

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: ## The virtual environment (every other target brings it too)
	@if cat $(LOCKS) | cmp -s - $(VENV)/lock.txt; then exit 0; fi
	if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c '$(NEW_ENOUGH)'; then
		echo "Tollgate needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1
	fi
	echo "Installing the locked dependencies into $(VENV) (once)"
	rm -rf $(VENV)
	"$(PYTHON)" -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: $(LOCKS:%=-r %)
	cat $(LOCKS) > $(VENV)/lock.txt

.PHONY: checkov
checkov: ## checkov in an environment of its own, for `make check`
	@if cmp -s $(CHECKOV_LOCK) $(CHECKOV)/lock.txt; then exit 0; fi
	echo "Installing the locked checkov into $(CHECKOV) (once)"
	rm -rf $(CHECKOV)
	"$(PYTHON)" -m venv $(CHECKOV)
	$(CHECKOV)/bin/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: -r $(CHECKOV_LOCK)
	cp $(CHECKOV_LOCK) $(CHECKOV)/lock.txt

.PHONY: clients
clients: ## The JavaScript clients that `make test` tries; without npm they are left out
	@cd $(CLIENTS)
	if cmp -s package-lock.json node_modules/lock.json || ! npm --version > /dev/null 2>&1; then exit 0; fi
	echo "Installing the locked JavaScript clients into $(CLIENTS)/node_modules (once)"
	if npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; then
		cp package-lock.json node_modules/lock.json
	else
		echo "npm could not install them: their tests are left out" >&2
	fi

.PHONY: check
check: setup checkov ## Lint, types, directions of imports, the template
	@$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy layers/shared/tollgate functions infra tests/infra
	PYTHONPATH=layers/shared $(VENV)/bin/lint-imports
	$(VENV)/bin/cfn-lint $(TEMPLATES)
	$(RUN) -m infra.validation $(TEMPLATES)
	$(RUN) -m infra.checkov $(TEMPLATES)
	$(RUN) -m infra.prices --check
	PYTHONPATH=layers/shared:. $(RUN) -m infra.openapi --check

.PHONY: test
test: setup clients ## Every test, the local stack's included (PYTEST_ARGS=tests/unit for some)
	@if [ -n "$(PYTEST_ARGS)" ]; then $(RUN) -m pytest $(PYTEST_ARGS); exit; fi
	# Those that have a stack of their own share it, one after the other; the others need not wait for each other.
	$(RUN) -m pytest --numprocesses 2 --ignore tests/system tests
	$(RUN) -m pytest tests/system

.PHONY: demo
demo: setup ## A busy morning on the local stack, and the proof that the books agree
	@$(RUN) -m infra.local.demo

.PHONY: up
up: setup ## Start the local stack and leave it running
	@$(RUN) -m infra.local up

.PHONY: down
down: setup ## Stop it; its state stays in .local/
	@$(RUN) -m infra.local down

.PHONY: status
status: setup ## What runs, and where
	@$(RUN) -m infra.local status

.PHONY: logs
logs: setup ## Follow the logs of the local stack
	@$(RUN) -m infra.local logs

.PHONY: clean
clean: ## Stop the local stack and forget its state and builds
	@if [ -x $(VENV)/bin/python ]; then $(RUN) -m infra.local clean; fi
	rm -rf .local .aws-sam .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.PHONY: soak
soak: setup ## Long random traffic against the local stack, books compared all along
	@PYTHONPATH=layers/shared:. $(RUN) -m tests.soak $(SOAK_ARGS)

.PHONY: bench
bench: setup ## What a call costs in time, bytes and write units (BENCH='hold page' for some)
	@PYTHONPATH=layers/shared:. $(RUN) -m tests.bench $(BENCH)

.PHONY: lock
lock: ## Compile requirements/ and the layers' lists anew (LOCK_ARGS=--upgrade for newer versions)
	@"$(PYTHON)" -m venv .local/lock
	.local/lock/bin/python -m pip install --quiet uv==0.13.9
	PATH="$(CURDIR)/.local/lock/bin:$$PATH" "$(PYTHON)" infra/lock_requirements.py $(LOCK_ARGS)

.PHONY: prices
prices: setup ## Write the price list anew from its sources (infra/prices/README.md)
	@$(RUN) -m infra.prices

.PHONY: openapi
openapi: setup ## Write the API's document anew from its handlers
	@PYTHONPATH=layers/shared:. $(RUN) -m infra.openapi

.PHONY: build
build: setup ## Build for AWS (RUNTIME=python3.13 ARCHITECTURE=arm64)
	@$(RUN) -m infra.build --runtime "$(RUNTIME)" --architecture "$(ARCHITECTURE)"

.PHONY: deploy
deploy: build ## Deploy to AWS with your own credentials; asks before it changes anything (PARAMETERS='Profile=production ...')
	@existing="$$($(RUN) -m infra.existing_state)"
	release="$$($(RUN) -m infra.release --runtime "$(RUNTIME)" --architecture "$(ARCHITECTURE)" -- $(PARAMETERS))"
	$(VENV)/bin/sam deploy --config-file "$(CURDIR)/samconfig.toml" \
		--template-file ".aws-sam/$(RUNTIME)-$(ARCHITECTURE)/build/template.yaml" \
		--parameter-overrides Runtime="$(RUNTIME)" Architecture="$(ARCHITECTURE)" Release="$$release" $$existing $(PARAMETERS)

.PHONY: owner
owner: setup ## Once after the first deployment with an Aurora of its own: make the role that owns the schema (infra/database.md)
	@$(RUN) -m infra.database_owner $(ARGS)

.PHONY: restore
restore: setup ## Bring a ledger that was put back to an old state up to Postgres: infra/runbooks/restore.md (ARGS='--local ...')
	@$(RUN) -m infra.restore $(ARGS)

.PHONY: replay
replay: setup ## Try spans again that could not be written: infra/runbooks/replay.md (ARGS='--local', ARGS=list)
	@$(RUN) -m infra.replay $(ARGS)
.PHONY: project
project: setup ## Give a tenant an OpenAI project of its own: infra/runbooks/projects.md (ARGS='acme-hvac --local')
	@PYTHONPATH=layers/shared:. $(RUN) -m infra.project $(ARGS)
