/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/counters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/err.h"

struct counters {
	const struct cpu_counters *rows; /* CPUS_MAX */
	const struct ticks *ticks;	 /* SESSIONS_MAX * CPUS_MAX */
};

enum {
	ROWS_BYTES = CPUS_MAX * sizeof(struct cpu_counters),
	TICKS_BYTES = SESSIONS_MAX * CPUS_MAX * sizeof(struct ticks),
};

int counters_open(struct counters **counters, int counters_fd, int ticks_fd, struct err *err)
{
	struct counters *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	void *rows = mmap(NULL, ROWS_BYTES, PROT_READ, MAP_SHARED, counters_fd, 0);
	void *ticks = rows == MAP_FAILED
			      ? MAP_FAILED
			      : mmap(NULL, TICKS_BYTES, PROT_READ, MAP_SHARED, ticks_fd, 0);
	if (ticks == MAP_FAILED) {
		int code = -errno;
		if (rows != MAP_FAILED)
			munmap(rows, ROWS_BYTES);
		free(c);
		return err_set(err, code, ERR_FAILED, "mapping the counters: %s", strerror(-code));
	}
	c->rows = rows;
	c->ticks = ticks;
	*counters = c;
	return 0;
}

void counters_close(struct counters *counters)
{
	if (!counters)
		return;
	munmap((void *)counters->rows, ROWS_BYTES);
	munmap((void *)counters->ticks, TICKS_BYTES);
	free(counters);
}

/* Adds n words that another CPU may be writing. */
static void add_words(void *to, const void *from, size_t n)
{
	uint64_t *sum = to;
	const uint64_t *word = from;
	for (size_t i = 0; i < n; i++)
		sum[i] += __atomic_load_n(&word[i], __ATOMIC_RELAXED);
}

void counters_read(const struct counters *counters, uint32_t session, struct counters_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (size_t cpu = 0; cpu < CPUS_MAX; cpu++) {
		const struct cpu_counters *row = &counters->rows[cpu];
		add_words(sum->counter, row->counter, COUNTERS);
		add_words(sum->walk_end, row->walk_end, WALK_ENDS);
		add_words(sum->waits, row->waits, WAITS);
		add_words(sum->waits_ns, row->waits_ns, WAITS);
		sum->spent_ns += row->spent_ns;
		if (session < SESSIONS_MAX)
			add_words(&sum->ticks, &counters->ticks[session * CPUS_MAX + cpu],
				  sizeof(struct ticks) / sizeof(uint64_t));
	}
}

void counters_add(const struct counters *counters, struct counters_sum *sum)
{
	struct counters_sum more;
	counters_read(counters, SESSIONS_MAX, &more);
	add_words(sum, &more, sizeof(more) / sizeof(uint64_t));
}

uint64_t counters_runs(const struct counters *counters, uint32_t session, uint32_t cpu)
{
	return __atomic_load_n(&counters->ticks[session * CPUS_MAX + cpu].runs, __ATOMIC_RELAXED);
}

void counters_since(const struct counters *counters, uint32_t session,
		    const struct counters_sum *start, struct counters_sum *sum)
{
	counters_read(counters, session, sum);
	uint64_t *word = (uint64_t *)sum;
	for (size_t i = 0; i < sizeof(*sum) / sizeof(*word); i++)
		word[i] -= ((const uint64_t *)start)[i];
}

uint64_t counters_firings(const struct ticks *ticks, uint64_t firings,
			  struct counters_item items[COUNTERS_FIRINGS])
{
	uint64_t known =
		ticks->elsewhere + ticks->held + ticks->sampled + ticks->lost + ticks->thinned;
	uint64_t all = firings > known ? firings : known;
	const struct counters_item list[COUNTERS_FIRINGS] = {
		{"elsewhere", ticks->elsewhere},
		{"held_at_exec", ticks->held},
		{"thinned", ticks->thinned},
		{"ring_full", ticks->lost_ring},
		{"nested", ticks->lost_busy},
		{"lost_otherwise", ticks->lost - ticks->lost_ring - ticks->lost_busy},
		{"not_delivered", all - known},
	};
	memcpy(items, list, sizeof(list));
	return all;
}

const char *counters_name(unsigned counter)
{
	static const char *const names[COUNTERS] = {
		[COUNTER_RING_FULL_SAMPLE] = "ring_full_sample",
		[COUNTER_RING_FULL_STACK] = "ring_full_stack",
		[COUNTER_RING_FULL_LIFE] = "ring_full_life",
		[COUNTER_FILTER_FULL] = "filter_full",
		[COUNTER_BUSY] = "nested",
		[COUNTER_NO_KERNEL_STACK] = "no_kernel_stack",
		[COUNTER_THREADS_FULL] = "threads_full",
		[COUNTER_SLEEPERS_TORN] = "sleepers_torn",
	};
	return counter < COUNTERS && names[counter] ? names[counter] : "?";
}

const char *counters_wait_name(unsigned wait)
{
	static const char *const names[WAITS] = {
		[WAITS_SEEN] = "seen",		 [WAITS_SKIPPED] = "skipped",
		[WAITS_SENT] = "sent",		 [WAITS_HELD] = "held",
		[WAITS_OVERDUE] = "overdue",	 [WAITS_BUSY] = "nested",
		[WAITS_RING_FULL] = "ring_full",
	};
	return wait < WAITS && names[wait] ? names[wait] : "?";
}

const char *counters_end_name(unsigned walk_end)
{
	static const char *const names[WALK_ENDS] = {
		[WALK_ROOT] = "root",
		[WALK_DEPTH] = "too_deep",
		[WALK_BAD_PAGE] = "bad_page",
		[WALK_NO_MAPPING] = "no_mapping",
		[WALK_NO_ROW] = "no_row",
		[WALK_NO_PROGRESS] = "no_progress",
		[WALK_UNSUPPORTED] = "unsupported_rule",
		[WALK_NO_REGISTERS] = "no_registers",
		[WALK_32BIT] = "32_bit",
		[WALK_BUDGET] = "budget",
		[WALK_NO_TABLE] = "no_table",
	};
	return walk_end < WALK_ENDS && names[walk_end] ? names[walk_end] : "?";
}
