# Everything a developer runs. Needs Python 3.11 or newer and make; the rest goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
STAMP_DEV := $(VENV)/.installed-dev
PROTOS := $(wildcard proto/pointbook/v1/*.proto)

export POINTBOOK_VENV := $(VENV)
# Compiling every module at every start costs seconds a process.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo demo-tryton test test-full lint format check stubs bench bench-adapters clean distclean

help:
	@echo 'make demo        a year of retail orders through the whole system, with books'
	@echo 'make demo-tryton the whole loop beside a real Tryton, which it installs: sale, points, reward, books'
	@echo 'make test        all tests; brings its own PostgreSQL and RabbitMQ'
	@echo 'make test-full   the tests on the large real data set, too'
	@echo 'make lint        ruff, mypy, import contracts, freshness of the stubs'
	@echo 'make check       lint and test'
	@echo 'make format      lets ruff fix and format'
	@echo 'make stubs       generates the gRPC stubs from proto/'
	@echo 'make bench       measures throughput and latency'
	@echo 'make bench-adapters  every adapter, a real Tryton among them, beside the textbook design'
	@echo 'make clean       removes caches and builds; distclean the environment and demo data, too'

# A release of ours or of a dependency list makes the environment anew, nothing else does.
$(STAMP): pyproject.toml .ci/install
	@.ci/install
	@touch $@

$(STAMP_DEV): $(STAMP)
	@.ci/install --dev
	@touch $@

demo: $(STAMP)
	@$(BIN)/pointbook demo

# The program installs Tryton into .cache, from PyPI; people at work in it are those of the tests.
demo-tryton: $(STAMP_DEV)
	@$(BIN)/python -m tests.adapters.tryton.demo

test: $(STAMP_DEV)
	@.ci/ensure-rabbitmq
	@.ci/ensure-curl
	@$(BIN)/python -m pytest $(ARGS)

test-full: $(STAMP_DEV)
	@.ci/ensure-rabbitmq
	@.ci/ensure-curl
	@$(BIN)/python -m pytest -m "full or not full" --timeout 3600 $(ARGS)

lint: $(STAMP_DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@.ci/check-stubs

check: lint test

format: $(STAMP_DEV)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

stubs: $(STAMP_DEV)
	$(BIN)/python -m grpc_tools.protoc -I proto --python_out=proto --pyi_out=proto \
	  --grpc_python_out=proto $(PROTOS)

bench: $(STAMP)
	@$(BIN)/pointbook bench $(ARGS)

bench-adapters: $(STAMP_DEV)
	@$(BIN)/python -m tests.adapters.bench $(ARGS)

clean:
	rm -rf .cache .pytest_cache .hypothesis build dist
	find accounting adapters plugin proto tests workers -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) pointbook-data
