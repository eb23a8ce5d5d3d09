.DEFAULT_GOAL := help
.PHONY: help run test test-python compose-test faults prove-faults bench lint format requirements \
	audit pip-audit zizmor screenshots clean setup tools

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

run: setup ## Run everything on this machine; Ctrl-C stops it; CATALOGUE imports a file first
	@exec .venv/bin/python -W ignore -m runner # nameko warns of what it is made of

test: ## Run all tests
	@env -u AMQP_URI scripts/setup browser # whatever broker is named, the tests start one of their own
	@exec scripts/test

test-python: ## Run the unit and integration tests on another Python, as in PYTHON=python3.12
	@env -u AMQP_URI VENV=.venv-other scripts/setup
	@exec .venv-other/bin/python -m pytest tests/unit tests/integration

compose-test: ## Run the tests of docker-compose.yml; needs a Docker engine
	@env -u AMQP_URI scripts/setup
	@exec .venv/bin/python -m pytest -v tests/compose

faults: ## Break everything for two and a half hours and check every promise; FAULTS names single campaigns
	@env -u AMQP_URI scripts/setup faults
	@exec .venv/bin/python -W ignore -m tests.faults $(FAULTS)

prove-faults: ## Take away one guard at a time: the faults must find it out each time
	@env -u AMQP_URI scripts/setup
	@exec .venv/bin/python -W ignore -m tests.faults.prove $(GUARDS)

screenshots: ## Take the pictures of the pages that are in the READMEs
	@env -u AMQP_URI scripts/setup browser
	@exec .venv/bin/python -m pytest -q tests/browser/take_pictures.py tests/browser/take_services_pictures.py

bench: setup ## Compare with what a user would write instead; takes half an hour
	@bench/setup
	@exec .venv/bin/python -W ignore -m bench

lint: setup ## Check style and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

format: setup ## Put the code into the one format
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

setup: ## Install what is missing; the other targets do it first
	@scripts/setup

UV_COMPILE = .tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make requirements' $(OPTIONS)

requirements: tools ## Pin the dependencies again, from the .in files; OPTIONS=--upgrade takes the newest
	@$(UV_COMPILE) requirements.in --output-file requirements.txt >/dev/null
	@$(UV_COMPILE) requirements-dev.in --output-file requirements-dev.txt >/dev/null
	@$(UV_COMPILE) bench/requirements.in --output-file bench/requirements.txt >/dev/null
	@$(UV_COMPILE) requirements-tools.in --output-file requirements-tools.txt >/dev/null

audit: pip-audit zizmor ## Look for known vulnerabilities in the dependencies and for weak spots in the workflows

REQUIREMENTS = requirements.txt requirements-dev.txt requirements-tools.txt bench/requirements.txt

pip-audit: tools
	@.tools/bin/pip-audit --progress-spinner off --strict --require-hashes --disable-pip \
		$(addprefix --requirement ,$(REQUIREMENTS))

zizmor: tools
	@.tools/bin/zizmor --persona pedantic .github

tools:
	@scripts/environment .tools requirements-tools.txt

clean: ## Delete what can be made again; the bookings in .run stay
	rm -rf .venv .venv-other .tools bench/.venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
