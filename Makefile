# Every target creates what it needs on a fresh clone: Python 3.11 or newer and make are enough.
# Dependencies go to .venv, one stamp per set of extras; a set is installed again only when
# pyproject.toml has changed.

PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
	>/dev/null 2>&1 && { echo "$$p"; break; }; done)
VENV := .venv
RUN := $(VENV)/bin/python
WORKERS ?= 2

.PHONY: help demo demo-lotka demo-wave test test-all coverage bench lint format docs clean distclean
.DEFAULT_GOAL := help

help:
	@echo 'make demo      calibrate Lotka-Volterra, then recover a velocity profile (about 2 minutes)'
	@echo 'make test      the test suite without the slow tests (below 15 minutes on two cores)'
	@echo 'make test-all  the test suite with the slow tests'
	@echo 'make bench     gradient / primal time ratios against hand-written adjoints and peers'
	@echo 'make lint      ruff check, ruff format --check, mypy'
	@echo 'make docs      the documentation, into site/'
	@echo 'make clean     remove generated files; make distclean removes .venv as well'

# The stamp holds the checksum of the pyproject.toml that was installed, so that a new checkout or
# a touched file does not cause another installation.
$(VENV)/.installed-%: pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo 'numbad needs Python 3.11 or newer' >&2; exit 1; fi
	@$(RUN) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo 'creating $(VENV)'; $(PYTHON) -m venv --clear $(VENV); }
	@if [ "$$(cat $@ 2>/dev/null)" != "$$(cksum < pyproject.toml)" ]; then \
		echo 'installing numbad[$*] into $(VENV)'; \
		$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[$*]' || exit 1; \
	fi
	@cksum < pyproject.toml > $@

.PRECIOUS: $(VENV)/.installed-%

demo: demo-lotka demo-wave

demo-lotka: $(VENV)/.installed-demo
	$(RUN) -m numbad demo lotka

demo-wave: $(VENV)/.installed-demo
	$(RUN) -m numbad demo wave

test: $(VENV)/.installed-test
	$(RUN) -m pytest -q -n $(WORKERS) --dist worksteal -m 'not slow'

test-all: $(VENV)/.installed-test
	$(RUN) -m pytest -q -n $(WORKERS) --dist worksteal

coverage: $(VENV)/.installed-test
	$(RUN) -m pytest -q -n $(WORKERS) -m 'not slow' --cov --cov-report=term

bench: $(VENV)/.installed-bench
	$(RUN) -m bench

lint: $(VENV)/.installed-lint
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(VENV)/.installed-lint
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

docs: $(VENV)/.installed-docs
	$(RUN) -m mkdocs build --strict

clean:
	rm -rf build dist site demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
