# SPDX-License-Identifier: Apache-2.0
# Cost of recording, beside perf. BENCH= the parts, BENCH_SECONDS= of a run, BENCH_ROUNDS=.
.PHONY: bench
bench: all targets $(B)/bench/tables $(B)/bench/bare
	@/usr/bin/python3 -B tests/bench/bench.py

$(B)/bench/tables: $(call objects,tests/bench/tables.c) $(call without_main,$(call objects,$(symbolizer_src))) \
		$(common_obj)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(symbolizer_libs)

$(B)/bench/bare: $(call objects,tests/bench/bare.c)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ -lbpf
