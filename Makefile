# Four verbs: make run, make test, make check, make bench. `make install` prepares .venv for all of them.
PYTHON ?= python3
BIN := .venv/bin
# What is installed to run: for a graphics card of NVIDIA's, make run LOCK=requirements-gpu.txt
LOCK ?= requirements.txt

.PHONY: install run test check bench fuzz
install: .venv/.run

run: .venv/.run
	@$(BIN)/python -m bots

test: .venv/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A minute of damaged photos through the real decoding; prints the seed that repeats it.
fuzz: .venv/.dev
	$(BIN)/python -m tests.inference.fuzz

bench: .venv/.dev
	$(BIN)/python -m benchmarks

.venv/bin/python:
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 14); ok or sys.exit("Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version.split()[0] + "; name another: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv

.venv/.run: $(LOCK) pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK)
	@touch $@

.venv/.dev: requirements-dev.txt .venv/.run
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	@touch $@
