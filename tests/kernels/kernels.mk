# SPDX-License-Identifier: Apache-2.0
# The kernels we promise, emulated: what touches BPF is loaded and run on each.
.PHONY: check-kernels
check-kernels: $(B)/unit
	@status=0; for series in 6.1 6.12; do \
		tests/kernels/check $$series programs walk walk_tables times waits sideband || status=1; done; exit $$status
