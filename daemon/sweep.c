/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sweep.h"

#include <malloc.h>

#include "common/clock.h"
#include "common/guard.h"
#include "common/memory.h"
#include "daemon/objects.h"
#include "daemon/processes.h"
#include "daemon/sampler.h"
#include "daemon/session.h"
#include "daemon/spaces.h"
#include "daemon/symbolizer.h"
#include "daemon/unwind_loader.h"

/* Between the steps. What was sent before the first has been drained, and walked late where it had
 * to be (unwind_late.h), by then. */
static const uint64_t GRACE_NS = 2 * 1000000000ull;

enum {
	BYTES_MIN = TYPES_ENTRIES(8 << 20, 64 << 10), /* below, it is not worth while */
	WORTH = 4,				      /* one part in so many is */
};

/* The stacks that rows name; those of recordings that are over as well, until their profile has
 * been taken. */
static bool *used_stacks(const struct sampler *sampler)
{
	bool *used = memory_new(sampler->stacks.stacks.n, sizeof(*used));
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		const struct session *session = sampler->sessions[i];
		for (uint32_t k = 1; session && k < session->tally.rows.n; k++) {
			const struct tally_stacks *row = &session->tally.rows.at[k].stacks;
			used[row->kernel] = used[row->user] = used[row->waker] = true;
		}
	}
	used[0] = false;
	return used;
}

static void mark(bool *used, uint32_t n, uint32_t object)
{
	if (object <= n)
		used[object] = true;
}

/* The objects that may be met at any time: mapped, or what a recording began with. */
static bool *met_objects(const struct sampler *sampler)
{
	uint32_t n = objects_count(sampler->objects);
	bool *used = memory_new(n + 1, sizeof(*used));
	spaces_mark_objects(sampler->spaces, used, n);
	processes_mark_objects(sampler->processes, used);
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (sampler->sessions[i])
			mark(used, n, sampler->sessions[i]->main_object);
	return used;
}

static void mark_named(const struct sampler *sampler, bool *used)
{
	const struct stacks *stacks = &sampler->stacks;
	uint32_t n = objects_count(sampler->objects);
	for (uint32_t i = 1; i < sampler->locations.n; i++)
		mark(used, n, sampler->locations.at[i].object);
	for (uint32_t i = 0; i < stacks->raw.n; i++)
		if (stacks->raw.at[i].kind == FRAME_FILE)
			mark(used, n, stacks->raw.at[i].object);
}

/* How many objects would stay, if the stacks did that are used. */
static uint32_t count_kept(const struct sampler *sampler, const bool *stacks)
{
	uint32_t n = objects_count(sampler->objects), kept = 0;
	bool *used guard_mem = met_objects(sampler);
	for (uint32_t i = 1; i < sampler->stacks.stacks.n; i++) {
		const struct stack *stack = &sampler->stacks.stacks.at[i];
		const uint32_t *frames = sampler->stacks.frames.at + stack->first;
		for (uint32_t k = 0; stacks[i] && k < stack->n; k++)
			mark(used, n, sampler->locations.at[frames[k]].object);
	}
	for (uint32_t i = 1; i <= n; i++)
		kept += used[i];
	return kept;
}

static void sweep_objects(struct sampler *sampler, struct symbolizer *symbolizer)
{
	struct objects *objects = sampler->objects;
	bool *used guard_mem = met_objects(sampler);
	mark_named(sampler, used);
	for (uint32_t i = 1; i <= objects_count(objects); i++) {
		if (used[i] || !objects_get(objects, i)->condemned)
			continue;
		unwind_loader_drop(sampler->loader, i);
		symbolizer_drop(symbolizer, i);
		objects_drop(objects, i);
	}
}

/* So much more has come since the last look, or a recording has gone. */
static bool is_due(const struct sweep *sweep, const struct sampler *sampler)
{
	uint64_t bytes = stacks_bytes(&sampler->stacks, NULL);
	uint32_t objects = objects_held(sampler->objects);
	bool parted = sweep->parted != sampler->parted;
	return (bytes >= BYTES_MIN && (parted || bytes / 2 >= sweep->kept_bytes)) ||
	       (objects > OBJECTS_KEPT && (parted || objects / 2 >= sweep->kept_objects));
}

static bool is_worth(uint64_t there, uint64_t least, uint64_t kept)
{
	return there >= least && there - kept >= there / WORTH;
}

static void condemn(struct sweep *sweep, struct sampler *sampler)
{
	uint32_t objects = objects_held(sampler->objects);
	bool *used guard_mem = used_stacks(sampler);
	sweep->parted = sampler->parted;
	sweep->kept_bytes = stacks_bytes(&sampler->stacks, used);
	sweep->kept_objects = objects > OBJECTS_KEPT ? count_kept(sampler, used) : objects;
	if (!is_worth(stacks_bytes(&sampler->stacks, NULL), BYTES_MIN, sweep->kept_bytes) &&
	    !is_worth(objects, OBJECTS_KEPT + 1, sweep->kept_objects))
		return;
	bool *met guard_mem = met_objects(sampler);
	stacks_condemn(&sampler->stacks, used);
	objects_condemn(sampler->objects, met);
	sweep->condemned_ns = clock_now_ns();
}

static void finish(struct sweep *sweep, struct sampler *sampler, struct symbolizer *symbolizer)
{
	bool *used guard_mem = used_stacks(sampler);
	stacks_sweep(&sampler->stacks, used);
	sweep->kept_bytes = stacks_bytes(&sampler->stacks, NULL);
	sweep->condemned_ns = 0;
	malloc_trim(0);
	if (objects_held(sampler->objects) <= OBJECTS_KEPT)
		return;
	/* Questions under way name objects: then it is due again at once. */
	if (symbolizer_is_idle(symbolizer))
		sweep_objects(sampler, symbolizer);
	else
		sweep->kept_objects = 0;
}

bool sweep_look(struct sweep *sweep, struct sampler *sampler, struct symbolizer *symbolizer)
{
	if (!sweep->condemned_ns && is_due(sweep, sampler))
		condemn(sweep, sampler);
	if (!sweep->condemned_ns || clock_now_ns() - sweep->condemned_ns < GRACE_NS)
		return false;
	finish(sweep, sampler, symbolizer);
	return true;
}
