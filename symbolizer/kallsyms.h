/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel functions by address, from the text of /proc/kallsyms, which has no sizes: a function
 * reaches to the next one; in a module, among BPF programs and at the end of the kernel itself at
 * most 64 KiB, because what comes behind is not theirs. */
#pragma once

#include <stdint.h>

#include "common/guard.h"

struct err;
struct kallsyms;

struct kallsyms_name {
	const char *name;   /* borrowed */
	const char *module; /* `ext4`, `bpf` (programs), "" for the kernel itself */
};

/* Reads the fd (borrowed) to its end. -EPERM: the kernel shows no addresses to who opened it;
 * -ENODATA: no function in it; -EFBIG: more than a kernel has; -EIO; -ENOMEM. */
int kallsyms_new(int fd, struct kallsyms **kallsyms, struct err *err);
void kallsyms_free(struct kallsyms *kallsyms);
GUARD_DEFINE(kallsyms, struct kallsyms *, kallsyms_free)
#define guard_kallsyms guard(guard_kallsyms)

uint32_t kallsyms_n(const struct kallsyms *kallsyms);
/* 0, or -ENOENT: no function there. */
int kallsyms_find(const struct kallsyms *kallsyms, uint64_t address, struct kallsyms_name *name);
