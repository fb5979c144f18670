# make test   lint, types and tests          make demo   the main job on bundled images
# make lint   lint and types only            make setup  the virtual environment alone
# make demo-flywheel   labelling and training side by side on the bundled images, some minutes
# make chaos   kills workers, nodes, drivers and the S3 server of labelling runs for ten minutes, and compares; then
#              sends commands signals at random moments, for twenty minutes at most and one run of each before and after
# make readers   other programs' own readers of what `mfp export` writes, each set in an environment of its own
# make bench  what the parts cost beside the bare work; writes docs/performance.md. Some twenty minutes: leave the machine alone
# make gpu-wheels   what a GPU machine without a network lacks, downloaded into $(GPU_WHEELS); carry it along
# make bench-gpu   on that machine, without .venv: its wheels, then rates of the networks in tables (docs/gpu.md)
# make test-gpu    there too: pytest -m gpu
# All but `make readers` and those for GPUs build .venv when it is missing or when what it should hold has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# named by content: a checkout that only touches the files' times installs nothing
STAMP := $(VENV)/.installed-$(shell cat pyproject.toml constraints.txt | cksum | tr ' ' '-')
DEMO := demo-run

WHEEL := flywheel-run
CHAOS := chaos-run
READERS := .readers
BENCH := bench-run
GPU_WHEELS := gpu-wheels
GPU_LIBS := .gpu-libs
ON_GPU = PYTHONPATH=$(CURDIR):$(CURDIR)/$(GPU_LIBS) $(PYTHON)

.PHONY: setup lint test readers demo demo-flywheel chaos bench gpu-wheels bench-gpu test-gpu

setup: $(STAMP)

# The line after `||` is for Debian, whose python3 comes without ensurepip: there pip fills .venv from outside.
$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "mfp needs Python 3.11 or later: make setup PYTHON=python3.11" >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) \
	  || { $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install pip; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@rm -f $(VENV)/.installed-*
	@touch $@

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Two processes side by side: most tests wait for something (a Ray, a server, a lease) half of their time.
test: lint
	$(BIN)/pytest -n 2 --dist loadgroup --no-loadscope-reorder

# Their pins clash with ours, so that none of them is in .venv. An environment that cannot be made is said, and its tests
# skip. What .venv has in a version that they take (torch, SciPy) is used from there: a .pth file points to it.
readers: $(STAMP)
	@$(BIN)/python -m tests.infra.exports.make_readers $(READERS)

# Starts afresh each time: a demonstration that finds its work done shows nothing.
demo: $(STAMP)
	rm -rf $(DEMO)
	$(BIN)/mfp shard demo $(DEMO)/dataset --layout folder --mask-values instances
	$(BIN)/mfp evaluate $(DEMO)/dataset --out $(DEMO)/evaluation --model lite0
	$(BIN)/mfp report $(DEMO)/evaluation --html $(DEMO)/report.html
	@echo "Open $(DEMO)/report.html: figures, plots and film strips. The table again: $(BIN)/mfp report $(DEMO)/evaluation"

# Shows that the wheel turns; two photographs are too few to make a model better.
demo-flywheel: $(STAMP)
	rm -rf $(WHEEL)
	for part in seed unlabelled evaluation; do \
	  $(BIN)/mfp shard demo $(WHEEL)/$$part --layout folder --mask-values instances --samples-per-shard 1 \
	    --split demo/flywheel/$$part.txt || exit; \
	done
	$(BIN)/mfp flywheel $(WHEEL)/unlabelled --clicks logged:demo/clicks.jsonl --train-on $(WHEEL)/seed \
	  --evaluation $(WHEEL)/evaluation --out $(WHEEL)/out --model lite0 --rounds 2 --label-workers 1 --train-workers 1 \
	  --train-steps 40 --checkpoint-every 10 --crop-size 192 --batch-size 4 --rate 1e-5 --loader-workers 0

# On 127.0.0.1 only; CHAOS_OPTIONS="--minutes 2 --seed 7" for another run.
chaos: $(STAMP)
	rm -rf $(CHAOS)
	$(BIN)/python -m tests.chaos --out $(CHAOS) $(CHAOS_OPTIONS)

# Every figure as JSON in bench-run/; BENCH_NAMES="engine sequential" for some of them, which are printed only.
bench: $(STAMP)
	rm -rf $(BENCH)
	$(BIN)/python -m tests.performance_page $(BENCH) $(BENCH_NAMES)

gpu-wheels: $(STAMP)
	$(BIN)/python -m tests.gpu.wheels fetch $(GPU_WHEELS)

# The machine's own torch is used: nothing of what it has is replaced.
$(GPU_LIBS):
	if test -d $(GPU_WHEELS); then $(PYTHON) -m tests.gpu.wheels install $(GPU_WHEELS) $@; else mkdir $@; fi

# BENCH_GPU_OPTIONS="--models lite0 --seconds 1" for less; the tables are also in bench-gpu/.
bench-gpu: $(GPU_LIBS)
	$(ON_GPU) -m tests.gpu.bench --out bench-gpu $(BENCH_GPU_OPTIONS)

test-gpu: $(GPU_LIBS)
	$(ON_GPU) -m pytest -m gpu tests/gpu
