# One dev profile, one feature set, one target directory: the demo and the tests share a build.
# A release build is made by the benches alone.

CARGO ?= cargo
DATA ?= ./data
SECONDS_EACH ?= 60
# As cargo writes it in the names of variables.
HOST = $(shell rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')

.PHONY: help demo run test bench bench-media bench-store bench-warehouse faults fuzz

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: ## 60 calls through the whole house, then reports; EXIT=1 ends the server afterwards
	scripts/setup
	$(CARGO) build --workspace
	target/debug/switchgrid-load demo $(if $(EXIT),--exit)

run: ## a box on the embedded default, data in ./data
	scripts/setup
	$(CARGO) build --workspace
	target/debug/switchgrid serve --data $(DATA)

test: ## format, clippy with warnings as errors, unit, simulation and end-to-end tests
	scripts/setup --tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) build --workspace --all-targets
	CARGO_TARGET_$(HOST)_RUNNER=$(CURDIR)/scripts/test-runner $(CARGO) test --workspace --no-fail-fast

bench: ## the quick figures, appended to target/bench/results.jsonl
	scripts/setup --bench
	$(CARGO) build --release -p benches -p server
	target/release/switchgrid-load bench
	target/release/switchgrid-load outward
	target/release/switchgrid-load signaling
	target/release/switchgrid-kernels
	target/release/switchgrid-day

bench-media: ## calls relayed and recorded on one core, against rtpengine and a bare loop; codecs, keys, rooms, files
	scripts/setup --bench
	$(CARGO) build --release -p benches --no-default-features
	target/release/switchgrid-media
	for part in stages legs rooms files; do target/release/switchgrid-kernels $$part || exit 1; done

bench-store: ## the store at 3 million recordings: finding, paging, deleting
	scripts/setup
	$(CARGO) build --release -p benches
	target/release/switchgrid-store

bench-warehouse: ## reports, searches and questions on 20 million calls, beside DuckDB (CALLS=100000 tries it)
	scripts/setup --bench
	$(CARGO) build --release -p benches
	target/release/switchgrid-warehouse $(if $(CALLS),--calls $(CALLS))

faults: ## what is lost when a process, the disk, the kernel or a database fails, strangers and thieves come, questions never end or calls never stop (MINUTES=30)
	scripts/setup --bench
	$(CARGO) build --release -p benches --no-default-features --features failpoints
	target/release/switchgrid-faults
	$(CARGO) build --release -p benches -p server
	target/release/switchgrid-load kill
	target/release/switchgrid-load threats
	target/release/switchgrid-load runaway
	target/release/switchgrid-load stores
	target/release/switchgrid-day kills
	target/release/switchgrid-load soak $(if $(MINUTES),--minutes $(MINUTES))

fuzz: ## the fuzz targets for SECONDS_EACH seconds each (60 by default)
	FUZZ_SECONDS=$(SECONDS_EACH) $(CARGO) test -p tests --test fuzz -- --nocapture --test-threads 1
