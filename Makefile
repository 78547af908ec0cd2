# Everything a developer does, by name: `make help`. Nothing outside the tree is touched but by `make tools`.

PYTHON3 ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MICROPYTHON ?= $(BIN)/micropython
SECONDS ?= 60
PYTEST := $(BIN)/python -m pytest

export MICROPYTHON
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help venv tools demo test test-unit test-host test-interop test-e2e lint type bench fuzz lock clean

help: ## show this overview
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP) ## create .venv with the locked, hash-checked dependencies and this project

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make venv PYTHON3=/path/to/python3" >&2; exit 1; }
	@$(PYTHON3) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory apt-python3-venv
	test -x $(BIN)/python || $(PYTHON3) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

tools: ## check for tshark and libcoap, which some tests compare with (installs the Debian packages when root)
	@command -v tshark >/dev/null || $(MAKE) --no-print-directory apt-tshark
	@command -v coap-client-notls >/dev/null || $(MAKE) --no-print-directory apt-libcoap3-bin

# Debian packages that a target turned out to need; the package is the part after "apt-".
apt-%:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq </dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $* </dev/null; \
	else \
		echo "$* is missing: install it, on Debian by 'apt-get install $*'." >&2; exit 1; \
	fi

demo: $(STAMP) ## run a whole zero-touch join: MASA, JRC, border router, proxy, pledges
	$(BIN)/microbrew demo

test: lint type tools ## everything: lint, types, unit tests on both interpreters, host, interop, end to end
	$(PYTEST)

test-unit: $(STAMP) ## firmware unit tests, under CPython and inside MicroPython
	$(PYTEST) tests/unit

test-host: $(STAMP) ## host tools
	$(PYTEST) tests/host

test-interop: $(STAMP) tools ## against independent implementations
	$(PYTEST) tests/interop

test-e2e: $(STAMP) ## whole joins with real processes
	$(PYTEST) tests/e2e

lint: $(STAMP) ## ruff
	$(BIN)/ruff check .

type: $(STAMP) ## mypy
	$(BIN)/mypy

bench: $(STAMP) ## measure bytes, heap, crypto, handshakes; figures in build/bench/unix.json
	@set -e; for bench in tests/bench/bench_*.py; do echo "== $$bench"; $(BIN)/python $$bench </dev/null; done

fuzz: $(STAMP) ## feed mutated input to the decoders for SECONDS=60: each tests/fuzz/fuzz_*.py
	@set -e; for fuzz in tests/fuzz/fuzz_*.py; do echo "== $$fuzz"; $(BIN)/python $$fuzz --seconds $(SECONDS); done

lock: ## resolve the dependencies again into requirements.lock
	$(PYTHON3) -m venv build/lock
	build/lock/bin/python -m pip install --quiet pip-tools
	build/lock/bin/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host \
		--no-emit-find-links --all-extras --strip-extras --allow-unsafe \
		--output-file=requirements.lock pyproject.toml

clean: ## remove what the targets above made
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis host_tools/*.egg-info firmware/*.egg-info *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
