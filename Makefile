# Everything is two commands: `make book` and `make test`. Each sets up what it needs in .venv.
# Works with GNU make 3.81 and any POSIX shell.

.DEFAULT_GOAL := help
.PHONY: help book pdf test quick execute ledger plain kernels serve lint format lock configure clean

BIN := .venv/bin
INSTALLED := .venv/.installed
NB ?= $(sort $(wildcard chapters/*/*.ipynb))
PORT ?= 8000
COMPILE := UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile --quiet
PYTHONS := $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3)
UV_HTTP_TIMEOUT ?= 300
export UV_HTTP_TIMEOUT

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | \
	  awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

book: $(INSTALLED) ## build the book into _build/html; any warning is an error
	$(BIN)/jupyter-book build -W -n --keep-going .

pdf: book ## print the book into _build/book.pdf
	$(BIN)/python tools/chromium.py
	$(BIN)/python -m tools.pdf

test: $(INSTALLED) ## run every test, and every notebook against its stored outputs
	$(BIN)/python tools/chromium.py
	$(BIN)/python -m pytest --nbval

quick: $(INSTALLED) ## run the tests of the package without those that take long
	$(BIN)/python -m pytest -m "not slow" tests --ignore=tests/book

execute: $(INSTALLED) ## run notebooks in place: NB="chapters/game/value_function.ipynb ..."
	$(BIN)/python tools/notebooks.py $(NB)
	$(BIN)/python tools/ledger.py
	$(BIN)/python -m tools.claims
	$(BIN)/python -m tools.plain

ledger: $(INSTALLED) ## write the proof ledger and the overview of claims from the stored outputs
	$(BIN)/python tools/ledger.py
	$(BIN)/python -m tools.claims

plain: $(INSTALLED) ## write the plain copies of the chapters that Colab, Binder and downloads open
	$(BIN)/python -m tools.plain

kernels: $(INSTALLED) ## how far each verdict is from failing on other processors (an hour or two)
	$(BIN)/python -m tools.kernels --json kernels.json

serve: ## serve the built book on http://127.0.0.1:8000 (PORT=8000)
	@test -f _build/html/index.html || { echo "There is no book yet: run 'make book' first." >&2; exit 1; }
	python3 -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

lint: $(INSTALLED) ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

format: $(INSTALLED) ## put the code into format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(INSTALLED) ## pin the newest versions that work together, for the project and for Binder
	$(COMPILE) --upgrade --universal --python-version 3.11 requirements.in -o requirements.txt
	cp requirements.txt .binder/requirements.txt  # so that uv keeps its versions
	$(COMPILE) --python-platform linux --python-version 3.11 --overrides .binder/overrides.txt \
	  .binder/requirements.in -o .binder/requirements.txt
	echo '--extra-index-url https://download.pytorch.org/whl/cpu' >> .binder/requirements.txt

configure: ## write the repository's public address everywhere: REPO=owner/name
	@$(find-python); "$$python" tools/configure.py "$(REPO)"

clean: ## remove what was built (the book, caches); .venv stays
	rm -rf _build .pytest_cache .ruff_cache .hypothesis *.egg-info
	find browser gancode tests tools chapters -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

# Sets the shell variable `python` to the first suitable Python.
define find-python
for python in $(PYTHONS) ''; do \
  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; \
if [ -z "$$python" ]; then \
  echo "Python 3.11 or newer is needed; none of these is: $(PYTHONS)." >&2; \
  echo "Install one, or name one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; fi
endef

# The stamp is newer than what it was installed from, so nothing is installed twice.
$(INSTALLED): requirements.txt pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { $(find-python); \
	  "$$python" -m venv --clear .venv; } || { rm -rf .venv; \
	  echo "$$python cannot create an environment (on Debian: apt-get install python3-venv)." >&2; \
	  exit 1; }
	$(BIN)/python -m pip install --quiet "$$(grep '^uv==' requirements.txt)"
	$(BIN)/uv pip install --python $(BIN)/python --requirement requirements.txt
	@touch $@
