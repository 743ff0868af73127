/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sleeper_walk.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/guard.h"
#include "common/memory.h"
#include "daemon/objects.h"
#include "daemon/processes.h"
#include "daemon/ring.h"
#include "daemon/sampler.h"
#include "daemon/spaces.h"
#include "daemon/tally.h"
#include "daemon/unwind_late.h"

enum {
	SLEEPER_MAX = sizeof(struct sleeper) + SLEEPER_STACK_MAX,
	BUFFER_BYTES = 2 * SLEEPER_MAX,
	RELIEVE_MS = 50,
};

/* The bytes of the record that begins there; 0: not all of it is there; negative errno. */
static int check(const uint8_t *at, size_t bytes)
{
	const struct sleeper *sleeper = (const struct sleeper *)at;
	if (bytes < sizeof(*sleeper))
		return 0;
	if (sleeper->bytes < sizeof(*sleeper) || sleeper->bytes > SLEEPER_MAX ||
	    sleeper->bytes % 8 || sleeper->n_stack > sleeper->bytes - sizeof(*sleeper) ||
	    sleeper->n_kernel > KERNEL_FRAMES_MAX || sleeper->space >= SPACES_MAX ||
	    sleeper->thread.state >= WAIT_STATES)
		return -EPROTO;
	return sleeper->bytes <= bytes ? (int)sleeper->bytes : 0;
}

/* Reads as read(2). */
static ssize_t read_on(int fd, struct ring *ring, uint8_t *to, size_t bytes)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	do {
		if (ring)
			ring_relieve(ring);
	} while (ring && !poll(&pollfd, 1, RELIEVE_MS));
	return read(fd, to, bytes);
}

int sleeper_walk_read(int fd, struct ring *ring,
		      void (*each)(void *context, const struct sleeper *sleeper), void *context)
{
	uint8_t *buffer guard_mem = memory_new(1, BUFFER_BYTES);
	size_t have = 0;
	for (;;) {
		ssize_t n = read_on(fd, ring, buffer + have, BUFFER_BYTES - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : have ? -EPROTO : 0;
		have += (size_t)n;
		size_t done = 0;
		int bytes;
		while ((bytes = check(buffer + done, have - done)) > 0) {
			each(context, (const struct sleeper *)(buffer + done));
			done += (size_t)bytes;
		}
		if (bytes < 0)
			return bytes;
		have -= done;
		memmove(buffer, buffer + done, have);
	}
}

/* Its number in the sampler's stacks. */
static uint32_t add(struct sampler *sampler, const struct stack_event *stack,
		    struct process *process)
{
	stacks_add(&sampler->stacks, stack);
	return stacks_find(&sampler->stacks, stack->hash, stack->check, process);
}

static uint32_t add_kernel(struct sampler *sampler, const struct sleeper *sleeper,
			   struct stack_event *stack)
{
	size_t bytes = sleeper->n_kernel * sizeof(struct frame);
	memset(stack, 0, sizeof(*stack));
	stack->kernel = 1;
	stack->n_frames = (uint16_t)sleeper->n_kernel;
	stack->end = WALK_ROOT;
	for (uint32_t i = 0; i < sleeper->n_kernel; i++)
		stack->frames[i] =
			(struct frame){.address = sleeper->kernel[i], .kind = FRAME_KERNEL};
	stack->hash = XXH3_64bits_withSeed(stack->frames, bytes, stack->kernel);
	stack->check = XXH32(stack->frames, bytes, stack->kernel);
	return add(sampler, stack, NULL);
}

static struct copy_event *copy_of(const struct sleeper *sleeper)
{
	struct copy_event *copy = memory_new(1, sizeof(*copy) + sleeper->n_stack);
	copy->pc = sleeper->pc;
	copy->flags = sleeper->flags;
	memcpy(copy->reg, sleeper->reg, sizeof(copy->reg));
	copy->bytes = sleeper->n_stack;
	copy->cut = sleeper->n_stack > SLEEPER_STACK_MAX - 4096;
	memcpy(copy->stack, sleeper->stack, sleeper->n_stack);
	return copy;
}

static uint32_t table_of(void *context, uint32_t object)
{
	return objects_table(context, object);
}

static uint32_t no_table(void *context, uint32_t object)
{
	return 0;
}

static uint32_t add_user(struct sampler *sampler, const struct sleeper *sleeper, uint32_t flags,
			 struct stack_event *stack)
{
	struct process *process = processes_find(sampler->processes, sleeper->thread.tgid);
	if (!process)
		process = processes_add(sampler->processes, sleeper->thread.tgid, -1, 0);
	static const struct address_space nowhere;
	struct copy_event *copy guard_mem = copy_of(sleeper);
	const struct address_space *space = processes_space(sampler->processes, process);
	unwind_late_walk(copy, space ? space : &nowhere,
			 flags & SESSION_BY_POINTER ? no_table : table_of, sampler->objects,
			 sampler->tables, stack);
	if (sleeper->is_32bit && stack->n_frames) {
		stack->n_frames = 1;
		stack->end = WALK_32BIT;
		stack->hash++; /* of another end */
	}
	return add(sampler, stack, process);
}

void sleeper_walk_stacks(struct sampler *sampler, const struct sleeper *sleeper, uint32_t flags,
			 struct tally_stacks *stacks)
{
	struct stack_event *stack guard_mem =
		memory_new(1, sizeof(*stack) + USER_FRAMES_MAX * sizeof(struct frame));
	*stacks = (struct tally_stacks){0};
	if (sleeper->n_kernel && (flags & SESSION_KERNEL))
		stacks->kernel = add_kernel(sampler, sleeper, stack);
	if (sleeper->pc && (flags & SESSION_USER))
		stacks->user = add_user(sampler, sleeper, flags, stack);
}
