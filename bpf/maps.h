/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps, and the memory they cost the host: ring 4 MiB + mappings 4 MiB + filter 1.9 MiB + ticks
 * 1 MiB + threads 0.3 MiB + spaces, seen and counters 0.4 MiB + noted and wakers 4 MiB + 37 KiB a
 * CPU of scratch and 20 KiB of rings to interrupt with: under 16 MiB; and 21 MiB of unwind tables
 * (unwind_types.h). */
#pragma once

#include "bpf/kernel.h"
#include "bpf/types.h"
#include "bpf/unwind_types.h"

/* Set before loading. */
const volatile __u64 stext = 0; /* kernel addresses are told as distances from here */
const volatile __u64 hash_seed = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} ring SEC(".maps");

#define MAPS_ARRAY(name, element, entries, flags)                                                  \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, flags);                                                          \
		__uint(key_size, sizeof(__u32));                                                   \
		__uint(value_size, sizeof(element));                                               \
		__uint(max_entries, entries);                                                      \
	} name SEC(".maps")

MAPS_ARRAY(sessions, struct session_config, SESSIONS_MAX, BPF_F_MMAPABLE);
MAPS_ARRAY(spaces, struct space, SPACES_MAX, BPF_F_MMAPABLE);
MAPS_ARRAY(mappings, struct mapping, MAPPINGS_MAX, BPF_F_MMAPABLE);
MAPS_ARRAY(unwind_tables, struct unwind_table, UNWIND_TABLES, BPF_F_MMAPABLE);
MAPS_ARRAY(unwind_pages, struct unwind_page, UNWIND_PAGES, BPF_F_MMAPABLE);
MAPS_ARRAY(unwind_rows, struct unwind_row, UNWIND_ROWS, BPF_F_MMAPABLE);
MAPS_ARRAY(unwind_rules, struct unwind_rule, UNWIND_RULES, BPF_F_MMAPABLE);
MAPS_ARRAY(counters, struct cpu_counters, CPUS_MAX, BPF_F_MMAPABLE);
MAPS_ARRAY(ticks, struct ticks, SESSIONS_MAX *CPUS_MAX, BPF_F_MMAPABLE);
MAPS_ARRAY(everything, __u64, 1, 0);
MAPS_ARRAY(seen, __u64, SEEN_MAX, BPF_F_MMAPABLE);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct filter));
	__uint(max_entries, FILTER_MAX);
} filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u64));
	__uint(max_entries, THREADS_MAX);
} threads SEC(".maps");
