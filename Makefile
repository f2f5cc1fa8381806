# make run      set up everything, start it, print a line that begins with `ready`
# make demo     simulated citizens and seats on the running system
# make test     every check and test
# make advisories  known vulnerabilities of the locked packages
# make mutants  do the tests notice a changed line? (docs/mutants.md)
# make bench    load figures beside a bare Asterisk
# make clean    remove what the targets above made in this checkout, but no state and no cache
#
# A target needs nothing prepared. Settings are CALLCENTER_* variables (docs/operations.md):
#   make run CALLCENTER_HOME=/srv/hotline CALLCENTER_SIP_PORT=5070

MAKEFLAGS += --no-print-directory
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
# Test modules run side by side in so many processes. A live story computes for a third of its time
# and waits for the rest, so four keep two cores busy. Live modules come first, so that a long one is
# not the last.
PYTEST_WORKERS ?= 4
export PYTHONUNBUFFERED := 1
# Settings given on make's command line reach the programs too.
$(foreach name,$(filter CALLCENTER_%,$(.VARIABLES)),$(eval export $(name)))

.PHONY: run setup demo doctor test check bench venv venv-dev lock advisories mutants clean help

# The signal of Ctrl-C reaches the program itself, which stops everything in order; make waits.
run: venv
	@exec $(BIN)/callcenter run

setup: venv
	@exec $(BIN)/callcenter setup

demo: venv
	@exec $(BIN)/callcenter demo

doctor: venv
	@exec $(BIN)/callcenter doctor

# The console is built before the tests, which have no time for it; its own checks are tests.
# All checks run even when one fails, and pytest comes last: its summary is the last line.
test: venv-dev
	@status=0; \
	for check in "ruff check ." "ruff format --check ." "mypy" "lint-imports" \
		"callcenter console"; do \
		echo "== $$check"; $(BIN)/$$check || status=1; \
	done; \
	echo "== pytest"; $(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile \
		--no-loadscope-reorder $(PYTEST_ARGS) || status=1; \
	exit $$status

check: venv-dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: venv-dev
	@exec $(BIN)/python -m benchmarks $(BENCH_ARGS)

venv:
	@$(PYTHON) -I callcenter/setup/bootstrap.py

venv-dev:
	@$(PYTHON) -I callcenter/setup/bootstrap.py --dev

# Brings the lock files up to pyproject.toml, for every Python and system it allows, and the one of
# Node; versions that are there stay (make lock LOCK_ARGS=--upgrade). The locks name no host: packages come from the
# machine's own index.
lock:
	@test -x build/lock/bin/uv || { $(PYTHON) -m venv build/lock && build/lock/bin/pip -q install uv; }
	@for group in "requirements.lock" "requirements-dev.lock --group dev"; do \
		build/lock/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
			--extra postgresql $(LOCK_ARGS) -o $$group pyproject.toml || exit 1; \
	done
	@build/lock/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
		$(LOCK_ARGS) -o requirements-node.lock callcenter/web/node.in

# Asks the package registry (its JSON API, which knows the advisories of the PyPA's database) of each
# locked version. A mirror that serves files alone cannot answer: then it says so and fails, for a
# check that could not ask has found nothing out.
advisories:
	@test -x build/advisories/bin/pip-audit || { $(PYTHON) -m venv build/advisories \
		&& build/advisories/bin/pip -q install pip-audit; }
	@build/advisories/bin/pip-audit --disable-pip --no-deps --strict --progress-spinner=off \
		-r requirements-dev.lock

# Changes the domains line by line and counts what their tests notice (MUTANTS: which contexts; its
# other words are in tests/mutants). The tool has an environment of its own that sees the tests' one.
mutants: venv-dev
	@test -x build/mutants/tool/bin/mutmut || { $(PYTHON) -m venv build/mutants/tool \
		&& build/mutants/tool/bin/pip -q install --disable-pip-version-check "mutmut>=3.8,<4"; }
	@$(BIN)/python -c "import sysconfig; print('import site; site.addsitedir(%r)' \
		% sysconfig.get_path('purelib'))" > "$$(build/mutants/tool/bin/python -c \
		"import sysconfig; print(sysconfig.get_path('purelib'))")/tests.pth"
	@exec nice -n 15 build/mutants/tool/bin/python -m tests.mutants $(MUTANTS)

clean:
	rm -rf .venv .venv.lock build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

help:
	@sed -n '/^#/!q;s/^# \{0,1\}//p' Makefile
