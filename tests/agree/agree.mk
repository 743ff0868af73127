# SPDX-License-Identifier: Apache-2.0
# Unwind rows against libdw: of a few programs (part of `make check`), or of all of this system.
# Of the Go program that agree-names builds also what .gopclntab tells, against its .debug_frame.
# Names, files, lines and inline chains against llvm-symbolizer: agree-names.
.PHONY: agree agree-short agree-names
agree_short := $(wildcard /lib/x86_64-linux-gnu/libc.so.6 /lib64/ld-linux-x86-64.so.2 /usr/bin/redis-server \
	/usr/bin/python3 /usr/lib/x86_64-linux-gnu/libcrypto.so.3 /usr/bin/node)

$(B)/agree: $(call objects,tests/agree/agree.c) $(call without_main,$(call objects,$(symbolizer_src))) \
		$(common_obj)
	$(CC) $(LDFLAGS) -o $@ $^ -ldw $(symbolizer_libs)

$(B)/agree-names: $(call objects,tests/agree/names.c) $(call without_main,$(call objects,$(symbolizer_src))) \
		$(common_obj)
	$(CC) $(LDFLAGS) -o $@ $^ $(symbolizer_libs)

agree-names: $(B)/agree-names $(B)/unit
	tests/agree/names.py $(B) $(CC) g++ clang++

agree-short: $(B)/agree agree-names
	$(B)/agree $(agree_short) $(B)/agree $$(find $(B)/names -name go)

agree: $(B)/agree
	find /usr/bin /usr/sbin /usr/lib /usr/libexec -type f -size +3k -print0 | \
		xargs -0 -n 100000 $(B)/agree
