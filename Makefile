# Every target installs what it needs, once, inside the repository: Python packages in .venv, Spark's jars and
# Airflow's empty database in .cache. A JDK is the one thing that a system has to have; see `make local`.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
INSTALLED := $(VENV)/.installed
# more arguments for the command of a target: make test ARGS="-k ledger"
ARGS ?=

# uv does not read pip's settings
ifdef PIP_CERT
export SSL_CERT_FILE ?= $(PIP_CERT)
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

.PHONY: help
help: ## show these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(INSTALLED) spark ## start everything, upload real flights, show what comes out
	$(BIN)/sparkdrop demo $(ARGS)

.PHONY: local
local: $(INSTALLED) spark ## start AWS, Spark and Airflow on this machine until Ctrl-C
	$(BIN)/sparkdrop local up $(ARGS)

.PHONY: test
test: $(INSTALLED) spark ## run all tests
	$(BIN)/pytest $(ARGS)

.PHONY: check
check: $(INSTALLED) check-locks ## look for faults without running: format, lint, types, layers, drift
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict include/emr_configs
	$(BIN)/python -m sparkdrop.configs include/emr_configs/schema.json --check

.PHONY: bench
bench: $(INSTALLED) spark ## measure, beside a stock DAG
	$(BIN)/python -m bench $(ARGS)

.PHONY: docs
docs: $(INSTALLED) ## write what is generated: the pipeline files' schema
	$(BIN)/python -m sparkdrop.configs include/emr_configs/schema.json

.PHONY: fmt
fmt: $(INSTALLED) ## format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lock
lock: $(UV) ## compile the requirements from pyproject.toml
	$(UV) $(COMPILE) -o requirements.txt
	$(UV) $(COMPILE_DEV)
	$(UV) $(COMPILE_LAMBDA)

.PHONY: clean
clean: ## stop the local system and remove all that was installed or made here
	@if [ -x $(BIN)/sparkdrop ]; then $(BIN)/sparkdrop local down; fi
	rm -rf .local .cache $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache cdk.out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What the targets stand on -----------------------------------------------------------------------------------

.PHONY: spark
spark: $(INSTALLED)
	@$(BIN)/python -m sparkdrop_local.java --install
	@$(BIN)/python -m sparkdrop_local.spark

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
