# SPDX-License-Identifier: Apache-2.0
# Cost of recording, beside perf. BENCH_SECONDS= of a run, BENCH_ROUNDS=.
.PHONY: bench
bench: all targets
	@/usr/bin/python3 -B tests/bench/bench.py
