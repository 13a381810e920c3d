# Two commands do everything: `make demo` and `make test`. They need Python 3.11+, make and git.
# PYTHON=python3.12 chooses the interpreter; otherwise one is found, and .venv keeps what it has.

BIN := .venv/bin
WORKERS ?= 2
ARGS ?=
BENCH ?=
ONCE ?=
PYTHON ?=

.DEFAULT_GOAL := help
.PHONY: help venv demo test check docs bench clean

help: ## Show this list
	@echo "make TARGET, where TARGET is"
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r name what; do printf '%-9s %s\n' "$$name" "$$what"; done

venv: ## Prepare .venv from uv.lock, with .venv/bin/tokenry in it
	@PYTHON="$(PYTHON)" sh scripts/prepare.sh

demo: venv ## Run the story: issue, verify in two services, take back everywhere (ONCE=1: run and exit)
	@once="$(ONCE)"; [ -t 1 ] || once=1; $(BIN)/tokenry demo $${once:+--once} $(ARGS)

test: venv ## Run every test (ARGS="tests/protocol -x" for some, WORKERS=0 for one process)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --durations=10 --durations-min=1 $(ARGS)

check: venv ## Check style, types, layers, dependencies, dead code and docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/vulture
	$(BIN)/python -m scripts.reference_pages --check
	$(BIN)/python -m scripts.links

docs: venv ## Write the generated reference pages anew
	@$(BIN)/python -m scripts.reference_pages

bench: venv ## Measure beside peers and print the ratios (BENCH=P-1 for one)
	@$(BIN)/python -m benchmarks $(BENCH) $(ARGS)

clean: ## Remove the environment, caches and everything built
	rm -rf .venv .cache dist artifacts benchmarks/.peers tests/.peers
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
