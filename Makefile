# Everything a developer does, by name: `make help`. Nothing outside the tree is touched but by `make tools`.

PYTHON3 ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MICROPYTHON ?= $(BIN)/micropython
SECONDS ?= 60
PYTEST := $(BIN)/python -m pytest

# The firmware image: which board and variant (dev, release), and where the sources of what it is made of are.
BOARD ?= qemu_an386
VARIANT ?= dev
SOURCES := $(CURDIR)/build/src
MPY_DIR ?= $(SOURCES)/micropython
MBEDTLS_DIR ?= $(SOURCES)/mbedtls
BEARSSL_DIR ?= $(SOURCES)/bearssl
IMAGE := $(CURDIR)/build/firmware/$(BOARD)$(if $(filter-out unix,$(BOARD)),-$(VARIANT)$(if $(APP),-$(APP)))
MPY_CROSS := $(CURDIR)/build/mpy-cross/mpy-cross
JOBS ?= $(shell nproc 2>/dev/null || echo 1)

export MICROPYTHON
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help venv tools demo test test-unit test-host test-interop test-e2e lint type bench fuzz lock clean
.PHONY: sources firmware firmware-board firmware-unix firmware-stock toolchain

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

# What devices run on: unix, or a board. Here unix or qemu_an386.
TARGET ?= unix

demo: $(STAMP) ## run a whole zero-touch join: MASA, JRC, border router, proxy, pledges; TARGET=qemu_an386: two on boards
ifneq ($(TARGET),unix)
	@for variant in dev release; do $(MAKE) --no-print-directory firmware BOARD=$(TARGET) VARIANT=$$variant || exit 1; done
endif
	$(BIN)/microbrew demo --target $(TARGET)

test: lint type tools test-builds ## lint, types, unit tests on both interpreters, host, interop, end to end, boards
	$(PYTEST) -m "not long" -n $(JOBS) --dist loadfile

.PHONY: test-long
test-long: test-builds ## what is left out there: days, noise, power cut at every write, memory that runs out, slow chips
	$(PYTEST) -m long --timeout 900

# What the tests use if it can be had: the native crypto module and a toolchain for boards. Only CI insists on both.
.PHONY: test-builds test-hil
test-builds: $(STAMP)
	@for part in native toolchain; do $(MAKE) --no-print-directory $$part >/dev/null || { test "$$CI" != true && \
		echo "*** make $$part failed. GOING ON WITHOUT IT: tests that need it are skipped, see the end." >&2; } || exit 1; done

test-unit: $(STAMP) ## firmware unit tests, under CPython and inside MicroPython
	$(PYTEST) tests/unit

test-host: $(STAMP) ## host tools
	$(PYTEST) tests/host

test-interop: $(STAMP) tools ## against independent implementations
	$(PYTEST) tests/interop

test-e2e: $(STAMP) ## whole joins with real processes
	$(PYTEST) tests/e2e

test-hil: test-builds ## the image on emulated boards
	$(PYTEST) tests/hil

lint: $(STAMP) ## ruff
	$(BIN)/ruff check .

type: $(STAMP) ## mypy
	$(BIN)/mypy

ifeq ($(TARGET),unix)
bench: $(STAMP) ## measure bytes, heap, crypto, handshakes; TARGET=qemu_an386: instructions; figures in build/bench
	@set -e; for bench in tests/bench/bench_*.py; do echo "== $$bench"; $(BIN)/python $$bench </dev/null; done
else
bench: $(STAMP)
	@$(MAKE) --no-print-directory bench-images BOARD=$(TARGET)
	@$(BIN)/python tests/bench/board.py $(TARGET) $(WRITE) </dev/null
endif

# What is counted: both variants, and a release that can be asked.
.PHONY: bench-images footprint
bench-images:
	@$(MAKE) --no-print-directory firmware VARIANT=dev
	@$(MAKE) --no-print-directory firmware VARIANT=release
	@$(MAKE) --no-print-directory firmware VARIANT=release CONSOLE=1 IMAGE=$(CURDIR)/build/firmware/$(BOARD)-measured

footprint: ## count instructions, heap and flash on qemu_an386 and write them into docs/footprint.md
	@$(MAKE) --no-print-directory bench TARGET=qemu_an386 WRITE=--write

sources: ## obtain the pinned sources that MPY_DIR=, MBEDTLS_DIR= and BEARSSL_DIR= do not name, into build/src
	@$(PYTHON3) mpconfig/sources.py $(if $(filter $(SOURCES)/%,$(MPY_DIR)),micropython) \
		$(if $(filter $(SOURCES)/%,$(MBEDTLS_DIR)),mbedtls) \
		$(if $(filter $(SOURCES)/%,$(BEARSSL_DIR)),bearssl) </dev/null

toolchain:
	@command -v arm-none-eabi-gcc >/dev/null || $(MAKE) --no-print-directory apt-gcc-arm-none-eabi
	@echo '#include <string.h>' | arm-none-eabi-gcc -E -o /dev/null - 2>/dev/null || \
		$(MAKE) --no-print-directory apt-libnewlib-arm-none-eabi
	@command -v qemu-system-arm >/dev/null || $(MAKE) --no-print-directory apt-qemu-system-arm

include mpconfig/mpy_cross.mk
$(MPY_CROSS): mpconfig/mpy_cross.mk | sources
	@rm -rf $(@D)
	@$(MAKE) --no-print-directory -j$(JOBS) -C $(MPY_DIR)/mpy-cross BUILD=$(@D) CFLAGS_EXTRA=$(MPY_CROSS_CFLAGS) >/dev/null

# What every image is built with. MicroPython would otherwise call itself by this tree's git commit.
BUILD_IMAGE = MICROPY_GIT_TAG="v$$(sed -n 's/.define MICROPY_VERSION_M[A-Z]* \([0-9]*\)$$/\1/p' \
		$(MPY_DIR)/py/mpconfig.h | paste -sd.)" MICROPY_MPYCROSS=$(MPY_CROSS) \
	$(MAKE) --no-print-directory -j$(JOBS) ROOT=$(CURDIR) BUILD=$(IMAGE) MICROPY_MPYCROSS=$(MPY_CROSS) \
		MPY_DIR=$(abspath $(MPY_DIR)) MBEDTLS_DIR=$(abspath $(MBEDTLS_DIR)) \
		BEARSSL_DIR=$(abspath $(BEARSSL_DIR)) PYTHON3=$(PYTHON3)

firmware: $(or $(if $(filter unix,$(BOARD)),firmware-unix),$(if $(filter %_stock,$(BOARD)),firmware-stock),firmware-board) ## build an image: BOARD=qemu_an386|nrf52840dk|cc2652|unix VARIANT=dev|release [APP=bridge]

firmware-board: sources toolchain $(MPY_CROSS)
	@test -f boards/$(BOARD)/board.mk || { echo "No board $(BOARD); there are: $$(ls boards | grep -v -e common -e README)" >&2; exit 1; }
	@$(BUILD_IMAGE) -C boards/common BOARD=$(BOARD) VARIANT=$(VARIANT) APP=$(APP)
	@$(PYTHON3) boards/common/sizes.py $(IMAGE)

# Onto a board with a debug probe. PROBE= names one of several (pyocd list), ERASE=1 erases the whole chip first.
FLASH_TARGET_nrf52840dk := nrf52840
PYOCD := $(BIN)/pyocd

.PHONY: flash
flash: $(STAMP) firmware ## write an image to a board: BOARD=nrf52840dk VARIANT=dev|release [APP=bridge] [PROBE=] [ERASE=1]
	@test -n "$(FLASH_TARGET_$(BOARD))" || { echo "$(BOARD) is not a board that a probe can flash" >&2; exit 1; }
	@test -x $(PYOCD) || $(BIN)/python -m pip install --quiet --require-hashes \
		--requirement boards/common/flash-requirements.lock
	$(if $(ERASE),$(PYOCD) erase --mass --target $(FLASH_TARGET_$(BOARD)) $(if $(PROBE),--uid $(PROBE)))
	$(PYOCD) flash --erase sector --target $(FLASH_TARGET_$(BOARD)) $(if $(PROBE),--uid $(PROBE)) $(IMAGE)/firmware.hex

# The native crypto module as a .mpy: x64 for the unix port, armv7m (Cortex-M4 and up) for boards with stock MicroPython.
NATIVE_ARCH ?= x64
NATIVE := build/native/$(NATIVE_ARCH)
NATIVE_SOURCES := $(if $(filter $(SOURCES)/%,$(MPY_DIR)),micropython) $(if $(filter $(SOURCES)/%,$(BEARSSL_DIR)),bearssl)

.PHONY: native
native: $(STAMP) ## compile the native crypto module for stock MicroPython: NATIVE_ARCH=x64|armv7m
	@$(if $(strip $(NATIVE_SOURCES)),$(PYTHON3) mpconfig/sources.py $(NATIVE_SOURCES) </dev/null)
ifeq ($(NATIVE_ARCH),armv7m)
	@command -v arm-none-eabi-gcc >/dev/null || $(MAKE) --no-print-directory apt-gcc-arm-none-eabi
	@echo '#include <string.h>' | arm-none-eabi-gcc -E -o /dev/null - 2>/dev/null || \
		$(MAKE) --no-print-directory apt-libnewlib-arm-none-eabi
else
	@command -v gcc >/dev/null || $(MAKE) --no-print-directory apt-gcc
endif
	@mkdir -p $(NATIVE)
	@echo 'include $(CURDIR)/firmware/native/crypto/natmod.mk' > $(NATIVE)/Makefile
	@$(MAKE) --no-print-directory -C $(NATIVE) ARCH=$(NATIVE_ARCH) MPY_DIR=$(abspath $(MPY_DIR)) \
		BEARSSL_DIR=$(abspath $(BEARSSL_DIR)) PYTHON=$(abspath $(BIN)/python)

firmware-unix: sources $(MPY_CROSS)
	@$(BUILD_IMAGE) -C $(MPY_DIR)/ports/unix VARIANT=unix VARIANT_DIR=$(CURDIR)/boards/unix

# A serial port, or an emulated board; its tests also want the image that they run on. Upstream's port is built anew only
# where MPY_DIR= names a whole checkout.
BOARD_OF_cc2652-emulated := cc2652
BOARD_OF_nrf52840-emulated := nrf52840dk
BOARD_OF_nrf52840_stock-emulated = $(if $(wildcard $(MPY_DIR)/lib/nrfx/nrfx.h),nrf52840_stock)
BOARD_OF_unix :=
BOARD_IMAGE = $(if $(findstring /,$(TARGET)),,$(if $(filter undefined,$(origin BOARD_OF_$(TARGET))),$(TARGET),$(BOARD_OF_$(TARGET))))
FLASH ?=
STORE ?=
PEER ?=
RADIO ?=
.PHONY: deploy test-board board-image boards-table
board-image:
	@$(if $(BOARD_IMAGE),$(MAKE) --no-print-directory firmware BOARD=$(BOARD_IMAGE) VARIANT=dev)
	@$(if $(filter nrf52840-emulated,$(RADIO)),$(MAKE) --no-print-directory firmware BOARD=nrf52840dk VARIANT=release APP=bridge)

deploy: $(STAMP) board-image $(MPY_CROSS) ## put the firmware onto a board with stock MicroPython: TARGET=/dev/ttyACM0 [STORE=DIR]
	@$(MAKE) --no-print-directory native NATIVE_ARCH=armv7m
	$(BIN)/microbrew board deploy --target $(TARGET) $(if $(FLASH),--flash $(FLASH)) $(if $(STORE),--store $(STORE))

test-board: $(STAMP) board-image $(MPY_CROSS) ## unit tests, vectors, joins on TARGET=unix|qemu_an386|nrf52840-emulated|cc2652-emulated|/dev/ttyACM0 [PEER=] [RADIO=]
	$(PYTEST) tests/hil/test_target_*.py --target $(TARGET) $(if $(PEER),--peer $(PEER)) $(if $(RADIO),--radio $(RADIO)) $(if $(ASK),--ask)

# Upstream's port from a checkout with its submodules; its own mpy-cross, since frozen code is of its version.
firmware-stock: toolchain
	@test -d $(MPY_DIR)/ports/nrf -a -f $(MPY_DIR)/lib/nrfx/nrfx.h || { echo "$(BOARD) is built from a whole checkout of" \
		"MicroPython: MPY_DIR=/path/to/micropython, where 'make -C ports/nrf submodules' was run" >&2; exit 1; }
	@$(PYTHON3) mpconfig/sources.py $(if $(filter $(SOURCES)/%,$(MBEDTLS_DIR)),mbedtls) \
		$(if $(filter $(SOURCES)/%,$(BEARSSL_DIR)),bearssl) </dev/null
	@$(MAKE) --no-print-directory -j$(JOBS) -C $(MPY_DIR)/mpy-cross >/dev/null
	@BOARD_FREEZES=microbrew/radio/nrf52840_viper.py $(MAKE) --no-print-directory -j$(JOBS) -C $(MPY_DIR)/ports/nrf \
		BOARD_DIR=$(CURDIR)/boards/$(BOARD) ROOT=$(CURDIR) \
		BUILD=$(IMAGE) MPY_LIB_DIR=../.. MBEDTLS_DIR=$(abspath $(MBEDTLS_DIR)) BEARSSL_DIR=$(abspath $(BEARSSL_DIR))
	@arm-none-eabi-size $(IMAGE)/firmware.elf

boards-table: $(STAMP) ## make docs/boards.md from what `make test-board` found
	$(BIN)/python tests/hil/boards_table.py

fuzz: $(STAMP) ## search for input that breaks a decoder, guided by coverage, for SECONDS=60 in all
	@$(BIN)/python -c 'import atheris' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --require-hashes --requirement tests/fuzz/requirements.lock
	$(BIN)/python tests/fuzz/run.py --seconds $(SECONDS)

lock: ## resolve the dependencies again into requirements.lock
	$(PYTHON3) -m venv build/lock
	build/lock/bin/python -m pip install --quiet pip-tools
	build/lock/bin/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host \
		--no-emit-find-links --all-extras --strip-extras --allow-unsafe \
		--output-file=requirements.lock pyproject.toml

clean: ## remove what the targets above made
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis host_tools/*.egg-info firmware/*.egg-info *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
