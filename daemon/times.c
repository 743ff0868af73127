/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/times.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void times_init(struct times *times, struct threads *threads)
{
	struct timespec tick = {0};
	/* The coarse clock is moved on at each tick. */
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick))
		tick.tv_nsec = 10000000;
	*times = (struct times){.threads = threads, .tick_ns = (uint64_t)tick.tv_nsec};
}

/* With the wait for a CPU that is under way: the kernel accounts for it when it ends. */
static struct threads_account account_of(const struct thread_times *from)
{
	bool waits = from->state == WAIT_RUNNABLE || from->state == WAIT_THROTTLED;
	uint64_t under_way = waits && from->off_since_ns && from->time_ns > from->off_since_ns
				     ? from->time_ns - from->off_since_ns
				     : 0;
	return (struct threads_account){
		.oncpu_ns = from->oncpu_ns,
		.runnable_ns = from->runnable_ns + under_way,
		.off_ns = from->off_ns,
	};
}

/* Which has no time yet: born since the beginning, or, taken later, counted from its first reading
 * on. */
static void begin(const struct times *times, struct thread *thread, const struct thread_times *from)
{
	bool born = from->start_time_ns >= times->begin_ns;
	thread->begin_ns = born ? from->start_time_ns : from->time_ns;
	thread->first = born ? (struct threads_account){0} : account_of(from);
	thread->last = thread->first;
	thread->noted = from->noted;
}

static uint32_t note(struct times *times, const struct thread_times *from)
{
	uint32_t number = threads_note(times->threads, from->tgid, from->tid, from->start_time_ns,
				       from->comm);
	struct thread *thread = &times->threads->at[number];
	bool noted = thread->noted || !thread->begin_ns;
	if (!thread->begin_ns)
		begin(times, thread, from);
	times->off_known |= from->noted;
	const struct threads_account now = account_of(from);
	/* A leader's number and birth go to the thread of its process that calls exec. */
	if (!thread->end_ns && now.oncpu_ns >= thread->first.oncpu_ns) {
		thread->last = now;
		thread->noted &= from->noted;
		thread->on_cpu = !from->off_since_ns;
	}
	times->unnoted += noted && !thread->noted;
	return number;
}

/* The kernel gives whole elements only, of which a read may cut the last. */
static int read_all(struct times *times, int fd,
		    void (*each)(struct times *times, const struct thread_times *thread))
{
	struct thread_times chunk[64];
	size_t have = 0;
	for (;;) {
		ssize_t n = read(fd, (char *)chunk + have, sizeof(chunk) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : have ? -EPROTO : 0;
		have += (size_t)n;
		size_t whole = have / sizeof(chunk[0]);
		for (size_t i = 0; i < whole; i++)
			if (chunk[i].sessions & times->sessions)
				each(times, &chunk[i]);
		have -= whole * sizeof(chunk[0]);
		memmove(chunk, chunk + whole, have);
	}
}

static void on_alive(struct times *times, const struct thread_times *from)
{
	note(times, from);
}

int times_begin(struct times *times, uint32_t session, uint64_t now_ns, int fd)
{
	times->sessions = 1ull << session;
	times->begin_ns = now_ns;
	return read_all(times, fd, on_alive);
}

/* The last reading of a thread. */
static uint32_t end(struct times *times, const struct thread_times *from)
{
	uint32_t number = note(times, from);
	struct thread *thread = &times->threads->at[number];
	if (thread->end_ns)
		return 0;
	thread->end_ns = from->time_ns;
	return number;
}

void times_on_end(struct times *times, const struct thread_times *from)
{
	if (!(from->sessions & times->sessions) ||
	    (times->end_ns && from->start_time_ns >= times->end_ns))
		return;
	uint32_t number = end(times, from);
	times->threads->at[number].on_cpu = false; /* its account is complete */
}

uint32_t times_on_sleeper(struct times *times, const struct thread_times *from)
{
	return from->sessions & times->sessions ? end(times, from) : 0;
}

static void on_survivor(struct times *times, const struct thread_times *from)
{
	struct thread_times last = *from;
	uint64_t since = last.off_since_ns;
	bool slept = since && since < last.time_ns;
	if (slept && since > times->end_ns) {
		last.off_ns -= last.time_ns - since;
		last.time_ns = since;
		last.off_since_ns = 0;
		last.state = WAIT_RUNNING;
	}
	uint32_t number = end(times, &last);
	times->threads->at[number].open_since_ns = number ? last.off_since_ns : 0;
	times->threads->at[number].open_state = last.state;
}

int times_finish(struct times *times, uint64_t now_ns, int fd)
{
	times->end_ns = now_ns;
	return read_all(times, fd, on_survivor);
}

uint32_t times_unfinished(const struct times *times)
{
	uint32_t n = 0;
	for (uint32_t i = 1; i < times->threads->n; i++)
		n += times->threads->at[i].begin_ns && !times->threads->at[i].end_ns;
	return n;
}

void times_add(struct threads_sum *sum, const struct threads_sum *more)
{
	sum->oncpu_ns += more->oncpu_ns;
	sum->stolen_ns += more->stolen_ns;
	sum->runnable_ns += more->runnable_ns;
	sum->blocked_ns += more->blocked_ns;
	sum->wall_ns += more->wall_ns;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Of its time on the CPU, what the machine stood still in. Where the kernel is told of that it does
 * not count it, which the number of samples shows. */
static uint64_t still_of(const struct times *times, const struct thread *thread, uint64_t oncpu_ns)
{
	uint64_t sampled = thread->samples * times->period_ns;
	return oncpu_ns > sampled + thread->still_ns / 2 ? least(thread->still_ns, oncpu_ns) : 0;
}

struct threads_sum times_of(const struct times *times, const struct thread *thread)
{
	const struct threads_account *first = &thread->first, *last = &thread->last;
	struct threads_sum t = {.oncpu_ns = less(last->oncpu_ns, first->oncpu_ns),
				.runnable_ns = less(last->runnable_ns, first->runnable_ns)};
	uint64_t off = less(last->off_ns, first->off_ns);
	if (thread->n_folded)
		return thread->folded;
	uint64_t still = still_of(times, thread, t.oncpu_ns);
	t.oncpu_ns -= still;
	t.stolen_ns = still;
	if (!thread->begin_ns)
		return t;
	uint64_t end = thread->end_ns ? thread->end_ns : times->end_ns;
	t.wall_ns = less(end, thread->begin_ns);
	if (thread->noted) {
		t.stolen_ns = less(t.wall_ns, off + t.oncpu_ns);
		/* The tick of one that runs is yet to be accounted. */
		uint64_t late = thread->on_cpu ? least(t.stolen_ns, times->tick_ns) : 0;
		t.stolen_ns -= late;
		t.oncpu_ns += late;
		t.runnable_ns = least(t.runnable_ns, off);
	}
	/* A tick that was accounted late, of one that ran at the beginning. */
	uint64_t busy = t.oncpu_ns + t.stolen_ns + t.runnable_ns;
	if (t.wall_ns < busy)
		t.wall_ns = busy;
	t.blocked_ns = t.wall_ns - busy;
	return t;
}

struct threads_sum times_sum(const struct times *times)
{
	struct threads_sum sum = {0};
	for (uint32_t i = 1; i < times->threads->n; i++) {
		const struct threads_sum t = times_of(times, &times->threads->at[i]);
		times_add(&sum, &t);
	}
	return sum;
}
