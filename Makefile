# SPDX-License-Identifier: Apache-2.0
# One Makefile. `make help` lists the targets. Sources are found by wildcard: a file added to a
# directory is part of that directory's program; main.c of each is left out of the unit tests.
SHELL := /bin/bash
.DEFAULT_GOAL := all
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
PREFIX ?= /usr/local
SANITIZE ?=
SMALL ?=
# `make V=1` shows the commands.
quiet = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$@';)
B := build$(if $(SANITIZE),/sanitize)$(if $(SMALL),/small)
VERSION := 0.1

WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 -Wno-unused-parameter -Wno-missing-field-initializers
ifneq ($(SANITIZE)$(SMALL),)
# What only tests run: in half the time. Warnings that need to know how code flows are the other build's.
CFLAGS ?= -O1 -g1
WARN += -Wno-maybe-uninitialized -Wno-stringop-overread -Wno-format-truncation
endif
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 $(WARN) $(WERROR) -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -fno-common \
	-fstack-protector-strong -iquote . -iquote $(B)/gen $(CFLAGS)
ifneq ($(SANITIZE),)
ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DSANITIZE=1
LDFLAGS += -fsanitize=address,undefined
else
ALL_CFLAGS += -D_FORTIFY_SOURCE=2 -fPIE
LDFLAGS += -pie -Wl,-z,relro,-z,now
endif

ifneq ($(SMALL),)
ALL_CFLAGS += -DTYPES_SMALL
endif

common_src := $(wildcard common/*.c)
protos := $(filter-out common/profile.proto,$(wildcard common/*.proto)) # profile.proto: documentation
symbolizer_src := $(wildcard symbolizer/*.c)
daemon_src := $(wildcard daemon/*.c)
cli_src := $(wildcard cli/*.c)
unit_src := $(wildcard tests/*.c)

objects = $(patsubst %.c,$(B)/%.o,$(1))
gen_src := $(patsubst common/%.proto,$(B)/gen/common/%.pb-c.c,$(protos))
common_obj := $(call objects,$(common_src)) $(gen_src:.c=.o)
skeleton := $(B)/gen/bpf/sampler.skel.h
skeletons := $(skeleton) $(wildcard $(B)/gen/bpf/scheduler.skel.h)

common_libs := -lprotobuf-c -lzstd -lz -lxxhash
symbolizer_libs := -lelf -lseccomp -liberty -llzma $(common_libs)
daemon_libs := -lbpf -lelf -lsystemd -lseccomp -lcap-ng -linih $(common_libs)
cli_libs := -ljansson -lm $(common_libs)
unit_libs := -lcunit -ldw $(sort $(symbolizer_libs) $(daemon_libs) $(cli_libs))

.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: all help
all: $(B)/probe $(B)/probed $(B)/probe-symbolizer

help:
	@printf '%s\n' \
	'make            build the programs in build/' \
	'make deps       install the packages needed (Debian 12, as root)' \
	'make demo       deps, build, record 10 s of PID=… or of a sample workload' \
	'make check      deps, build, all tests' \
	'make check-kernels  what touches BPF, on Linux 6.1 and 6.12, emulated' \
	'make bench      cost and accuracy, beside perf' \
	'make kills      kill -9 of every process at 200 random moments each' \
	'make fuzz       every parser fuzzed for ten minutes' \
	'make hostile    files made to break, hang or bloat the symbolizer' \
	'make soak       10,000 recordings by one daemon' \
	'make install    DESTDIR= PREFIX=/usr/local' \
	'make deb        Debian packages in build/deb' \
	'make check-deb  the package installed, upgraded and purged in a minimal root' \
	'make check-package  the same in an emulated machine with systemd' \
	'make check-readme  what README.md says, typed in a minimal root' \
	'make format     run clang-format' \
	'SMALL=1         build with tiny BPF maps (in build/small), to fill them' \
	'SANITIZE=1      build with ASan and UBSan (in build/sanitize)'

$(B)/probe: $(call objects,$(cli_src)) $(common_obj)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(cli_libs)
$(B)/probed: $(call objects,$(daemon_src)) $(common_obj)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(daemon_libs)
$(B)/probe-symbolizer: $(call objects,$(symbolizer_src)) $(common_obj)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(symbolizer_libs)
	@chmod a+rx $@ # under any umask: workers have a uid of their own

without_main = $(filter-out %/main.o,$(1))
$(B)/unit: $(call objects,$(unit_src)) $(call without_main,$(call objects,$(cli_src) $(daemon_src) \
		$(symbolizer_src))) $(common_obj)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(unit_libs)

# Generated sources come before anything that may include them.
$(call objects,$(common_src) $(symbolizer_src) $(daemon_src) $(cli_src) $(unit_src)): | $(gen_src)
$(call objects,$(daemon_src) $(unit_src)): | $(skeleton)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(B)/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(ALL_CFLAGS) -w -MMD -MP -c -o $@ $<
# Both files of one run, so that a changed .proto rebuilds what includes the header.
$(B)/gen/common/%.pb-c.c $(B)/gen/common/%.pb-c.h: common/%.proto
	@mkdir -p $(@D)
	$(call quiet,PROTOC)protoc-c -Icommon --c_out=$(@D) $<

# The BPF object: CO-RE, no vmlinux.h (bpf/kernel.h names the members used).
BPF_CFLAGS = -target bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Wno-unused-parameter $(WERROR) \
	-iquote . -D__TARGET_ARCH_x86 $(if $(SMALL),-DTYPES_SMALL) -idirafter /usr/include/$(shell $(CC) -print-multiarch)
$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(call quiet,BPF)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<
	$(call quiet,STRIP)llvm-strip -g $@
$(B)/gen/bpf/%.skel.h: $(B)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(call quiet,SKEL)bpftool gen skeleton $< name $*_bpf > $@.part && mv $@.part $@

# The page is embedded by .incbin, which no dependency file knows of.
$(B)/cli/flamegraph_page.o: $(wildcard cli/page/*)

include tests/tests.mk
include packaging/packaging.mk

-include $(shell find $(B) -name '*.d' 2>/dev/null)
