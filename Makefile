# Everything a newcomer needs: `make run` and `make test`. Both set themselves up in .venv.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: run test check bench clean

run: $(READY)  ## Train on photos that are found, then classify some of them
	$(BIN)/python -m benchmarks.first_run

test: check  ## Every check: style, types, layers, tests
	$(BIN)/pytest -n auto --dist worksteal --cov --cov-report=term

check: $(READY)  ## Style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(READY)  ## Speed beside the published way, on real photos
	$(BIN)/python -m benchmarks.training

clean:  ## Remove what the commands above made
	rm -rf .venv build dist .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis

# torch is pinned in the same install: without the pin, packages that need torch bring GPU libraries of several GB.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[train,serve,dev]'
	touch $(READY)
