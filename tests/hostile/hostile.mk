# SPDX-License-Identifier: Apache-2.0
# Files made to break, hang or bloat the symbolizer, through real workers (as root).
#
#   make hostile-short               part of `make check`
#   make hostile                     the same at full size, 20,000 mutants, elfutils' own tests
.PHONY: hostile hostile-short
$(B)/hostile: $(call objects,$(wildcard tests/hostile/*.c)) $(call without_main,$(call objects,$(daemon_src))) \
		$(common_obj)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ -llzma $(daemon_libs)
$(call objects,$(wildcard tests/hostile/*.c)): | $(gen_src) $(skeleton)

hostile-short: $(B)/hostile $(B)/probe-symbolizer
	@$(B)/hostile made
	@$(B)/hostile mutants 1000

hostile: $(B)/hostile $(B)/probe-symbolizer
	$(B)/hostile made 1
	$(B)/hostile mutants 20000 1 $$(nproc)
	tests/hostile/elfutils build/elfutils $(B)/hostile
