# SPDX-License-Identifier: Apache-2.0
# The tests: `make check` runs all of them.
include tests/lint/lint.mk
include $(wildcard tests/*/[fb]*.mk)
.PHONY: check check-run check-build unit targets

check: deps
	+@$(MAKE) --no-print-directory WERROR=-Werror check-run

# First everything that only needs the CPUs, in parallel; then, one after the other and alone, what
# measures time.
check-run:
	+@$(MAKE) --no-print-directory $(parallel) check-build
	+@$(MAKE) --no-print-directory unit
	+@$(MAKE) --no-print-directory SANITIZE=1 unit

check-build: all targets lint $(B)/unit sanitized

.PHONY: sanitized
sanitized:
	+@$(MAKE) --no-print-directory SANITIZE=1 build/sanitize/unit

unit: $(B)/unit
	$(B)/unit

# Programs whose behaviour is known, for the tests to record: never sanitized, always with frame
# pointers and symbols, and with their functions left as they are written.
TARGET_CFLAGS := -std=gnu11 $(WARN) $(WERROR) -D_GNU_SOURCE -iquote . -O1 -g -fno-omit-frame-pointer \
	-fno-optimize-sibling-calls -fno-inline -pthread
targets := $(patsubst tests/targets/%.c,build/targets/%,$(wildcard tests/targets/*.c))
targets: $(targets)
build/targets/%: tests/targets/%.c $(wildcard tests/targets/*.h)
	@mkdir -p $(@D)
	$(CC) $(TARGET_CFLAGS) -o $@ $< -ldl
