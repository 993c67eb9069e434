# Every target does its own set-up; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
RUNNING := $(VENV)/.running
JUDGES := .venv-judges
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
# A file is set up once, by the process that has all of it. Small files come last, so that no
# process waits for the other at the end.
SPREAD = --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
# The pins are complete, and `pip check` says so afterwards: nothing is looked for besides. Some
# versions of pip, which do look, take the extra of a pinned package for one that is not pinned once
# there is a newer version.
PINNED := -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage test-large parity readers properties bench bench-large bench-converters check build clean lock bench-growth bench-memory

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(RUNNING) ## what running needs, with .venv/bin/kili-export

$(READY): $(RUNNING) requirements/dev.txt
	@echo "Setting up what developing needs, in $(VENV) too (once, one or two minutes)"
	@$(BIN)/python $(PINNED) -r requirements/dev.txt
	@$(BIN)/python -m pip check --disable-pip-version-check >&2
	@touch $@

$(RUNNING): requirements/demo.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up $(VENV) (once, a minute; 300 MB)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PINNED) -r requirements/demo.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check --disable-pip-version-check >&2
	@touch $@

demo: $(RUNNING) ## the whole system on this machine, live
	@$(BIN)/kili-export demo

test: $(READY) ## the tests, but for the slow ones
	@$(BIN)/python -m pytest $(SPREAD) -m "not slow"

.PHONY: test-slow
test-slow: $(READY) ## what starts whole stacks, builds wheels and functions, or measures memory; minutes
	@$(BIN)/python -m pytest $(SPREAD) -m slow

coverage: $(READY) ## every test, slow ones too, and which lines none of them reached
	@$(BIN)/python -m pytest $(SPREAD) --cov --cov-report=term:skip-covered

parity: $(READY) ## every format and option against Kili's own SDK (options: PARITY=--quick)
	@$(BIN)/python -m devtools.parity $(PARITY)

test-large: $(READY) ## archives above 4 GiB and 65,535 files for all readers, 10 TB planned; takes minutes
	@KILI_EXPORT_LARGE=1 $(BIN)/python -m pytest tests/integration/test_large_archives.py tests/unit/splicing/test_joins.py

readers: $(READY) ## every reader of ZIP archives on every kind of ours (options: READERS=--quick)
	@$(BIN)/python -m devtools.readers $(READERS)

bench: $(READY) ## this system beside Kili's SDK, 1,000 and 10,000 assets (options: BENCH=--json)
	@$(BIN)/python -m devtools.bench.against_sdk --write docs/explanation/benchmarks.md $(BENCH)

bench-large: $(READY) ## the same with 50,000 assets too; takes long
	@$(BIN)/python -m devtools.bench.against_sdk --size 1000 --size 10000 --size 50000 --write docs/explanation/benchmarks.md $(BENCH)

bench-growth: $(READY) ## one changed label in archives of 1,000 to 1,000,000 files
	@$(BIN)/python -m devtools.bench.growth --write docs/explanation/growth.md --chart docs/explanation/growth.svg $(BENCH)

bench-memory: $(READY) ## the memory of publishing a million assets; takes hours (options: BENCH='--assets 100000')
	@$(BIN)/python -m devtools.bench.memory $(BENCH)

bench-converters: $(READY) ## how fast labels are converted, beside kili_formats (options: BENCH=--json)
	@$(BIN)/python -m devtools.bench.converters $(BENCH)

FUZZ_SECONDS ?= 30
FUZZ := .venv-fuzz

.PHONY: fuzz
fuzz: $(FUZZ)/.ready ## feeds the parsers with what reaches new branches (options: FUZZ_SECONDS=600, each)
	@for target in answer archive delta graphql ledger manifest name picture registration results rows webhook; do \
	  PYTHONPATH=.:layers/shared $(FUZZ)/bin/python -m tests.fuzz $$target --seconds $(FUZZ_SECONDS) || exit 1; \
	done

$(FUZZ)/.ready: requirements/fuzz.txt
	@echo "Setting up $(FUZZ), for the fuzzer (once)"
	@$(PYTHON) -m venv --clear $(FUZZ)
	@$(FUZZ)/bin/python $(PINNED) -r requirements/fuzz.txt
	@touch $@

.PHONY: load
load: $(READY) ## 10,000 events beside full exports: what is lost, and how fast (options: LOAD="--senders 16")
	@$(BIN)/python -m devtools.load $(LOAD)

.PHONY: freshness
freshness: $(READY) ## how soon 100 labels are published that no webhook announces (options: FRESHNESS="--submits 20")
	@$(BIN)/python -m devtools.freshness $(FRESHNESS)

.PHONY: transcript
transcript: $(READY) ## what a new user sees, recorded on a terminal of 80 columns, into docs/
	@$(BIN)/python -m devtools.transcript --write docs/reference/transcript.md

.PHONY: chaos
chaos: $(READY) ## anything in any order, at least 500 times (options: CHAOS="--sequences 2000 --seed 7")
	@$(BIN)/python -m tests.chaos $(CHAOS)

.PHONY: crashes
crashes: $(READY) ## a stack killed, copied and backed up at random moments (options: CRASHES="--kills 5 --copies 5 --backups 5")
	@$(BIN)/python -m devtools.crashes $(CRASHES)

.PHONY: faults
faults: $(READY) ## every call broken once in every way (options: FAULTS="--every 60 --twice")
	@$(BIN)/python -m devtools.faults --processes $(WORKERS) $(FAULTS)

properties: $(READY) ## increments against full exports over random histories (options: PROPERTIES=--histories=100)
	@$(BIN)/python -m tests.increments $(PROPERTIES)

.PHONY: properties-shapes
properties-shapes: $(READY) ## corrected shapes beside shapely's, 20,000 random ones (options: SHAPES=100000)
	@KILI_EXPORT_SHAPES=$(or $(SHAPES),20000) $(BIN)/python -m pytest --numprocesses $(WORKERS) tests/contract/test_shapes_in_pictures.py

$(JUDGES)/.ready: requirements/judges.txt
	@echo "Setting up $(JUDGES) (once; 720 MB)"
	@$(PYTHON) -m venv $(JUDGES)
	@$(JUDGES)/bin/python $(PINNED) -r requirements/judges.txt
	@touch $@

.PHONY: judges
judges: $(READY) $(JUDGES)/.ready ## other tools read our archives: Ultralytics, supervision, pycocotools, GDAL, Pillow, datasets, DuckDB, pandas (options: TORCH=/path/to/python)
	@$(if $(TORCH),KILI_EXPORT_TORCH="$(TORCH)") $(BIN)/python -m pytest -rs tests/contract/test_outside_judges.py tests/contract/test_data_judges.py tests/contract/test_torch_judges.py

SCAN := .venv-scan

$(SCAN)/.ready: requirements/scan.txt
	@echo "Setting up $(SCAN), for the scan of the template (once, one or two minutes)"
	@$(PYTHON) -m venv --clear $(SCAN)
	@$(SCAN)/bin/python $(PINNED) -r requirements/scan.txt
	@touch $@

check: $(READY) $(SCAN)/.ready ## formatting, lint, types, import direction, template, permissions, leaks
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m devtools.build.scan
	@$(BIN)/python -m pytest --quiet $(SPREAD) tests/security

DOCS := .venv-docs

$(DOCS)/.ready: requirements/docs.txt
	@echo "Setting up $(DOCS), for the site (once)"
	@$(PYTHON) -m venv --clear $(DOCS)
	@$(DOCS)/bin/python $(PINNED) -r requirements/docs.txt
	@touch $@

.PHONY: docs
docs: $(READY) $(DOCS)/.ready ## the generated reference pages, and the site with every link checked (in site/)
	@$(BIN)/python -m devtools.docs
	@$(DOCS)/bin/mkdocs build --strict --clean

.PHONY: audit
audit: $(READY) ## known vulnerabilities of what is deployed, offline (OSV=all.zip: see docs/how-to/upgrade.md)
	@$(BIN)/python -m devtools.build.audit "$(OSV)"

build: $(READY) ## the deployable application, checked
	@$(BIN)/python -m devtools.build

lock: ## pins the dependencies again (needs uv)
	@requirements/lock.sh --upgrade

clean: ## forgets everything that was made
	rm -rf $(VENV) $(SCAN) $(FUZZ) $(DOCS) site .venv-sam .venv-readers $(JUDGES) .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

.PHONY: pins
pins: $(READY) ## how stored bytes differ from the pinned ones (options: PINS="--write protocol")
	@$(BIN)/python -m tests.pins $(PINS)

.PHONY: mutants
mutants: $(READY) ## small changes of the code that no test notices (options: MUTANTS="archive --share 1/20")
	@$(BIN)/python -m devtools.mutants $(MUTANTS)
