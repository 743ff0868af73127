/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "tests/unit.h"

static void checks_stacks(void)
{
	struct {
		struct stack_event stack;
		struct frame frames[2];
	} e = {.stack = {.event = {EVENT_STACK, sizeof(e)}, .n_frames = 2, .end = WALK_ROOT},
	       .frames = {{.kind = FRAME_FILE}, {.kind = FRAME_RAW}}};
	CU_ASSERT_EQUAL(ring_check(&e, sizeof(e)), EVENT_STACK);
	CU_ASSERT_EQUAL(ring_check(&e, sizeof(e) - 1), 0);
	CU_ASSERT_EQUAL(ring_check(&e, 3), 0);
	e.stack.n_frames = 3;
	CU_ASSERT_EQUAL(ring_check(&e, sizeof(e)), 0);
	e.stack.n_frames = 1;
	CU_ASSERT_EQUAL(ring_check(&e, sizeof(e)), 0);
	e.stack.n_frames = 2;
	e.stack.end = WALK_ENDS;
	CU_ASSERT_EQUAL(ring_check(&e, sizeof(e)), 0);
	e.stack.end = WALK_BUDGET;
	e.stack.kernel = 2;
	CU_ASSERT_EQUAL(ring_check(&e, sizeof(e)), 0);
	e.stack.kernel = 1;
	e.frames[1].kind = FRAME_RAW + 1;
	CU_ASSERT_EQUAL(ring_check(&e, sizeof(e)), 0);
	e.frames[1].kind = FRAME_NONE;
	CU_ASSERT_EQUAL(ring_check(&e, sizeof(e)), 0);
	struct stack_event empty = {.event = {EVENT_STACK, sizeof(empty)}};
	CU_ASSERT_EQUAL(ring_check(&empty, sizeof(empty)), EVENT_STACK);
}

static void checks_samples_and_lives(void)
{
	struct sample_event sample = {.event = {EVENT_SAMPLE, sizeof(sample)}};
	CU_ASSERT_EQUAL(ring_check(&sample, sizeof(sample)), EVENT_SAMPLE);
	sample.session = SESSIONS_MAX;
	CU_ASSERT_EQUAL(ring_check(&sample, sizeof(sample)), 0);
	sample.session = 0;
	sample.cpu = CPUS_MAX;
	CU_ASSERT_EQUAL(ring_check(&sample, sizeof(sample)), 0);
	sample.cpu = 0;
	sample.space = SPACES_MAX;
	CU_ASSERT_EQUAL(ring_check(&sample, sizeof(sample)), 0);
	struct life_event life = {.event = {EVENT_EXIT, sizeof(life)}};
	CU_ASSERT_EQUAL(ring_check(&life, sizeof(life)), EVENT_EXIT);
	life.event.kind = EVENT_WAIT + 1;
	CU_ASSERT_EQUAL(ring_check(&life, sizeof(life)), 0);
	life.event.kind = EVENT_SAMPLE;
	CU_ASSERT_EQUAL(ring_check(&life, sizeof(life)), 0);
}

static void checks_waits(void)
{
	struct wait_event wait = {.sample = {.event = {EVENT_WAIT, sizeof(wait)}, .time_ns = 100},
				  .blocked_ns = 60,
				  .runnable_ns = 40,
				  .state = WAIT_SLEEPING};
	CU_ASSERT_EQUAL(ring_check(&wait, sizeof(wait)), EVENT_WAIT);
	CU_ASSERT_EQUAL(ring_check(&wait, sizeof(wait) - 8), 0);
	wait.sample.session = UINT16_MAX; /* means nothing */
	CU_ASSERT_EQUAL(ring_check(&wait, sizeof(wait)), EVENT_WAIT);
	wait.runnable_ns = 41; /* began before the clock did */
	CU_ASSERT_EQUAL(ring_check(&wait, sizeof(wait)), 0);
	wait.runnable_ns = UINT64_MAX - 50;
	CU_ASSERT_EQUAL(ring_check(&wait, sizeof(wait)), 0);
	wait.runnable_ns = 0;
	wait.state = WAIT_STATES;
	CU_ASSERT_EQUAL(ring_check(&wait, sizeof(wait)), 0);
	wait.state = WAIT_DISK;
	wait.sample.cpu = CPUS_MAX;
	CU_ASSERT_EQUAL(ring_check(&wait, sizeof(wait)), 0);
	wait.sample.cpu = 0;
	wait.sample.space = SPACES_MAX;
	CU_ASSERT_EQUAL(ring_check(&wait, sizeof(wait)), 0);
}

/* A ring in a memfd: a file's pages in the kernel's layout, without the second copy of the data, so
 * nothing here may wrap around. */
struct fake {
	int fd;
	uint8_t *memory;
	size_t page;
	size_t end;
};

static size_t fake_bytes(const struct fake *f)
{
	return 2 * f->page + 2 * RING_BYTES;
}

static void fake_init(struct fake *f)
{
	f->page = (size_t)sysconf(_SC_PAGESIZE);
	f->fd = memfd_create("ring", MFD_CLOEXEC);
	CU_ASSERT_EQUAL(ftruncate(f->fd, (off_t)fake_bytes(f)), 0);
	f->memory = mmap(NULL, fake_bytes(f), PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	f->end = 0;
}

static void fake_deinit(struct fake *f)
{
	munmap(f->memory, fake_bytes(f));
	close(f->fd);
}

static void fake_put(struct fake *f, const void *event, uint32_t bytes, uint32_t bits)
{
	uint8_t *record = f->memory + 2 * f->page + f->end;
	uint32_t length = bytes | bits;
	memcpy(record, &length, sizeof(length));
	memcpy(record + BPF_RINGBUF_HDR_SZ, event, bytes);
	f->end += (BPF_RINGBUF_HDR_SZ + bytes + 7) & ~7ul;
	*(unsigned long *)(f->memory + f->page) = f->end;
}

static void on_life(void *data, const struct life_event *life)
{
	uint32_t **next = data;
	*(*next)++ = life->tgid;
}

static void drains_in_order(void)
{
	struct fake f;
	fake_init(&f);
	struct life_event life = {.event = {EVENT_FORK, sizeof(life)}};
	for (life.tgid = 1; life.tgid <= 5; life.tgid++)
		fake_put(&f, &life, sizeof(life), life.tgid == 3 ? BPF_RINGBUF_DISCARD_BIT : 0);
	life.event.bytes++;
	fake_put(&f, &life, sizeof(life), 0); /* malformed */
	life.event.bytes--;
	fake_put(&f, &life, sizeof(life), BPF_RINGBUF_BUSY_BIT);

	struct ring *ring = NULL;
	CU_ASSERT_EQUAL(ring_open(&ring, f.fd, NULL), 0);
	uint32_t seen[8] = {0}, *next = seen;
	const struct ring_handlers handlers = {.data = &next, .on_life = on_life};
	CU_ASSERT_EQUAL(ring_drain(ring, &handlers, 2), 2);
	CU_ASSERT_EQUAL(next - seen, 2);
	CU_ASSERT_EQUAL(ring_drain(ring, &handlers, 100), 4);
	CU_ASSERT_EQUAL(next - seen, 4);
	const uint32_t expected[] = {1, 2, 4, 5};
	CU_ASSERT_EQUAL(memcmp(seen, expected, sizeof(expected)), 0);
	CU_ASSERT_EQUAL(ring_invalid(ring), 1);
	CU_ASSERT_EQUAL(ring_drain(ring, &handlers, 100), 0); /* what is being written waits */
	ring_close(ring);
	fake_deinit(&f);
}

/* Of events of all sizes, those that were taken out of its way come first. */
static void keeps_the_order_when_relieved(void)
{
	struct fake f;
	fake_init(&f);
	struct ring *ring = NULL;
	CU_ASSERT_EQUAL(ring_open(&ring, f.fd, NULL), 0);
	uint32_t seen[64] = {0}, *next = seen;
	const struct ring_handlers handlers = {.data = &next, .on_life = on_life};
	struct life_event life = {.event = {EVENT_FORK, sizeof(life)}};
	const uint8_t other[40] = {0};
	for (life.tgid = 1; life.tgid <= 30; life.tgid++) {
		fake_put(&f, &life, sizeof(life), 0);
		fake_put(&f, other, life.tgid, 0); /* malformed */
		if (life.tgid % 7 == 0 || life.tgid == 29)
			ring_relieve(ring);
	}
	CU_ASSERT_EQUAL(next - seen, 0);
	CU_ASSERT_EQUAL(ring_drain(ring, &handlers, 2), 60);
	CU_ASSERT_EQUAL(next - seen, 30);
	for (uint32_t i = 0; i < 30; i++)
		CU_ASSERT_EQUAL(seen[i], i + 1);
	CU_ASSERT_EQUAL(ring_invalid(ring), 30);
	CU_ASSERT_EQUAL(ring_drain(ring, &handlers, 2), 0);
	ring_relieve(ring);
	ring_close(ring);
	fake_deinit(&f);
}

static void refuses_what_is_no_ring(void)
{
	struct ring *ring = NULL;
	struct err err = {0};
	CU_ASSERT_EQUAL(ring_open(&ring, -1, &err), -EBADF);
	CU_ASSERT(err_is_set(&err));
	CU_ASSERT_PTR_NULL(ring);
}

SUITE(ring, {"checks stacks", checks_stacks},
      {"checks samples and lives", checks_samples_and_lives}, {"checks waits", checks_waits},
      {"drains in order", drains_in_order},
      {"keeps the order when relieved", keeps_the_order_when_relieved},
      {"refuses what is no ring", refuses_what_is_no_ring});
