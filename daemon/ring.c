/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/memory.h"

/* The layout is the kernel's (Documentation/bpf/ringbuf.rst): a page that we write, a page that the
 * kernel writes, the data twice so that no record is cut. */
struct ring {
	unsigned long *consumed; /* position, ours */
	const unsigned long *produced;
	const uint8_t *data;
	size_t page;
	unsigned long mark; /* where the next drain ends; 0: where it finds the end */
	uint64_t invalid;
	uint8_t *kept; /* each behind its length, a u64 */
	size_t kept_bytes, kept_room;
};

enum {
	RING_SHARED_BYTES = 2 * RING_BYTES,
	RING_KEPT_MAX = 16 * RING_BYTES, /* more of it stays in the ring, until that is full */
};

int ring_open(struct ring **ring, int fd, struct err *err)
{
	struct ring *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->page = (size_t)sysconf(_SC_PAGESIZE);
	void *ours = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	void *theirs = ours == MAP_FAILED ? MAP_FAILED
					  : mmap(NULL, r->page + RING_SHARED_BYTES, PROT_READ,
						 MAP_SHARED, fd, (off_t)r->page);
	if (theirs == MAP_FAILED) {
		int code = -errno;
		if (ours != MAP_FAILED)
			munmap(ours, r->page);
		free(r);
		return err_set(err, code, ERR_FAILED, "mapping the event ring: %s",
			       strerror(-code));
	}
	r->consumed = ours;
	r->produced = theirs;
	r->data = (const uint8_t *)theirs + r->page;
	*ring = r;
	return 0;
}

void ring_close(struct ring *ring)
{
	if (!ring)
		return;
	munmap(ring->consumed, ring->page);
	munmap((void *)ring->produced, ring->page + RING_SHARED_BYTES);
	free(ring->kept);
	free(ring);
}

static bool stack_is_valid(const struct stack_event *stack)
{
	if (stack->n_frames > USER_FRAMES_MAX || stack->end >= WALK_ENDS || stack->kernel > 1 ||
	    stack->event.bytes != sizeof(*stack) + stack->n_frames * sizeof(struct frame))
		return false;
	for (unsigned i = 0; i < stack->n_frames; i++)
		if (stack->frames[i].kind == FRAME_NONE || stack->frames[i].kind > FRAME_RAW)
			return false;
	return true;
}

static bool sample_is_valid(const struct sample_event *sample)
{
	return sample->cpu < CPUS_MAX && sample->space < SPACES_MAX;
}

/* It began after the clock did, so its parts add up without wrapping. */
static bool wait_is_valid(const struct wait_event *wait)
{
	uint64_t time_ns = wait->sample.time_ns;
	return sample_is_valid(&wait->sample) && wait->state < WAIT_STATES &&
	       wait->blocked_ns <= time_ns && wait->runnable_ns <= time_ns - wait->blocked_ns;
}

uint32_t ring_check(const void *event, size_t bytes)
{
	const struct event *head = event;
	if (bytes < sizeof(*head) || head->bytes != bytes)
		return 0;
	bool valid = false;
	switch (head->kind) {
	case EVENT_STACK:
		valid = bytes >= sizeof(struct stack_event) && stack_is_valid(event);
		break;
	case EVENT_SAMPLE: {
		const struct sample_event *sample = event;
		valid = bytes == sizeof(*sample) && sample->session < SESSIONS_MAX &&
			sample_is_valid(sample);
		break;
	}
	case EVENT_WAIT:
		valid = bytes == sizeof(struct wait_event) && wait_is_valid(event);
		break;
	case EVENT_FORK:
	case EVENT_EXEC:
	case EVENT_EXIT: {
		const struct life_event *life = event;
		valid = bytes == sizeof(*life) && life->space < SPACES_MAX;
		break;
	}
	case EVENT_COPY: {
		const struct copy_event *copy = event;
		valid = bytes >= sizeof(*copy) && copy->bytes <= COPY_BYTES_MAX &&
			bytes == sizeof(*copy) + copy->bytes && copy->cpu < CPUS_MAX;
		break;
	}
	case EVENT_THREAD:
		valid = bytes == sizeof(struct thread_event);
		break;
	default:
		break;
	}
	return valid ? head->kind : 0;
}

static void dispatch(struct ring *ring, const struct ring_handlers *to, const void *event,
		     size_t bytes)
{
	switch (ring_check(event, bytes)) {
	case EVENT_STACK:
		if (to->on_stack)
			to->on_stack(to->data, event);
		break;
	case EVENT_SAMPLE:
		if (to->on_sample)
			to->on_sample(to->data, event);
		break;
	case EVENT_WAIT:
		if (to->on_wait)
			to->on_wait(to->data, event);
		break;
	case EVENT_COPY:
		if (to->on_copy)
			to->on_copy(to->data, event);
		break;
	case EVENT_FORK:
	case EVENT_EXEC:
	case EVENT_EXIT:
		if (to->on_life)
			to->on_life(to->data, event);
		break;
	case EVENT_THREAD:
		if (to->on_thread)
			to->on_thread(to->data, &((const struct thread_event *)event)->thread);
		break;
	default:
		ring->invalid++;
	}
}

void ring_mark(struct ring *ring)
{
	ring->mark = __atomic_load_n(ring->produced, __ATOMIC_ACQUIRE);
}

/* What becomes of a record. */
typedef void (*ring_use)(struct ring *ring, const struct ring_handlers *to, const void *event,
			 size_t bytes);

static size_t take(struct ring *ring, unsigned long end, size_t max, ring_use use,
		   const struct ring_handlers *handlers)
{
	size_t n = 0;
	unsigned long at = *ring->consumed;
	while (n < max && at < end) {
		const uint8_t *record = ring->data + (at & (RING_BYTES - 1));
		uint32_t length = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		if (length & BPF_RINGBUF_BUSY_BIT)
			break; /* reserved, being written */
		size_t bytes = length & ~BPF_RINGBUF_DISCARD_BIT;
		if (bytes > RING_BYTES - BPF_RINGBUF_HDR_SZ)
			break;
		if (!(length & BPF_RINGBUF_DISCARD_BIT))
			use(ring, handlers, record + BPF_RINGBUF_HDR_SZ, bytes);
		at += (BPF_RINGBUF_HDR_SZ + bytes + 7) & ~7ul;
		__atomic_store_n(ring->consumed, at, __ATOMIC_RELEASE);
		n++;
	}
	return n;
}

static void keep(struct ring *ring, const struct ring_handlers *unused, const void *event,
		 size_t bytes)
{
	uint64_t length = bytes;
	size_t whole = sizeof(length) + ((bytes + 7) & ~(size_t)7);
	ring->kept = memory_grow(ring->kept, &ring->kept_room, ring->kept_bytes + whole, 1);
	memcpy(ring->kept + ring->kept_bytes, &length, sizeof(length));
	memcpy(ring->kept + ring->kept_bytes + sizeof(length), event, bytes);
	ring->kept_bytes += whole;
}

void ring_relieve(struct ring *ring)
{
	if (ring->kept_bytes < RING_KEPT_MAX)
		take(ring, __atomic_load_n(ring->produced, __ATOMIC_ACQUIRE), SIZE_MAX, keep, NULL);
}

static size_t drain_kept(struct ring *ring, const struct ring_handlers *handlers)
{
	uint8_t *kept guard_mem = steal_ptr(ring->kept);
	size_t end = ring->kept_bytes, n = 0;
	ring->kept_bytes = ring->kept_room = 0;
	for (size_t at = 0; at < end; n++) {
		uint64_t length;
		memcpy(&length, kept + at, sizeof(length));
		dispatch(ring, handlers, kept + at + sizeof(length), length);
		at += sizeof(length) + ((length + 7) & ~7ull);
	}
	return n;
}

size_t ring_drain(struct ring *ring, const struct ring_handlers *handlers, size_t max)
{
	unsigned long end =
		ring->mark ? ring->mark : __atomic_load_n(ring->produced, __ATOMIC_ACQUIRE);
	ring->mark = 0;
	size_t n = drain_kept(ring, handlers);
	return n + take(ring, end, max, dispatch, handlers);
}

uint64_t ring_invalid(const struct ring *ring)
{
	return ring->invalid;
}
