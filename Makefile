# make demo   installs, trains on digits and cities for at most three minutes, evaluates, samples, writes the reports
# make test   installs and runs every test
# make lint   format, ruff, types, and which module may import which
PYTHON ?= python3
BIN := .venv/bin
RUNS ?= runs/demo

.PHONY: setup demo test lint clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --config-settings editable_mode=compat \
		--editable '.[dev,sde,peers,tables,hub,audio]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps torchcfm diffusers azula
	touch $@

# The demonstration starts anew each time; a run of your own resumes with the same command.
demo: setup
	rm -rf $(RUNS)
	$(BIN)/ndm train digits --timesteps 8 --run $(RUNS)/digits
	$(BIN)/ndm evaluate $(RUNS)/digits
	$(BIN)/ndm report $(RUNS)/digits
	$(BIN)/ndm train cities --timesteps 4 --run $(RUNS)/cities
	$(BIN)/ndm evaluate $(RUNS)/cities --draws 16
	$(BIN)/ndm report $(RUNS)/cities
	@echo
	@echo "Look at $(RUNS)/digits/report/index.html and $(RUNS)/cities/report/index.html"

# A file of tests stays in one process, so that its runs are trained once.
test: setup
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_imports.py

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache *.egg-info
