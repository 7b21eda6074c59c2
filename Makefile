# The front door. Each target is one line; what it does stands in the script it calls.
.PHONY: help up test test-v2 test-long languages lint bench
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## install what is missing, build, and serve API and page on http://127.0.0.1:8080
	@.ci/up

test: ## install what the tests need and run all of them (cargo test --workspace, then the page in Chromium)
	@.ci/test

test-v2: ## the sandbox's tests and all hostile programs under cgroup v2, in a small VM of its own
	@.ci/test-v2

test-long: ## what takes too long for every change: repeats of the hostile suite, everything in the VM
	@.ci/test-long

languages: ## build the image of every language and run every probe in it: a table language x probe, in about half an hour
	@.ci/languages all

lint: ## formatting, clippy on the whole workspace, dependency rules
	@.ci/lint

bench: ## a fresh box beside a bare fork and exec, in one interleaved run
	@.ci/bench
