PYTHON ?= python

.PHONY: check test docs bench torch

check:  ## lint, format, types, and that imports point down
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest tests/test_floors.py

test:  ## everything but the comparison with PyTorch, which is skipped where it is not installed
	$(PYTHON) -m pytest -n 2

docs:  ## the examples in docstrings and pages run
	$(PYTHON) -m pytest --doctest-modules rushlight -n 2
	$(PYTHON) -m pytest --doctest-glob='*.md' docs

torch:  ## the comparison with PyTorch 2.13.0
	$(PYTHON) -m pytest tests/against_torch -n 2

bench:  ## ratios against PyTorch in one run
	$(PYTHON) benchmarks/recording.py
	$(PYTHON) benchmarks/importing.py
