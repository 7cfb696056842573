# make verify   creates .venv on first use, then runs the main job on all theorems (quick profile)
# make test     lint, types, layers, the same, the quick audit, then the test suite (fixed seeds)
# make faults   runs are killed (200 times: FAULT_KILLS=N) and stores damaged
# make nightly  fresh seeds, the thorough audit, and the faults; make nightly SEED=N repeats one
# make release  fresh seeds and the thorough audit once: what is undecided counts as failure
# Another interpreter: make verify PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two cores, two workers: more threads only make small linear algebra slower.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
# An audit runs the programs that verify ran, two theorems at once: what one writes while the other reads it is
# compiled again. The tests read those programs and write none.
KEPT := JAX_COMPILATION_CACHE_DIR=$(CURDIR)/$(VENV)/compiled
COMPILED := $(KEPT) JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0
READ_ONLY := $(KEPT) JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=1000000000

# A stamp is named after what it stands for: interpreter, place, declared dependencies. It is written last,
# so an interrupted installation is repeated; a changed pyproject.toml or PYTHON is a new stamp.
FINGERPRINT := $(shell $(PYTHON) -c 'import hashlib, os, sys; \
  sys.version_info[:2] in ((3, 11), (3, 12), (3, 13)) or sys.exit(1); \
  place = hashlib.sha256((sys.version + sys.base_prefix + os.getcwd()).encode()).hexdigest()[:12]; \
  print(place, hashlib.sha256(open("pyproject.toml", "rb").read()).hexdigest()[:12])' 2>/dev/null)
PLACE := $(word 1,$(FINGERPRINT))
DEPENDENCIES := $(word 2,$(FINGERPRINT))
CREATED := $(VENV)/created-$(PLACE).stamp
USER_READY := $(VENV)/user-$(PLACE)-$(DEPENDENCIES).stamp
DEVELOPER_READY := $(VENV)/developer-$(PLACE)-$(DEPENDENCIES).stamp
INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check

.PHONY: verify audit test check lint types layers suite faults attacks nightly release seeded clean
.DELETE_ON_ERROR:

verify: $(USER_READY)
	@$(ONE_THREAD) $(COMPILED) $(BIN)/provenet verify --profile quick

audit: $(USER_READY)
	@$(ONE_THREAD) $(COMPILED) $(BIN)/provenet audit --profile quick --workers 2

# Verification keeps one core busy: types and layers are checked on the other one meanwhile.
test: lint
	@$(MAKE) --no-print-directory -j 2 verify types layers
	@$(MAKE) --no-print-directory audit
	@$(MAKE) --no-print-directory suite

check: lint types layers

lint: $(DEVELOPER_READY)
	@echo "format and lint (ruff)"
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted: run $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .

types: $(DEVELOPER_READY)
	@echo "types (mypy, strict)"
	@$(BIN)/mypy --no-error-summary

layers: $(DEVELOPER_READY)
	@echo "layers (import-linter)"
	@$(BIN)/lint-imports --no-cache > $(VENV)/layers.txt || { cat $(VENV)/layers.txt; exit 1; }

suite: $(DEVELOPER_READY)
	@$(ONE_THREAD) $(READ_ONLY) $(BIN)/python -m pytest -n 2 --dist loadscope -q

FAULT_KILLS ?= 200

faults: $(DEVELOPER_READY)
	@echo "faults: $(FAULT_KILLS) kills, and damage of every kind"
	@FAULT_KILLS=$(FAULT_KILLS) $(ONE_THREAD) $(BIN)/python -m pytest -q tests/faults

nightly: seeded
	@$(MAKE) --no-print-directory faults
	@$(MAKE) --no-print-directory attacks

# Every attack against every entrance, where the suite takes one command line in twelve; then fresh texts.
attacks: $(DEVELOPER_READY)
	@PROVENET_ATTACKS=all JAX_PLATFORMS=cpu $(ONE_THREAD) $(BIN)/python -m pytest -q tests/security
	@JAX_PLATFORMS=cpu $(ONE_THREAD) $(BIN)/python -m tests.security.fuzz 300

release: seeded

# The seed is drawn before anything is measured and written down first, so that no seed is tried in silence.
# Every exit code but 0 fails: refuted, undecided, invalid, not run. Measured cells and the audit are kept in one
# store for each seed, whose designs and certificates hold the seed as well.
RUNS := .provenet
seeded: SEED ?= $(shell $(BIN)/python -c 'import secrets; print(secrets.randbelow(2**32))')
seeded: $(DEVELOPER_READY)
	@mkdir -p $(RUNS)
	@seed=$(SEED); store=$(RUNS)/seed-$$seed.sqlite; \
	  echo "seed $$seed; repeat with: make $(MAKECMDGOALS) SEED=$$seed" | tee -a $(RUNS)/seeds.txt && \
	  $(ONE_THREAD) $(BIN)/provenet verify --profile standard --seed $$seed --store $$store && \
	  $(ONE_THREAD) $(BIN)/provenet audit --profile thorough --seed $$seed --store $$store

$(CREATED):
	@test -n "$(FINGERPRINT)" || { echo "provenet needs Python 3.11, 3.12 or 3.13; '$(PYTHON) --version' says:" \
	  "$$($(PYTHON) --version 2>&1 | head -n 1). Name another: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(USER_READY): $(CREATED)
	@echo "installing provenet and its dependencies (about 700 MB; once, a minute or more)"
	@rm -f $(VENV)/user-*.stamp $(VENV)/developer-*.stamp
	@$(INSTALL) --editable ".[data]"
	@touch $@

$(DEVELOPER_READY): $(USER_READY)
	@echo "installing the development tools (once)"
	@$(INSTALL) --editable ".[data,plots,development]"
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
