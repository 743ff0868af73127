/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/programs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "tests/sampling.h"
#include "tests/unit.h"

enum {
	MS = 1000000,
};

static void assert_sums(struct sampling *s, uint32_t session, uint64_t firings)
{
	struct counters_sum sum;
	counters_read(s->counters, session, &sum);
	const struct ticks *t = &sum.ticks;
	CU_ASSERT_EQUAL(t->runs, t->elsewhere + t->held + t->sampled + t->lost);
	CU_ASSERT_EQUAL(t->lost, t->lost_ring + t->lost_busy);
	if (firings)
		CU_ASSERT(t->runs <= firings + sysconf(_SC_NPROCESSORS_CONF));
}

static void samples_one_process(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	pid_t child = sampling_child(sampling_spin);
	struct err err = {0};
	CU_ASSERT_EQUAL(programs_take(s->programs, 3, child, 0, &err), 0);
	CU_ASSERT(programs_takes(s->programs, child));
	CU_ASSERT(!programs_takes(s->programs, 1));
	if (sampling_start(s, 3, MS, SESSION_USER | SESSION_KERNEL))
		sampling_wait_samples(s, 20);
	uint64_t firings = sampling_pause(s, 3);
	sampling_drain(s);
	struct counters_sum sum;
	counters_read(s->counters, 3, &sum);
	CU_ASSERT_EQUAL(sum.ticks.sampled, s->n_samples);
	CU_ASSERT_EQUAL(sum.ticks.lost, 0);
	assert_sums(s, 3, firings);
	for (size_t i = 0; i < s->n_samples; i++) {
		const struct sample_event *sample = &s->samples[i];
		CU_ASSERT_EQUAL(sample->tgid, child);
		CU_ASSERT_EQUAL(sample->tid, child);
		CU_ASSERT_EQUAL(sample->session, 3);
		CU_ASSERT_EQUAL(sample->space, 0);
		CU_ASSERT_STRING_EQUAL(sample->comm, "unit");
		CU_ASSERT_NOT_EQUAL(sample->user_hash, 0);
		const struct stack_event *stack =
			sampling_stack(s, sample->user_hash, sample->user_check);
		CU_ASSERT_PTR_NOT_NULL(stack);
		if (stack)
			CU_ASSERT_EQUAL(stack->frames[0].kind, FRAME_RAW);
		if (sample->kernel_hash)
			CU_ASSERT_PTR_NOT_NULL(
				sampling_stack(s, sample->kernel_hash, sample->kernel_check));
	}
	sampling_end(child);
	sampling_free(s);
}

SUITE(programs, {"samples one process", samples_one_process});
