# SPDX-License-Identifier: Apache-2.0
# The tests: `make check` runs all of them.
include tests/lint/lint.mk
include tests/targets/targets.mk
include $(wildcard tests/agree/agree.mk tests/fuzz/fuzz.mk tests/bench/bench.mk tests/kernels/kernels.mk \
	tests/hostile/hostile.mk tests/verify/verify.mk tests/package/package.mk)
.PHONY: check check-run check-build unit e2e

check: deps
	+@$(MAKE) --no-print-directory WERROR=-Werror check-run

# First what only needs the CPUs, in parallel: all that is built, then the tests that measure no time, each
# with its output in one piece. Alone, at the end, what does.
check-run:
	+@$(MAKE) --no-print-directory $(parallel) -k check-build
	+@$(MAKE) --no-print-directory $(parallel) -Otarget FUZZ_SECONDS=5 check-short
	+@$(MAKE) --no-print-directory e2e

.PHONY: check-short unit-sanitized
check-short: unit-sanitized agree-short unit hostile-short verify fuzz-short
unit-sanitized:
	+@$(MAKE) --no-print-directory SANITIZE=1 unit

check-build: all targets lint $(B)/unit $(B)/hostile sanitized small $(addprefix $(F)/fuzz_,$(fuzz_names))

.PHONY: sanitized small
small:
	+@$(MAKE) --no-print-directory SMALL=1 all
sanitized:
	+@$(MAKE) --no-print-directory SANITIZE=1 build/sanitize/unit

unit: $(B)/unit
	tests/units $(B)/unit

# E2E: arguments for pytest, e.g. make e2e E2E="-k redis".
e2e: all targets small $(B)/hostile
	tests/e2e/run $(E2E)

# Long runs of what `make check` does a little of.
.PHONY: kills soak check-whole
check-whole: all targets small
	WHOLE_SECONDS=25 WHOLE_WALKS=20000 CHURN_THREADS=100000 tests/e2e/run \
		-k "program_is_whole or lose_nothing or waits_are_whole or threads_that_have_ended" -s
kills: all targets small
	MOMENTS=200 tests/e2e/run -k test_kills
soak: all targets small
	CYCLES=10000 tests/e2e/run -k test_soak
