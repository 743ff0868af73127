/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of its own types, beyond what libbpf relocates by itself. */
#pragma once

#include <stdint.h>

/* How far behind a CPU's `runqueues` lies its count of what it is in (preempt_count); 0: not known.
 * Both are variables of the same section, so it is the same on every CPU. */
int64_t kernel_btf_preempt_count(void);
