# The registry's targets. `make` lists them; each sets up what it needs, and costs nothing when
# that is there already. Needs Python 3.11 or newer, make, and a package index.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PORT ?= 8000
SCALE ?= small
TESTS ?=
# Each process that runs tests has its own database; a single file needs no second one.
TEST_PROCESSES ?= $(if $(TESTS),0,auto --maxprocesses 4)
export PYTHONUNBUFFERED := 1
# Without compiled modules every process would take three times as long to start.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
PYTHON := $(VENV)/bin/python
# Keyed by content: a changed pin installs again, an unchanged one costs nothing.
PINS := $(shell cat requirements/uv.txt requirements/dev.txt | cksum | cut -d ' ' -f 1)
INSTALLED := $(VENV)/.installed-$(PINS)
ASSETS := $(VENV)/.assets-$(PINS)
TRANSLATIONS := $(VENV)/.translations
PO_FILES := $(wildcard */locale/*/LC_MESSAGES/django.po registry/*/locale/*/LC_MESSAGES/django.po)
BUILD_ASSETS := $(wildcard */management/commands/build_assets.py registry/*/management/commands/build_assets.py)
# Runs a command on embedded servers, which end with it if they began with it.
ON_SERVERS := $(PYTHON) -m registry.embedded run --
BROWSER = $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name) 2>/dev/null)))

# What production must set, with values that are good for checking the settings and nothing else.
PRETEND_PRODUCTION := REGISTRY_ENV=production \
	SECRET_KEY=only-for-the-check-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGH \
	IDENTITY_MASTER_KEY=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff \
	BLIND_INDEX_KEY=112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00 \
	LINK_KEY=2233445566778899aabbccddeeff00112233445566778899aabbccddeeff0011 \
	ALLOWED_HOSTS=registry.example SITE_URL=https://registry.example \
	DATABASE_URL=postgresql://registry_app@127.0.0.1/registry \
	REDIS_URL=redis://127.0.0.1/0 EMAIL_HOST=127.0.0.1

.PHONY: help demo test check fix bench run worker shell stop lock setup browser

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## the whole registry with demo data and a mailbox: PORT=8000 SCALE=small|full
	@exec $(PYTHON) -m registry.embedded run --stop-always -- \
		$(PYTHON) manage.py run_demo --port $(PORT) --scale $(SCALE)

test: setup browser ## everything that CI runs: check, then all tests; TESTS=tests/unit for a part
	@$(MAKE) --no-print-directory check
	@$(ON_SERVERS) $(PYTHON) -m pytest -n $(TEST_PROCESSES) --dist loadfile $(TESTS); result=$$?; \
	if [ -z "$(BROWSER)" ]; then \
		echo "Browser tests were SKIPPED: no Chromium here (install the package chromium)."; \
	fi; \
	exit $$result

check: setup ## lint, format, import contracts, missing migrations, production settings
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/lint-imports
	@$(ON_SERVERS) $(PYTHON) manage.py makemigrations --check --dry-run
	@$(PRETEND_PRODUCTION) $(PYTHON) manage.py check --deploy --fail-level WARNING

fix: setup ## repair what lint and format can repair; bring new texts into the translations
	@$(VENV)/bin/ruff check --fix --exit-zero .
	@$(VENV)/bin/ruff format .
	@$(PYTHON) manage.py extract_translations

bench: setup ## measure the budgets; writes bench/last.json
	@$(ON_SERVERS) $(PYTHON) -m bench

run: setup ## development server that reloads: PORT=8000
	@$(PYTHON) manage.py migrate --verbosity 0
	@exec env DEBUG=1 $(PYTHON) manage.py runserver 127.0.0.1:$(PORT)

worker: setup ## worker and beat for the development server
	@exec $(VENV)/bin/celery -A registry.celery worker --beat --concurrency 2 --loglevel INFO

shell: setup ## Python with the models loaded
	@exec $(PYTHON) manage.py shell

stop: ## stop a running demo, PostgreSQL and Valkey
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m registry.embedded stop; fi

lock: $(INSTALLED) ## pin the dependencies of pyproject.toml anew, with hashes
	@export UV_CUSTOM_COMPILE_COMMAND="make lock"; \
	compile="$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
		--python-version 3.11 $(LOCK)"; \
	$$compile pyproject.toml -o requirements/runtime.txt && \
	$$compile --extra dev -c requirements/runtime.txt pyproject.toml -o requirements/dev.txt && \
	echo uv | $$compile - -o requirements/uv.txt

# --- What the targets above stand on -----------------------------------------------------------

setup: $(INSTALLED) $(TRANSLATIONS) $(ASSETS)

$(INSTALLED): | $(VENV)/bin/python
	@echo "Installing the pinned dependencies …"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements/uv.txt
	@$(VENV)/bin/uv pip sync --quiet --python $(PYTHON) --require-hashes \
		requirements/uv.txt requirements/dev.txt
	@rm -f $(VENV)/.installed-* && touch $@

$(VENV)/bin/python:
	@for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making the virtual environment with $$($$candidate --version) …"; \
			$$candidate -m venv $(VENV) || { \
				rm -rf $(VENV); \
				echo "The module venv does not work; on Debian install python3-venv." >&2; \
				exit 1; \
			}; \
			exit 0; \
		fi; \
	done; \
	echo "Python 3.11 or newer is needed; python3 is $$(python3 --version 2>&1)." >&2; exit 1

$(TRANSLATIONS): $(INSTALLED) $(PO_FILES)
	@$(PYTHON) manage.py compile_translations
	@touch $@

# Third-party scripts and styles are taken from their packages, never committed.
$(ASSETS): $(INSTALLED) $(BUILD_ASSETS)
	@if [ -n "$(BUILD_ASSETS)" ]; then $(PYTHON) manage.py build_assets; fi
	@rm -f $(VENV)/.assets-* && touch $@

browser:
	@if [ -n "$(BROWSER)" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the browser tests …"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium; } >/dev/null \
			&& exit 0; \
	fi; \
	if [ "$(CI)" = true ]; then \
		echo "Chromium is missing and CI must run the browser tests." >&2; exit 1; \
	fi
