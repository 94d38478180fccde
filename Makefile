# The commands that people type. `make` alone lists them.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

.PHONY: help demo up test e2e fuzz chaos check bench bench-history compose-env clean

help:
	@echo "make demo         start everything, push an image, move its tag: see what is told and done"
	@echo "make up           run everything, for use (Ctrl-C ends it)"
	@echo "make test         the tests"
	@echo "make e2e          the end-to-end tests, with docker-registry, skopeo and chromium where present"
	@echo "make check        lint, types, import contracts, the compose file"
	@echo "make fuzz         ten thousand mad requests of /v2/ (TAGTRAIL_FUZZ=COUNT:SEED for others)"
	@echo "make chaos        kill the registry and its sender at every step, 240 times (N= for fewer)"
	@echo "make bench        the measurements of docs/bench.md"
	@echo "make bench-history  the same of ten million events (N= for fewer, D=SQLite or D=PostgreSQL alone): half an hour"
	@echo "make compose-env  a .env with fresh secrets for docker compose"

demo: $(VENV)/installed
	$(BIN)/tagtrail demo

up: $(VENV)/installed
	$(BIN)/tagtrail up

test: $(VENV)/installed-test
	$(BIN)/python -m pytest -n auto --ignore tests/e2e $(PYTEST)

e2e: $(VENV)/installed-check
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/e2e $(PYTEST)

check: $(VENV)/installed-check
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

fuzz: $(VENV)/installed-test
	$(BIN)/python -m pytest -q -s tests/integration/test_registry_fuzz.py $(PYTEST)

chaos: $(VENV)/installed-check
	TAGTRAIL_KILLS=$(or $(N),240) $(BIN)/python -m pytest tests/e2e/test_chaos.py $(PYTEST)

bench: $(VENV)/installed-check
	$(BIN)/python -m bench

bench-history: $(VENV)/installed-check
	$(BIN)/python -m bench history $(if $(N),--events $(N)) $(if $(D),--database $(D))

compose-env:
	@test ! -e .env || { echo ".env is there already; remove it to make new secrets"; exit 1; }
	@umask 077; for name in POSTGRES_PASSWORD REDIS_PASSWORD REGISTRY_BEARER TAGTRAIL_TOKEN; do \
		echo "$$name=$$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"; done > .env
	@echo "wrote .env; now: docker compose up"

$(VENV)/python-is-there:
	@test -n "$(PYTHON)" || { echo "Tagtrail needs Python 3.11 or newer. Debian, Ubuntu: sudo apt install python3 python3-venv. Or name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tagtrail needs Python 3.11 or newer, and $(PYTHON) is older. Name another: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python makes no virtual environments. Debian, Ubuntu: sudo apt install $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/python-is-there pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(VENV)/installed-check: $(VENV)/installed-test
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,check]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
