# SPDX-License-Identifier: Apache-2.0
# Fuzzing, with libFuzzer under ASan and UBSan. tests/fuzz/fuzz_X.c is linked with common/ and with
# fuzz_X_src; its seeds are the files of tests/fuzz/seeds/X and of the directories fuzz_X_seeds, which
# are made.
#
#   make fuzz-short                  each for 15 seconds (FUZZ_SECONDS=)
#   make fuzz                        each for ten minutes
#   make fuzz_pprof                  builds one; then e.g. build/fuzz/fuzz_pprof build/fuzz/found/pprof
F := build/fuzz
fuzz_cfi_src := $(wildcard symbolizer/cfi*.c) symbolizer/sort.c
fuzz_cfi_seeds := $(F)/seeds/cfi
fuzz_config_src := daemon/config.c
fuzz_dwarf_src := $(wildcard symbolizer/dwarf*.c) symbolizer/elf.c symbolizer/inflate.c symbolizer/sort.c symbolizer/spans.c tests/image.c
fuzz_dwarf_seeds := $(F)/seeds/dwarf
fuzz_maps_src := daemon/maps.c
fuzz_elf_src := $(filter-out %/main.c,$(symbolizer_src))
fuzz_elf_seeds := $(F)/seeds/elf
fuzz_go_src := $(filter-out %/main.c,$(symbolizer_src)) tests/image.c tests/go_program.c
fuzz_jit_map_src := symbolizer/jit_map.c symbolizer/sort.c symbolizer/spans.c
fuzz_pprof_seeds := $(F)/seeds/pprof
fuzz_wire_seeds := $(F)/seeds/wire

FUZZ_SECONDS ?= 15
# A run goes the same way as the last one, as far as it goes.
FUZZ_SEED ?= 1
fuzz_names := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_flags := -std=gnu11 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -iquote . -iquote build/gen -O1 -g \
	-fno-omit-frame-pointer -fno-sanitize-recover=undefined -Wno-gnu-variable-sized-type-not-at-end
fuzz_common := $(common_src) $(patsubst common/%.proto,build/gen/common/%.pb-c.c,$(protos))
.PHONY: fuzz fuzz-short $(fuzz_names:%=fuzz_%) $(fuzz_names:%=fuzz-short-%)

define fuzz_target
$(F)/fuzz_$(1): $(patsubst %.c,$(F)/%.o,tests/fuzz/fuzz_$(1).c $(fuzz_common) $(fuzz_$(1)_src))
	$$(call quiet,LINK)$(CLANG) -fsanitize=fuzzer,address,undefined -o $$@ $$^ $(unit_libs)
fuzz_$(1): $(F)/fuzz_$(1)
fuzz-short-$(1): $(F)/fuzz_$(1) $(fuzz_$(1)_seeds)
	@mkdir -p $(F)/found/$(1)
	@$(F)/fuzz_$(1) -seed=$(FUZZ_SEED) -max_total_time=$$(FUZZ_SECONDS) -timeout=60 -rss_limit_mb=2048 \
		-verbosity=0 -print_final_stats=1 -artifact_prefix=$(F)/fuzz_$(1)- $(F)/found/$(1) \
		$(wildcard tests/fuzz/seeds/$(1)) $(fuzz_$(1)_seeds) >$(F)/fuzz_$(1).log 2>&1 || \
		{ tail -n 80 $(F)/fuzz_$(1).log; echo "fuzz_$(1) found something"; exit 1; }
	@echo "fuzz_$(1): $$$$(sed -n 's/.*executed_units: //p' $(F)/fuzz_$(1).log) inputs"
endef
$(foreach name,$(fuzz_names),$(eval $(call fuzz_target,$(name))))
fuzz-short: $(fuzz_names:%=fuzz-short-%)
fuzz: FUZZ_SECONDS := 600
fuzz: $(fuzz_names:%=fuzz-short-%)

$(F)/%.o: %.c | $(gen_src)
	@mkdir -p $(@D)
	$(call quiet,CC)$(CLANG) $(fuzz_flags) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<

# Seeds of cfi are .eh_frame of programs of this system.
$(F)/seeds/cfi:
	@mkdir -p $@
	@for name in true xz gzip; do \
		objcopy -O binary --only-section=.eh_frame /usr/bin/$$name $@/$$name.section && \
		{ printf '\0'; cat $@/$$name.section; } >$@/$$name && rm $@/$$name.section || exit 1; \
	done

# Seeds of elf: one source, the debugging information of several compilers and standards.
$(F)/seeds/elf: tests/fuzz/seed_elf.c
	@mkdir -p $@
	@for version in 3 4 5; do for cc in $(CC) $(CLANG); do \
		$$cc -O2 -gdwarf-$$version -nostdlib -static -Wl,-e,main -o $@/$$cc-$$version $< || exit 1; \
	done; done
	@$(CC) -O2 -g -gz -nostdlib -Wl,-e,main -o $@/packed $<
	@touch $@

# Seeds of dwarf are the sections of these, behind their sizes.
dwarf_sections := info abbrev line str line_str rnglists ranges addr str_offsets
$(F)/seeds/dwarf: $(F)/seeds/elf
	@mkdir -p $@
	@for elf in $(F)/seeds/elf/*-[345]; do \
		name=$@/$${elf##*/}; : >$$name.sizes; : >$$name.bytes; \
		for section in $(dwarf_sections); do \
			: >$$name.section; objcopy -O binary --set-section-flags .debug_$$section=alloc \
				--only-section=.debug_$$section $$elf $$name.section 2>/dev/null; \
			size=$$(stat -c %s $$name.section) && \
			printf "\\x$$(printf %02x $$((size % 256)))\\x$$(printf %02x $$((size / 256)))" >>$$name.sizes && \
			cat $$name.section >>$$name.bytes || exit 1; \
		done; \
		cat $$name.sizes $$name.bytes >$$name && rm $$name.sizes $$name.bytes $$name.section || exit 1; \
	done
	@touch $@

# Seeds of pprof are the text form of common/profile.proto, and of an Info (field 1000, in one piece)
# beside it: as bytes, gzip and zstd.
$(F)/seeds/pprof: $(wildcard tests/fuzz/seeds/pprof/*) common/profile.proto common/info.proto
	@mkdir -p $@
	@for text in tests/fuzz/seeds/pprof/*.txt; do \
		bytes=$@/$$(basename $$text .txt).pb && \
		protoc -Icommon --encode=probe.Profile common/profile.proto <$$text >$$bytes && \
		if [ -e $${text%.txt}.info ]; then \
			protoc -Icommon --encode=probe.Info common/info.proto <$${text%.txt}.info >$$bytes.info && \
			printf "\\xc2\\x3e\\x$$(printf %02x $$(stat -c %s $$bytes.info))" >>$$bytes && \
			cat $$bytes.info >>$$bytes && rm $$bytes.info; \
		fi && \
		gzip -nkf $$bytes && zstd -qf $$bytes || exit 1; \
	done
	@touch $@

# Seeds of wire are one message of common/protocol.proto a line: as frames behind the size of cuts, in
# one stream and each alone.
$(F)/seeds/wire: $(wildcard tests/fuzz/seeds/wire/*.txt) common/protocol.proto
	@mkdir -p $@
	@for text in tests/fuzz/seeds/wire/*.txt; do \
		whole=$@/$$(basename $$text .txt); n=0; printf '\0' >$$whole; \
		while read -r line; do \
			n=$$((n + 1)); one=$$whole-$$n; \
			protoc -Icommon --encode=probe.Message common/protocol.proto <<<"$$line" >$$one.message || exit 1; \
			size=$$(stat -c %s $$one.message); \
			{ printf "\\x$$(printf %02x $$size)\0\0\0"; cat $$one.message; } >$$one.frame; \
			cat $$one.frame >>$$whole; { printf '\3'; cat $$one.frame; } >$$one; \
			rm $$one.message $$one.frame; \
		done <$$text; \
	done
	@touch $@
