# The two commands of the README, and the long form of the second.
.PHONY: demo test check-long build bench clean services services-stop
export RUST_BACKTRACE ?= 0
VENV_PYTHON := $(CURDIR)/.cache/venv/bin/python
CARGO_TEST := cargo test --workspace --locked
TESTS := $(patsubst %/main.rs,%,$(wildcard tests/*.rs */tests/*.rs tests/*/main.rs */tests/*/main.rs))
KAFKA_THREADS := $(shell n=$$(nproc); echo $$((n > 4 ? n : 4)))
ALL_BUT_KAFKA := --lib --bins $(addprefix --test ,$(filter-out kafka,$(basename $(notdir $(TESTS)))))

# The main job on a bare machine: a clip goes in, a graph comes out.
demo: build
	target/release/vokg demo --out vokg-demo

build:
	@scripts/prepare.sh build
	cargo build --release --locked

# Correctness and short faults. The tests of Kafka wait more than they work, so at least four of them run at once.
test:
	@scripts/prepare.sh test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@scripts/services.sh start
	eval "$$(scripts/services.sh env)"; export VOKG_PYTHON=$(VENV_PYTHON); \
	  $(CARGO_TEST) --no-run \
	  && $(CARGO_TEST) $(ALL_BUT_KAFKA) \
	  && RUST_TEST_THREADS=$(KAFKA_THREADS) $(CARGO_TEST) --test kafka \
	  && $(CARGO_TEST) --doc; rc=$$?; scripts/services.sh stop; exit $$rc
	@scripts/skipped.sh
	@echo "make test: everything that was run holds"

# Matrices, races and soaks: what takes too long for every change. Prints what it measured.
check-long: build
	@scripts/prepare.sh test
	@scripts/services.sh start
	eval "$$(scripts/services.sh env)"; VOKG_LONG=1 VOKG_PYTHON=$(VENV_PYTHON) cargo test --workspace --release --locked -- --show-output \
	  && benches/all.sh; rc=$$?; scripts/services.sh stop; exit $$rc

# The servers that the tests of the sinks talk to.
services:
	@scripts/services.sh start

services-stop:
	@scripts/services.sh stop

bench: build
	@scripts/services.sh start
	eval "$$(scripts/services.sh env)"; benches/all.sh; rc=$$?; scripts/services.sh stop; exit $$rc

clean:
	cargo clean
	rm -rf .cache vokg-demo
