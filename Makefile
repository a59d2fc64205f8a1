# Set-up included: every target installs what it needs on a fresh Debian machine (scripts/setup.sh), then runs.
CARGO ?= cargo

.PHONY: demo demo-live test check ci clean

## The main job on a root directory shipped with the source: back up, lose it, restore it. No JVM.
demo:
	scripts/setup.sh build
	$(CARGO) build --quiet --release --locked --package seawall
	SEAWALL=$(CURDIR)/target/release/seawall demo/run.sh

## The same against a real HBase started on this machine.
demo-live:
	scripts/setup.sh live
	$(CARGO) build --quiet --release --locked --package seawall --package xtask
	SEAWALL=$(CURDIR)/target/release/seawall XTASK=$(CURDIR)/target/release/xtask demo/live.sh

## Unit and integration tests, and one live HBase.
test:
	scripts/setup.sh live
	$(CARGO) test --quiet --workspace --locked --features seawall/fault-injection
	$(CARGO) xtask ci quick

## Formatting, lints, house rules, unit tests: the gate before a commit.
check:
	scripts/setup.sh build
	$(CARGO) xtask check

## The long suites, after `make test`.
ci:
	scripts/setup.sh live
	$(CARGO) xtask ci

clean:
	$(CARGO) clean
