/* SPDX-License-Identifier: Apache-2.0 */
/* BTF: the kernel's own description of its types, without which no BPF program of ours can be
 * loaded. libbpf's words for its absence name a process that does not exist. */
#pragma once

struct err;

#define KERNEL_TYPES_PATH "/sys/kernel/btf/vmlinux"

/* 0: it is there; else -ENOTSUP, with words and what to do. `sysfs`: where it is mounted ("/sys").
 */
int kernel_types_check(const char *sysfs, struct err *err);
