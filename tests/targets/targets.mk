# SPDX-License-Identifier: Apache-2.0
# Programs whose behaviour is known, for the tests to record: never sanitized, with symbols and frame
# pointers, and with their functions left as they are written.
.PHONY: targets
TARGET_FLAGS := -D_GNU_SOURCE -iquote . -O1 -g -fno-omit-frame-pointer -fno-optimize-sibling-calls \
	-fno-inline -pthread -Wall -Wextra
T := build/targets
targets: $(patsubst tests/targets/%.c,$(T)/%,$(filter-out tests/targets/lib%.c,$(wildcard tests/targets/*.c))) \
	$(T)/mangled $(T)/libplugged.so

$(T)/%: tests/targets/%.c tests/targets/busy.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(TARGET_FLAGS) -o $@ $<
$(T)/%: tests/targets/%.cc tests/targets/busy.h
	@mkdir -p $(@D)
	g++ $(TARGET_FLAGS) -o $@ $<
$(T)/%.so: tests/targets/%.c tests/targets/busy.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(TARGET_FLAGS) -fPIC -shared -o $@ $<

$(T)/names: tests/targets/names.c tests/targets/busy.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(TARGET_FLAGS) -o $@ $<
	objcopy --redefine-sym "names_escape=$$(printf 'esc\033[31mred\tand\nline\007')" \
		--redefine-sym 'names_semicolon=semi;colon (a; b)' \
		--redefine-sym "names_bytes=$$(printf 'bytes\377\376\300\257end')" \
		--redefine-sym "names_long=long_$$(printf '%06000d' 0 | tr 0 x)" $@

# Code as it is shipped, linked in each way that there is; whole-fp has frame pointers.
WHOLE_FLAGS := -std=gnu11 -D_GNU_SOURCE -iquote . -O2 -g -pthread -Wall -Wextra
targets: $(T)/whole-static $(T)/whole-static-pie $(T)/whole-no-pie $(T)/whole-fp
$(T)/whole: WHOLE := -fomit-frame-pointer
$(T)/whole-static: WHOLE := -fomit-frame-pointer -static
$(T)/whole-static-pie: WHOLE := -fomit-frame-pointer -static-pie -fPIE
$(T)/whole-no-pie: WHOLE := -fomit-frame-pointer -no-pie -fno-pie
$(T)/whole-fp: WHOLE := -fno-omit-frame-pointer
$(T)/whole $(T)/whole-static $(T)/whole-static-pie $(T)/whole-no-pie $(T)/whole-fp: tests/targets/whole.c \
		tests/targets/busy.h
	@mkdir -p $(@D)
	$(CC) $(WHOLE_FLAGS) $(WHOLE) -o $@ $<

# With a C library that has no CFI.
targets: $(T)/whole-musl $(T)/whole-musl-static
$(T)/whole-musl-static: MUSL := -static
$(T)/whole-musl $(T)/whole-musl-static: tests/targets/whole.c tests/targets/busy.h
	@mkdir -p $(@D)
	musl-gcc $(WHOLE_FLAGS) -fomit-frame-pointer $(MUSL) -o $@ $<
