# beamside: `make demo` shows it at work, `make test` proves it. Nothing else needs to be known.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PAGE   := services/viewer/page
ARGS   ?=

.PHONY: demo test test-all test-browser check format bench bench-gpu crash hostile soak faults page page-check picture clean setup setup-dev

demo: $(VENV)/.user                 ## a simulated microscope, live page and archive (ARGS='--frames 40 --json')
	@$(BIN)/beamside demo $(ARGS)

test: $(VENV)/.dev                  ## the tests (ARGS='-k ledger')
	@$(BIN)/pytest -n auto --dist loadgroup -m "not slow and not gpu and not browser" $(ARGS)

test-all: $(VENV)/.browser          ## the slow, browser and gpu tests too
	@$(BIN)/pytest $(ARGS)

test-browser: $(VENV)/.browser      ## the page, in the Chromium of this machine
	@$(BIN)/pytest -m browser $(ARGS)

check: $(VENV)/.dev page-check      ## format, lint, types, import contracts, the built page
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev                ## write what check asks for
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.bench               ## measure (ARGS='stream --json')
	@$(BIN)/beamside bench $(ARGS)

# where there is a GPU, and cupy for it; the result is kept with the name of the device
bench-gpu: $(VENV)/.bench           ## measure HRTEM on a GPU (ARGS='--frames 1000')
	@$(BIN)/beamside bench hrtem-gpu --out tests/bench/results/hrtem-gpu.json $(ARGS)

crash: $(VENV)/.dev                 ## SIGKILLs at random moments: nothing written is lost (ARGS='--kills 20')
	@$(BIN)/python -m beamside.tests.faults.crash $(ARGS)

hostile: $(VENV)/.dev               ## strangers on every decoder and the service (ARGS=--short)
	@$(BIN)/python -m beamside.tests.faults.hostile $(ARGS)

soak: $(VENV)/.dev                  ## half an hour at 80 % of the ceiling: nothing lost, nothing grows (ARGS='--minutes 1')
	@$(BIN)/python -m beamside.tests.faults.soak $(ARGS)

faults: $(VENV)/.dev                ## the short forms of crash, hostile and soak, and one test a fault
	@$(BIN)/pytest -q -n auto -m "not gpu and not browser" tests/system/test_faults.py
	@$(BIN)/python -m beamside.tests.faults.crash --kills 20
	@$(BIN)/python -m beamside.tests.faults.hostile --short
	@$(BIN)/python -m beamside.tests.faults.soak --minutes 1

# where there is Node: the page's own tests, and that what is committed is what the source gives
page-check:
	@command -v npm >/dev/null || { echo "no Node: the built page is not compared"; exit 0; }; \
	cd $(PAGE) && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-fund --no-audit; } \
	&& npm test --silent && npx tsc --noEmit \
	&& npx vite build --logLevel warn --outDir ../../../build/page && cd - >/dev/null \
	&& diff -rq build/page services/viewer/static || { echo "run \`make page\` and commit services/viewer/static"; exit 1; }

page:                               ## build the live page again; needs Node
	@cd $(PAGE) && npm ci --no-fund --no-audit && npm run build

picture: $(VENV)/.browser           ## take the README's pictures of a running demo again
	@$(BIN)/beamside demo --port 8765 --set viewer.token=for-the-picture --archive build/picture & \
	sleep 40; $(BIN)/python tests/browser/pictures.py \
	    'http://127.0.0.1:8765/?token=for-the-picture' deploy; kill -INT %1 2>/dev/null || kill $$!; wait

setup: $(VENV)/.user
setup-dev: $(VENV)/.dev

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "beamside needs Python 3.11 or newer: make PYTHON=python3.11")'
	@echo "setting up $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.user: pyproject.toml constraints.txt | $(VENV)/bin/python
	@$(PIP) -e '.[microscopy,reports,steering]'
	@touch $@

# the link is for the type checkers only: it lets them find `beamside` whatever the checkout's name
$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@$(PIP) -e '.[microscopy,reports,networks,particles,steering,dev]'
	@mkdir -p $(VENV)/src && ln -sfn ../.. $(VENV)/src/beamside
	@touch $@ $(VENV)/.user

$(VENV)/.browser: $(VENV)/.dev
	@$(PIP) -e '.[microscopy,reports,networks,particles,steering,dev,browser]'
	@touch $@

# `fast` is compiled at install time: it needs a C++ compiler
$(VENV)/.bench: $(VENV)/.user
	@$(PIP) -e '.[microscopy,reports,networks,openvino,particles,steering,browser,fast]'
	@touch $@

clean:                              ## everything that was made here
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
