/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/holdings.h"

#include "common/guard.h"
#include "common/memory.h"
#include "daemon/sampler.h"
#include "daemon/session.h"

/* The stack's bytes, the first time. */
static uint64_t count(const struct stacks *stacks, uint8_t *seen, uint32_t stack)
{
	if (!stack || stack >= stacks->stacks.n || seen[stack])
		return 0;
	seen[stack] = 1;
	/* As it came, and as locations. */
	return sizeof(struct stack) + sizeof(struct body) +
	       stacks->stacks.at[stack].n * (sizeof(uint32_t) + sizeof(struct frame));
}

uint64_t holdings_of_others(const struct session *session)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < SESSIONS_MAX && !session->rights.everything; i++) {
		const struct session *other = session->sampler->sessions[i];
		if (other && other != session && other->uid == session->uid)
			bytes += other->held_bytes;
	}
	return bytes;
}

uint32_t holdings_ended(const struct sampler *sampler, uint32_t uid)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		const struct session *session = sampler->sessions[i];
		n += session && session->state == SESSION_STOPPED && session->uid == uid &&
		     !session->rights.everything;
	}
	return n;
}

uint64_t holdings_bytes(const struct session *session)
{
	const struct stacks *stacks = &session->sampler->stacks;
	const struct tally *tally = &session->tally;
	uint8_t *seen guard_mem = memory_new(stacks->stacks.n + 1, sizeof(*seen));
	uint64_t bytes = tally->rows.n * sizeof(struct tally_row) +
			 session->threads.n * sizeof(struct thread);
	for (uint32_t i = 1; i < tally->rows.n; i++) {
		const struct tally_stacks *row = &tally->rows.at[i].stacks;
		bytes += count(stacks, seen, row->kernel) + count(stacks, seen, row->user) +
			 count(stacks, seen, row->waker);
	}
	return bytes;
}
