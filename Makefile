# One word each. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
# Ray starts a dozen processes. Without compiled modules on disk, each of them would compile its libraries.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help up down status train test lint bench images clean

help:  ## list these targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

up: $(VENV)/run.stamp  ## install, start the local stack, serve, train what is missing
	@$(BIN)/slipway up

down: $(VENV)/run.stamp  ## stop everything that `make up` started
	@$(BIN)/slipway down

status: $(VENV)/run.stamp  ## what runs where
	@$(BIN)/slipway status

train: $(VENV)/run.stamp  ## train the price app on synthetic data
	@$(BIN)/slipway train price

# Three for two cores: many tests wait for processes that start. They share the cores, so a thread that waits for
# others of its own must leave its core to them.
test: $(VENV)/dev.stamp  ## install and run every test, ruff and mypy too
	@OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder

lint: $(VENV)/dev.stamp  ## ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/dev.stamp  ## measure beside peers (40 minutes); prints what the README quotes
	@$(BIN)/python -m benchmarks

images:  ## build the container images with buildah or docker
	@for name in gateway training control; do scripts/build-image $$name || exit 1; done

clean: ## stop the stack and remove everything that was made
	@test ! -x $(BIN)/slipway || $(BIN)/slipway down
	@rm -rf $(VENV) .slipway *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find model-repository -mindepth 2 -maxdepth 2 ! -name config.pbtxt -exec rm -rf {} +

$(VENV)/bin/python:
	@scripts/venv $(PYTHON) $(VENV)

$(VENV)/run.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	@scripts/install $(VENV) cpu,train && touch $@

$(VENV)/dev.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	@scripts/install $(VENV) cpu,train,convert,bento,manifests,s3,cluster,dev && touch $(VENV)/run.stamp $@
