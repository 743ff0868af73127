/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/offcpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "common/guard.h"
#include "daemon/broker.h"
#include "daemon/sampler.h"
#include "daemon/session.h"
#include "tests/unit.h"

enum {
	THREADS = 300,
	BEGIN = 1000000,
	END = 2000000,
	LATEST = 2200000, /* when nothing is told any more */
};

static uint64_t seed = 88172645463325252ull;

static uint64_t chance(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % below;
}

/* A thread's switches: off from at[0] to at[1], from at[2] to at[3], … */
struct life {
	uint64_t at[4096];
	uint32_t n;
};

static void live(struct life *life, uint64_t longest)
{
	life->n = 0;
	for (uint64_t now = 1 + chance(longest); life->n < 4094; now += 1 + chance(longest)) {
		life->at[life->n++] = now;
		if (now > 2 * LATEST && !(life->n & 1))
			break;
	}
}

static uint64_t off_since(const struct life *life, uint64_t time)
{
	for (uint32_t i = 0; i + 1 < life->n; i += 2)
		if (life->at[i] <= time && time < life->at[i + 1])
			return life->at[i];
	return 0;
}

static struct thread_times reading(const struct life *life, uint32_t tid, uint64_t time)
{
	struct thread_times r = {.time_ns = time,
				 .start_time_ns = 1,
				 .sessions = 1,
				 .tgid = 1,
				 .tid = tid,
				 .comm = "made",
				 .noted = 1,
				 .off_since_ns = off_since(life, time)};
	for (uint32_t i = 0; i + 1 < life->n && life->at[i] < time; i += 2)
		r.off_ns += (life->at[i + 1] < time ? life->at[i + 1] : time) - life->at[i];
	r.oncpu_ns = time - r.off_ns;
	r.state = r.off_since_ns ? WAIT_SLEEPING : WAIT_RUNNING;
	return r;
}

static void tell(struct session *session, const struct life *life, uint32_t tid, uint64_t from,
		 uint64_t to)
{
	static const struct tally_stacks none;
	for (uint32_t i = 0; i + 1 < life->n; i += 2) {
		if (life->at[i + 1] < from || life->at[i + 1] >= to)
			continue;
		uint64_t lasted = life->at[i + 1] - life->at[i];
		struct wait_event wait = {.sample = {.event = {EVENT_WAIT, sizeof(wait)},
						     .time_ns = life->at[i + 1],
						     .start_time_ns = 1,
						     .tgid = 1,
						     .tid = tid,
						     .comm = "made"},
					  .blocked_ns = lasted - lasted / 4,
					  .runnable_ns = lasted / 4,
					  .state = WAIT_SLEEPING};
		offcpu_on_wait(session, &wait, &none);
	}
}

static int put(const void *what, size_t bytes)
{
	int fd = memfd_create("made", MFD_CLOEXEC);
	CU_ASSERT_EQUAL(write(fd, what, bytes), (ssize_t)bytes);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

struct world {
	struct sampler sampler;
	struct session_config config;
	Probe__Record request;
	struct session session;
	struct life lives[THREADS];
};

static void world_init(struct world *w)
{
	w->sampler.configs = &w->config;
	w->sampler.features = LOAD_WAITS | LOAD_SLEEPERS;
	w->request = (Probe__Record)PROBE__RECORD__INIT;
	w->request.mode = PROBE__RECORD__MODE__OFF;
	w->session.sampler = &w->sampler;
	w->session.request = &w->request;
	threads_init(&w->session.threads);
	tally_init(&w->session.tally, &w->session.threads);
	times_init(&w->session.times, &w->session.threads);
}

/* Readings come a little later than asked for, another bit at each thread. */
static void begin(struct world *w)
{
	struct thread_times first[THREADS];
	for (uint32_t i = 0; i < THREADS; i++) {
		live(&w->lives[i], i % 3 ? 100000 : 3000000);
		first[i] = reading(&w->lives[i], i + 1, BEGIN + chance(20000));
	}
	int fd guard_fd = put(first, sizeof(first));
	w->session.started_ns = BEGIN;
	CU_ASSERT_EQUAL(times_begin(&w->session.times, 0, BEGIN, fd), 0);
}

/* Every tenth sleeper is torn. */
static void end(struct world *w)
{
	struct sleeper *sleepers = calloc(THREADS, sizeof(*sleepers));
	struct thread_times last[THREADS];
	uint32_t n = 0;
	w->session.stopped_ns = w->session.times.end_ns = END;
	for (uint32_t i = 0; i < THREADS; i++) {
		struct thread_times r = reading(&w->lives[i], i + 1, END + chance(40000));
		if (r.off_since_ns && i % 10)
			sleepers[n++] = (struct sleeper){.bytes = sizeof(*sleepers), .thread = r};
		last[i] = reading(&w->lives[i], i + 1, END + 40000 + chance(20000));
	}
	int sleepers_fd guard_fd = put(sleepers, n * sizeof(*sleepers));
	int fd guard_fd = put(last, sizeof(last));
	offcpu_take_sleepers(&w->session, sleepers_fd);
	CU_ASSERT_EQUAL(times_finish(&w->session.times, END, fd), 0);
	offcpu_take_open(&w->session);
	CU_ASSERT(n > THREADS / 4);
	CU_ASSERT(w->session.lost_sleepers > 0);
	free(sleepers);
}

/* Whatever the moments of readings and switches: the rows of each thread are its time off the CPU.
 */
static void adds_up_to_exact_times(void)
{
	struct world *w = calloc(1, sizeof(*w));
	world_init(w);
	begin(w);
	for (uint32_t i = 0; i < THREADS; i++)
		tell(&w->session, &w->lives[i], i + 1, BEGIN, END);
	end(w);
	for (uint32_t i = 0; i < THREADS; i++)
		tell(&w->session, &w->lives[i], i + 1, END, LATEST);
	double rows[THREADS + 1] = {0};
	for (uint32_t i = 1; i < w->session.tally.rows.n; i++) {
		const struct tally_row *row = &w->session.tally.rows.at[i];
		rows[w->session.threads.at[row->thread].tid] += row->blocked_ns + row->runnable_ns;
	}
	for (uint32_t i = 1; i < w->session.threads.n; i++) {
		const struct thread *thread = &w->session.threads.at[i];
		struct threads_sum t = times_of(&w->session.times, thread);
		CU_ASSERT_EQUAL(rows[thread->tid], t.wall_ns - t.oncpu_ns - t.stolen_ns);
		CU_ASSERT_EQUAL(t.stolen_ns, 0);
	}
	tally_deinit(&w->session.tally);
	threads_deinit(&w->session.threads);
	free(w);
}

/* The programs walk for all sessions what one of them wants: each keeps its own. */
static void keeps_the_stacks_that_were_asked_for(void)
{
	static const struct {
		uint32_t flags, user, kernel;
	} cases[] = {{SESSION_USER | SESSION_KERNEL, 3, 4},
		     {SESSION_USER, 3, 0},
		     {SESSION_KERNEL, 0, 4},
		     {0, 0, 0}};
	const struct tally_stacks stacks = {.user = 3, .kernel = 4};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world *w = calloc(1, sizeof(*w));
		world_init(w);
		w->config.flags = cases[i].flags;
		w->session.started_ns = BEGIN;
		const struct wait_event wait = {.sample = {.event = {EVENT_WAIT, sizeof(wait)},
							   .time_ns = BEGIN + 100,
							   .start_time_ns = 1,
							   .tgid = 1,
							   .tid = 1},
						.blocked_ns = 50,
						.state = WAIT_SLEEPING};
		offcpu_on_wait(&w->session, &wait, &stacks);
		CU_ASSERT_EQUAL_FATAL(w->session.tally.rows.n, 2);
		CU_ASSERT_EQUAL(w->session.tally.rows.at[1].stacks.user, cases[i].user);
		CU_ASSERT_EQUAL(w->session.tally.rows.at[1].stacks.kernel, cases[i].kernel);
		tally_deinit(&w->session.tally);
		threads_deinit(&w->session.threads);
		free(w);
	}
}

/* A body that never came is a loss, with its time. */
static void counts_waits_without_a_body(void)
{
	struct world *w = calloc(1, sizeof(*w));
	world_init(w);
	w->session.started_ns = BEGIN;
	const struct wait_event wait = {.sample.time_ns = BEGIN + 100,
					.blocked_ns = 50,
					.runnable_ns = 7,
					.state = WAIT_SLEEPING};
	offcpu_on_wait(&w->session, &wait, NULL);
	CU_ASSERT_EQUAL(w->session.lost_waits, 1);
	CU_ASSERT_EQUAL(w->session.lost_waits_ns, 57);
	CU_ASSERT_EQUAL(w->session.tally.waits, 0);
	tally_deinit(&w->session.tally);
	threads_deinit(&w->session.threads);
	free(w);
}

SUITE(offcpu, {"keeps the stacks that were asked for", keeps_the_stacks_that_were_asked_for},
      {"counts waits without a body", counts_waits_without_a_body},
      {"adds up to exact times", adds_up_to_exact_times});
