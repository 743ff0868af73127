/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the kernel's code while a worker lives: its own functions stay what they are, but
 * modules and BPF programs come and go, and one may lie where another lay. */
#pragma once

#include <stdint.h>

#include "common/guard.h"
#include "symbolizer/kallsyms.h"

struct err;
struct kernel_names;

enum {
	/* Some 50 ms of CPU time a reading: at most 1 % of a CPU. */
	KERNEL_NAMES_AGE_S = 5,
};

/* Takes the fd of /proc/kallsyms, which is read now and, from its beginning, again later. `stext`:
 * what offsets are from. `now_ns`: CLOCK_MONOTONIC. Codes of kallsyms_new(). */
int kernel_names_open(int fd_take, uint64_t stext, uint64_t now_ns, struct kernel_names **names,
		      struct err *err);
void kernel_names_close(struct kernel_names *names);
GUARD_DEFINE(kernel_names, struct kernel_names *, kernel_names_close)
#define guard_kernel_names guard(guard_kernel_names)

uint32_t kernel_names_n(const struct kernel_names *names);
/* What is of no module comes from any reading; the rest, and that there is nothing, from one that
 * is not older than KERNEL_NAMES_AGE_S: where that is needed *found of earlier calls is gone. 0, or
 * -ENOENT. */
int kernel_names_find(struct kernel_names *names, uint64_t offset, uint64_t now_ns,
		      struct kallsyms_name *found);
