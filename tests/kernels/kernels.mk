# SPDX-License-Identifier: Apache-2.0
# The kernels we promise, emulated: what touches BPF is loaded and run on each, programs with known truth
# are recorded; and one that is too old, which has to be told. Then what happens to a machine meanwhile.
.PHONY: check-kernels
kernel_suites := programs walk walk_tables times waits sideband privileges perf_map
check-kernels: all targets $(B)/unit
	@status=0; tests/kernels/check 5.10 || status=1; for series in 6.1 6.12; do \
		tests/kernels/check $$series $(kernel_suites) || status=1; done; \
		tests/kernels/check 6.12 pauses || status=1; exit $$status
