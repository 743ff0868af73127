# SPDX-License-Identifier: Apache-2.0
# What is checked without running anything. One stamp a file, so that it is done in parallel and only
# where something changed: an object depends on all its headers, and the stamps on the object.
# clang-tidy, which has clang's own warnings too, leaves the unit tests out: it does not know that CUnit's
# _FATAL asserts do not return.
.PHONY: lint lint-format lint-rules lint-service lint-options
ours_src := $(common_src) $(symbolizer_src) $(daemon_src) $(cli_src) $(unit_src)
ours := $(wildcard */*.c */*.h tests/*/*.c tests/*/*.h)
scripts := $(wildcard tests/hostile/elfutils tests/lint/* tests/units packaging/install-deps packaging/install-npm packaging/demo packaging/probed.s* packaging/probe.* packaging/probe-* packaging/man/page packaging/deb packaging/rpm packaging/debian/rules packaging/debian/probe.postrm tests/package/* tests/kernels/* .ci/run tests/e2e/*.py tests/bench/*.py tests/e2e/run)

lint: lint-format lint-rules lint-service lint-options $(patsubst %.c,$(B)/lint/%.clang,$(filter tests/%,$(ours_src))) \
		$(patsubst %.c,$(B)/lint/%.tidy,$(filter-out tests/%,$(ours_src))) \
		$(patsubst %.c,$(B)/lint/%.analyzed,$(filter-out tests/%,$(ours_src)))

lint-format:
	@clang-format --dry-run -Werror $(ours)

lint-rules: $(call objects,$(common_src) $(symbolizer_src) $(daemon_src) $(cli_src))
	@tests/lint/floors $(ours)
	@tests/lint/names $^
	@tests/lint/spdx $(ours) $(scripts)

lint-service:
	@mkdir -p $(B)/lint
	@sed 's|@PREFIX@|/usr|' packaging/probed.service >$(B)/lint/probed.service
	@tests/lint/service $(B)/lint/probed.service daemon/privileges.c $(B)/lint/service.log

# The sources as the compiler sees them: tables of options are made with macros, too.
lint-options: $(B)/probe
	@tests/lint/options $< "$(CC) -E -P $(ALL_CFLAGS)" $(cli_src)

# CUnit's macros compare what they are given, whatever its sign.
$(B)/lint/%.clang: %.c $(B)/%.o
	@mkdir -p $(@D)
	@$(CLANG) $(filter-out -Werror,$(ALL_CFLAGS)) -Werror $(CLANG_FLAGS) -Wno-sign-compare -fsyntax-only $<
	@touch $@

# The paths it follows in a function are bounded: the rest of them takes ten times as long.
TIDY_FLAGS := -Xclang -analyzer-config -Xclang max-nodes=20000
CLANG_FLAGS := -Wno-gnu-variable-sized-type-not-at-end
$(B)/lint/%.tidy: %.c $(B)/%.o .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet --checks='clang-diagnostic-*' $< -- $(ALL_CFLAGS) $(CLANG_FLAGS) $(TIDY_FLAGS) 2>$@.log || { cat $@.log >&2; exit 1; }
	@touch $@

# What is owned, function by function: gcc's analyzer follows scope guards, which clang's does not.
# Named one by one for the same reason as in .clang-tidy.
ANALYZER := gcc
owned := double-fclose double-free file-leak free-of-non-heap malloc-leak mismatching-deallocation \
	null-argument null-dereference possible-null-argument possible-null-dereference use-after-free \
	use-of-pointer-in-stale-stack-frame
$(B)/lint/%.analyzed: %.c $(B)/%.o
	@mkdir -p $(@D)
	@$(ANALYZER) $(filter-out -Werror,$(ALL_CFLAGS)) -O1 -g0 -fanalyzer $(owned:%=-Werror=analyzer-%) -c -o /dev/null $< \
		2>$@.log || { cat $@.log >&2; exit 1; }
	@touch $@
