PYTHON ?= python3
# The version that the locks were written with, installed only where the machine has no uv.
UV_VERSION := 0.13.9
PIP_AUDIT_VERSION := 2.10.1
UV := $(if $(shell uv --version 2>/dev/null),uv,.uv/bin/uv)
export UV_PYTHON_DOWNLOADS := never
# Images often set this. The tests start hundreds of processes, and each would compile anew all that it imports.
unexport PYTHONDONTWRITEBYTECODE
# Behind a company's proxy only the machine's own store knows the certificates. A bare container has no store.
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt),true,false)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup up test chaos bench check audit docs lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.dev ## Install everything that running, testing and checking need into .venv

up: .venv/.up ## Set up and run the whole stack on this machine (ARGS="--port 8080")
	@exec .venv/bin/bff up $(ARGS)

test: .venv/.dev ## Set up and run all tests (PYTEST_ARGS="-k lane")
	@.venv/bin/pytest -q -n 3 --dist worksteal $(PYTEST_ARGS)

chaos: .venv/.dev ## Let a seeded monkey break everything for ten minutes (ARGS="--seconds 60 --seed 7")
	@.venv/bin/python -m tests.faults.chaos $(ARGS)

bench: .venv/.dev .venv-bench/.installed ## Measure the gateway beside others like it, on Linux (ARGS="accept drain --rounds 3")
	@.venv/bin/python -m loadtest.benchmarks.bench $(ARGS)

check: .venv/.dev ## Lint, formatting, types, imports between packages, locks
	.venv/bin/ruff check --quiet .
	.venv/bin/ruff format --check --quiet .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	@UV=$(UV) .ci/locks check

audit: | $(filter .uv/%,$(UV)) ## Ask for known vulnerabilities of what is locked
	@$(UV) tool run pip-audit==$(PIP_AUDIT_VERSION) --disable-pip --require-hashes --strict -r requirements-otel.lock

docs: .venv/.dev ## Write the generated pages anew (docs/settings.md)
	@.venv/bin/python -m stack.settings_page > docs/settings.md

lock: | $(filter .uv/%,$(UV)) ## Write the lock files anew from pyproject.toml (LOCK_ARGS=--upgrade takes newer versions)
	@UV=$(UV) .ci/locks write $(LOCK_ARGS)

clean: ## Remove what setup and the tools made
	rm -rf .venv .venv-bench .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist

# What `make up` needs. After `make setup` everything of it is there already.
.venv/.up: requirements-embedded.lock pyproject.toml | .venv/bin/python
	$(call install,requirements-embedded.lock)

.venv/.dev: requirements-dev.lock pyproject.toml | .venv/bin/python
	$(call install,requirements-dev.lock)
	@touch .venv/.up

# Those that `make bench` compares with stand on other versions than we do.
.venv-bench/.installed: loadtest/benchmarks/peers/requirements.lock | $(filter .uv/%,$(UV))
	@echo "installing $< into .venv-bench"
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv-bench
	@$(UV) pip install --quiet --python .venv-bench/bin/python --require-hashes -r $<
	@touch $@

# hatchling, which builds the project, is held to the version and hashes of the lock too.
define install
	@echo "installing $(1) into .venv"
	@$(UV) pip install --quiet --python .venv/bin/python --require-hashes -r $(1)
	@$(UV) pip install --quiet --python .venv/bin/python --no-deps --build-constraints requirements-dev.lock -e .
	@touch $@
endef

.venv/bin/python: | $(filter .uv/%,$(UV))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, and $(PYTHON) is not: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv

.uv/bin/uv:
	@$(PYTHON) -m venv .uv
	@.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
