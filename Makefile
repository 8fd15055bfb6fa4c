# Everything a newcomer needs: `make run` and `make test`. Both set themselves up in .venv.

PYTHON ?= python3
BIN := .venv/bin
APP := .venv/.app
READY := .venv/.ready
MERMAID := 11.12.0
MERMAID_SHA256 := 07e37dfa97b337ccc85365d57eddf99b9706f09db3b59b260d0333b23b343c4b
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: run test coverage check measure model model-large bench docs clean

run: $(APP)  ## The app, with the model that ships in the package
	$(BIN)/ecosorter serve

test: check  ## Every check: style, types, layers, tests
	$(BIN)/pytest -n auto --dist worksteal

coverage: $(READY)  ## The same tests, and which lines and branches they do not reach; takes longer
	$(BIN)/pytest -n auto --dist worksteal --cov --cov-report=term

check: $(READY)  ## Style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

measure: $(READY)  ## The figures of card and README, measured again; tells whether the model ships; goes on where it was cut off
	$(BIN)/ecosorter train ../shared/photos --recipe ecosorter --out runs/ecosorter
	$(BIN)/python tools/figures.py runs/ecosorter/bundle

model: $(READY)  ## The model that ships, trained again from the photos; goes on where it was cut off
	$(BIN)/ecosorter train ../shared/photos --recipe ecosorter --out runs/ecosorter
	mkdir -p src/ecosorter/models && rm -rf src/ecosorter/models/ecosorter
	cp -r runs/ecosorter/bundle src/ecosorter/models/ecosorter

# PHOTOS: where `ecosorter photos fetch` has put its sets.
PHOTOS ?= photos

model-large: $(READY)  ## A larger model, from those photos and fetched ones; needs the internet, once
	$(BIN)/ecosorter train ../shared/photos $(PHOTOS) --recipe ecosorter-large --out runs/ecosorter-large

bench: $(READY)  ## Speed beside the published way and beside peers, on real photos
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.peers

docs: $(READY) docs/assets/mermaid.min.js  ## The documentation site, in build/site; broken links are errors
	JUPYTER_PLATFORM_DIRS=1 $(BIN)/mkdocs build --strict --quiet

# Diagrams are drawn in the reader's browser, by a file of the site itself.
docs/assets/mermaid.min.js: Makefile
	mkdir -p build docs/assets
	cd build && npm pack --silent mermaid@$(MERMAID) >/dev/null && \
	  tar -xzf mermaid-$(MERMAID).tgz package/dist/mermaid.min.js && rm mermaid-$(MERMAID).tgz
	echo "$(MERMAID_SHA256)  build/package/dist/mermaid.min.js" | sha256sum --check --quiet
	mv build/package/dist/mermaid.min.js $@ && rm -r build/package && touch $@

clean:  ## Remove what the commands above made
	rm -rf .venv build dist .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The app needs neither torch nor the tools for tests.
$(APP): pyproject.toml constraints.txt
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(PIP) '.[serve]'
	touch $(APP)

# torch is pinned in the same install: without the pin, packages that need torch bring GPU libraries of several GB.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(PIP) '.[train,lite,serve,ray,dev,docs]'
	touch $(APP) $(READY)
