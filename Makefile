PYTHON ?= python3
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help run test compose-test faults prove-faults bench lint format requirements \
	bench-requirements screenshots clean setup

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

run: setup ## Run everything on this machine; Ctrl-C stops it
	@exec .venv/bin/python -W ignore -m runner # nameko warns of what it is made of

test: ## Run all tests
	@env -u AMQP_URI scripts/setup browser # whatever broker is named, the tests start one of their own
	@exec scripts/test

compose-test: ## Run the tests of docker-compose.yml; needs a Docker engine
	@env -u AMQP_URI scripts/setup
	@exec .venv/bin/python -m pytest -v tests/compose

faults: ## Break everything for two and a half hours and check every promise; FAULTS names single campaigns
	@env -u AMQP_URI scripts/setup
	@exec .venv/bin/python -W ignore -m tests.faults $(FAULTS)

prove-faults: ## Take away one guard at a time: the faults must find it out each time
	@env -u AMQP_URI scripts/setup
	@exec .venv/bin/python -W ignore -m tests.faults.prove $(GUARDS)

screenshots: ## Take the pictures of the pages that are in the READMEs
	@env -u AMQP_URI scripts/setup browser
	@exec .venv/bin/python -m pytest -q tests/browser/take_pictures.py

bench: setup ## Compare with what a user would write instead; takes half an hour
	@bench/setup
	@exec .venv/bin/python -W ignore -m bench

lint: setup ## Check style and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: setup ## Put the code into the one format
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

setup: ## Install what is missing; the other targets do it first
	@scripts/setup

PIP_COMPILE = $$tools/bin/pip-compile --quiet --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

requirements: export CUSTOM_COMPILE_COMMAND = make requirements
requirements: ## Pin the dependencies again, from the two .in files
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	$(PYTHON) -m venv --without-pip "$$tools" && \
	$(PYTHON) -m pip --python "$$tools/bin/python" install --quiet pip-tools==7.6.2 && \
	$(PIP_COMPILE) requirements.in && \
	$(PIP_COMPILE) requirements-dev.in

bench-requirements: export CUSTOM_COMPILE_COMMAND = make bench-requirements
bench-requirements: ## Pin what the peers and the plots of the benchmark run on
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	$(PYTHON) -m venv --without-pip "$$tools" && \
	$(PYTHON) -m pip --python "$$tools/bin/python" install --quiet pip-tools==7.6.2 && \
	cd bench && $(PIP_COMPILE) requirements.in

clean: ## Delete what can be made again; the bookings in .run stay
	rm -rf .venv bench/.venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
