# SPDX-License-Identifier: Apache-2.0
# What the BPF programs cost the kernel's verifier, as root.
.PHONY: verify
verify: $(B)/verify
	@$(B)/verify

$(B)/verify: $(B)/tests/verify/verify.o
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lelf -lz
$(B)/tests/verify/verify.o: | $(skeleton)
