# Every job of the project. `make` alone lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
RESULTS := docs/results
RUN     := demo/runs/mingru
DKT     := runs/dkt-assistments2009
# Tests and benchmarks start hundreds of servers: without kept bytecode each would compile all of ours anew.
unexport PYTHONDONTWRITEBYTECODE
export KNOWTRACE_DATA ?= $(abspath ../shared/data)

.DEFAULT_GOAL := help
.PHONY: help setup spark services check format test demo serve bench accuracy graded simulated bkt speed load kills restarts storm fuzz swaps isolation cost clouds hostile cold coverage contamination lake lake-kills lake-engines lake-stream clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 15

setup: $(VENV)/.installed ## make the virtual environment and install everything into it

$(VENV)/.installed: pyproject.toml constraints.txt scripts/setup
	@scripts/setup python "$(PYTHON)" "$(VENV)"
	@touch $@

spark: $(VENV)/.spark ## install Spark, which only the tests that compare it with DuckDB need

$(VENV)/.spark: $(VENV)/.installed
	@scripts/setup spark "$(VENV)"
	@touch $@

services: ## find or install what tests need beyond Python: Chromium, PostgreSQL, Redis, Java
	@scripts/setup services

check: setup spark ## lint, format, types; in tests and benchmarks that every name exists
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/pyright --pythonpath $(BIN)/python -p pyright.tests.json

format: setup ## put the code into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup spark services ## every test, on real data where KNOWTRACE_DATA has it
	$(BIN)/python -m pytest -n 2 --dist loadgroup

demo: setup ## logged answers to a live mastery page; ONCE=1 ends by itself
	$(BIN)/knowtrace demo $(if $(ONCE),--once)

serve: setup $(RUN)/manifest.json ## serve the demo's model on http://127.0.0.1:8000
	$(BIN)/knowtrace serve --run $(RUN) --database sqlite+aiosqlite:///demo/demo.db

bench: accuracy graded simulated bkt speed load kills restarts storm fuzz swaps isolation cost clouds hostile cold coverage contamination lake lake-kills lake-engines lake-stream ## the figures of docs/results, many hours

MEMBERS := mingru,gbdt,dkt
BLEND   := --models $(MEMBERS) --stack $(MEMBERS) --folds 0,1,2,3,4 --settings benchmarks/chosen.json --board boards/main

accuracy: setup ## the leaderboards: five folds, 2009 as published and clean; hours, and it goes on where it was
	$(BIN)/knowtrace leaderboard $(KNOWTRACE_DATA)/assistments2009 $(BLEND) --protocols published,clean \
	  --json $(RESULTS)/leaderboard.json --page docs/leaderboard.md
	$(BIN)/knowtrace leaderboard $(KNOWTRACE_DATA)/assistments2017 $(BLEND) --protocols published \
	  --json $(RESULTS)/leaderboard_2017.json --page docs/leaderboard_2017.md
	$(BIN)/knowtrace leaderboard $(KNOWTRACE_DATA)/assistments2015 $(BLEND) --protocols published \
	  --json $(RESULTS)/leaderboard_2015.json --page docs/leaderboard_2015.md

GRADED := build/graded

graded: setup ## the leaderboard of a graded test, five folds: 2,392 students, 100 items scored 0 to 4
	mkdir -p $(GRADED)
	$(BIN)/knowtrace data unpivot $(KNOWTRACE_DATA)/psychometrics/medical_graded.csv.gz \
	  --into $(GRADED)/medical_graded.csv --drop gender,StudySuccess
	$(BIN)/knowtrace leaderboard $(GRADED)/medical_graded.csv \
	  --models item-mean,elo,irt,deep-gpcm,transformer-gpcm --folds 0,1,2,3,4 --protocols published \
	  --settings benchmarks/chosen.json --board boards/graded --json $(RESULTS)/leaderboard_graded.json \
	  --page docs/leaderboard_graded.md

simulated: setup ## the leaderboard of simulated answers in four categories: shares of what could be known
	$(BIN)/knowtrace simulate --out $(GRADED)/simulated_graded --students 1000 --answers 100 --items 100 --skills 5 \
	  --categories 4 --seed 1
	$(BIN)/knowtrace leaderboard $(GRADED)/simulated_graded --models item-mean,mingru --folds 0 \
	  --protocols published --settings benchmarks/chosen.json --board boards/graded \
	  --json $(RESULTS)/leaderboard_simulated.json --page docs/leaderboard_simulated.md

bkt: setup ## Bayesian knowledge tracing beside the published figures, five folds
	$(BIN)/knowtrace leaderboard $(KNOWTRACE_DATA)/assistments2009 $(KNOWTRACE_DATA)/assistments2015 --models bkt \
	  --folds 0,1,2,3,4 --protocols published --board boards/bkt --json $(RESULTS)/leaderboard_bkt.json \
	  --page docs/leaderboard_bkt.md

cold: setup ## AUC on items that training never saw answered, with their content and without
	$(BIN)/python benchmarks/cold_start.py --models item-mean,best-lr-plus,mingru --epochs 5 --out $(RESULTS)/cold_start.json
	$(BIN)/python benchmarks/cold_start.py --data wordings --models item-mean,irt,best-lr,gbdt,dkt,mingru \
	  --out $(RESULTS)/cold_start_wordings.json
	$(BIN)/python benchmarks/cold_start.py --data verbagg --fifths 5 --models item-mean,irt,elo,best-lr \
	  --out $(RESULTS)/cold_start_verbagg.json

coverage: setup ## how often 90 % intervals of abilities hold the true one, on simulated students
	$(BIN)/python benchmarks/ability_coverage.py --out $(RESULTS)/ability_coverage.json

contamination: setup ## false alarms, recall and precision of the search for twins and copies
	$(BIN)/python benchmarks/contamination.py --seeds 3 --out $(RESULTS)/contamination.json

speed: setup $(RUN)/manifest.json $(DKT)/manifest.json ## training against pyKT's loop; microseconds per answer; seconds to calibrate
	$(BIN)/python benchmarks/training_speed.py --out $(RESULTS)/training_speed.json
	$(BIN)/python benchmarks/answer_cost.py --run $(DKT) --out $(RESULTS)/answer_cost.json
	$(BIN)/python benchmarks/answer_cost.py --run $(RUN) --out $(RESULTS)/answer_cost_mingru.json
	$(BIN)/pip install --quiet --target build/pykt --no-deps --upgrade pykt-toolkit==0.0.38
	$(BIN)/python benchmarks/pykt_speed.py --pykt build/pykt --peers dkt,sakt --students 1500 --rounds 1 --out $(RESULTS)/pykt_speed.json
	$(BIN)/python benchmarks/pykt_speed.py --pykt build/pykt --peers dkvmn --students 1500 --rounds 1 --out $(RESULTS)/pykt_speed_dkvmn.json
	$(BIN)/python benchmarks/pykt_speed.py --pykt build/pykt --peers akt --students 200 --rounds 1 --out $(RESULTS)/pykt_speed_akt.json
	$(BIN)/python benchmarks/irt_speed.py --out $(RESULTS)/irt_speed.json

load: setup $(RUN)/manifest.json ## events per second and latency of the service; where it is full, and what then
	$(BIN)/python benchmarks/serve_events.py --run $(RUN) --connections 64 --out $(RESULTS)/serve_events.json
	$(BIN)/python benchmarks/serve_events.py --run $(RUN) --connections 64 --rate 300 --out $(RESULTS)/serve_events_open.json
	$(BIN)/python benchmarks/overload.py --run $(RUN) --first 16 --factor 1.25 --step-seconds 20 --hold-rate 100 --hold-seconds 600 --limit-ms 20 \
	  --out $(RESULTS)/overload.json

kills: setup $(DKT)/manifest.json ## 1,000 kill -9 under write load on each database: nothing acknowledged is lost
	$(BIN)/python benchmarks/kill_writes.py --run $(DKT) --cycles 1000 --longest-seconds 0.4 --out $(RESULTS)/kill_writes.json
	$(BIN)/python benchmarks/kill_writes.py --run $(DKT) --cycles 1000 --longest-seconds 0.4 --database postgresql \
	  --out $(RESULTS)/kill_writes_postgresql.json

restarts: setup $(RUN)/manifest.json ## 100 rolling restarts under load: every request is answered
	$(BIN)/python benchmarks/rolling_restarts.py --run $(RUN) --out $(RESULTS)/rolling_restarts.json

storm: setup $(RUN)/manifest.json ## 100,000 sends, shuffled and repeated: the outcome of one clean sending
	$(BIN)/python benchmarks/retry_storm.py --run $(RUN) --out $(RESULTS)/retry_storm.json
	$(BIN)/python benchmarks/retry_storm.py --run $(RUN) --database postgresql --out $(RESULTS)/retry_storm_postgresql.json

REQUESTS ?= 100000

fuzz: setup services ## 100,000 requests by Schemathesis, all checks: no fault, nothing undescribed; or REQUESTS=500
	$(BIN)/python benchmarks/api_fuzz.py --requests $(REQUESTS) --out $(RESULTS)/api_fuzz.json

swaps: setup $(RUN)/manifest.json ## 200 swaps of models under load: no error, no mixture
	$(BIN)/python benchmarks/hot_swaps.py --models $(dir $(RUN)) --first mingru --second best-lr --swaps 200 --out $(RESULTS)/hot_swaps.json

isolation: setup $(RUN)/manifest.json ## 10,000 probes of routes, callers, students: no foreign row
	PYTHONPATH=tests:. $(BIN)/python benchmarks/isolation.py --run $(RUN) --probes 10000 --out $(RESULTS)/isolation.json

cost: setup $(RUN)/manifest.json ## where a request's time goes: a table and a flame graph
	$(BIN)/python benchmarks/request_cost.py --run $(RUN) --out $(RESULTS)/request_cost.json
	PYTHONPATH=tests:. $(BIN)/python benchmarks/shared_states.py --run $(RUN) --out $(RESULTS)/shared_states.json

clouds: setup ## runs that go to Azure and come from Google Cloud Storage, against emulators that it installs
	@scripts/setup emulators "$(VENV)"
	$(BIN)/python -m pytest -m clouds tests/registry/test_clouds.py

hostile: setup ## 500 hostile variants of a run, each opened in a process of its own: all refused
	PYTHONPATH=tests:. $(BIN)/python benchmarks/hostile_runs.py --out $(RESULTS)/hostile_runs.json

lake: setup ## a lake of 1, 10 and 131 million answers: rows per second, memory, disk
	$(BIN)/python benchmarks/lake_scale.py --answers 1000000,10000000,131441538 --work build/lake \
	  --out $(RESULTS)/lake_scale.json

lake-kills: setup ## 100 kill -9 during builds of a lake: no table is ever half-written
	$(BIN)/python benchmarks/kill_lake.py --out $(RESULTS)/kill_lake.json

lake-engines: setup spark ## DuckDB against Spark, end to end; sequences by four engines; what Spark shuffles
	$(BIN)/python benchmarks/lake_scale.py --answers 1000000,10000000 --engines duckdb,spark --work build/lake \
	  --out $(RESULTS)/lake_engines.json
	$(BIN)/python benchmarks/ednet_scale.py --answers 1000000 --out build/lake/ednet
	$(BIN)/knowtrace lake build --source build/lake/ednet --into build/lake/one-million
	$(BIN)/pip install --quiet -c constraints.txt polars pandas
	$(BIN)/python benchmarks/sequence_engines.py --lake build/lake/one-million --copies 1,10,100 --rounds 2 \
	  --work build/lake --out $(RESULTS)/sequence_engines.json
	$(BIN)/python benchmarks/lake_shuffles.py --work build/lake/shuffles --out $(RESULTS)/lake_shuffles.json

lake-stream: setup ## an epoch over 20 million answers from gold in 1,100 MiB of private memory
	$(BIN)/python benchmarks/stream_training.py --set embedding_dim=8,hidden_dim=8 --limit 1100 --work build/lake/stream \
	  --out $(RESULTS)/stream_training.json

$(RUN)/manifest.json:
	$(BIN)/knowtrace demo --once

$(DKT)/manifest.json:
	$(BIN)/knowtrace train --model dkt --data $(KNOWTRACE_DATA)/assistments2009 --out $(DKT)

clean: ## remove what the targets above made, but not the virtual environment
	rm -rf demo runs build .pytest_cache .ruff_cache .hypothesis
