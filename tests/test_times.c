/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/times.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/guard.h"
#include "tests/sampling.h"
#include "tests/unit.h"

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A pipe with these in it, closed behind. */
static int pipe_of(const struct thread_times *threads, size_t n)
{
	int fds[2];
	CU_ASSERT_EQUAL(pipe(fds), 0);
	CU_ASSERT_EQUAL(write(fds[1], threads, n * sizeof(*threads)),
			(ssize_t)(n * sizeof(*threads)));
	close(fds[1]);
	return fds[0];
}

static void takes_the_beginning_off(void)
{
	struct times times;
	times_init(&times);
	/* 10 lives on, 11 ends, 12 is another session's, 13 is born and lives, 14 is born and ends,
	 * 15 ends untold. */
	const struct thread_times first[] = {
		{1000, 1, 500, 100, 1 << 3, 10, 10, "a"},
		{1000, 2, 50, 10, 1 << 3, 10, 11, "b"},
		{1000, 3, 70, 10, 1 << 4, 12, 12, "c"},
		{1000, 4, 70, 10, 1 << 3, 10, 15, "f"},
	};
	const struct thread_times last[] = {
		{2000, 1, 700, 150, 1 << 3, 10, 10, "a2"},
		{2000, 3, 170, 10, 1 << 4, 12, 12, "c"},
		{2000, 1500, 40, 20, 1 << 3, 10, 13, "d"},
	};
	int fd guard_fd = pipe_of(first, 4);
	int end_fd guard_fd = pipe_of(last, 3);
	CU_ASSERT_EQUAL(times_begin(&times, 3, 1000, fd), 0);
	times_on_end(&times, &(struct thread_times){1400, 2, 60, 30, 1 << 3, 10, 11, "b"});
	times_on_end(&times, &(struct thread_times){1400, 3, 90, 30, 1 << 4, 12, 12, "c"});
	CU_ASSERT_EQUAL(times_finish(&times, 2000, end_fd), 0);
	times_on_end(&times, &(struct thread_times){1900, 1800, 5, 5, 1 << 3, 10, 14, "e"});
	times_on_end(&times, &(struct thread_times){2900, 2800, 5, 5, 1 << 3, 10, 16, "g"});
	CU_ASSERT_EQUAL(times.threads.n - 1, 5);
	CU_ASSERT_EQUAL(times_unfinished(&times), 1);

	const struct times_thread *thread = times_find(&times, 10, 1);
	CU_ASSERT_PTR_NOT_NULL(thread);
	if (thread) {
		CU_ASSERT_EQUAL(thread->oncpu_ns, 200);
		CU_ASSERT_EQUAL(thread->runnable_ns, 50);
		CU_ASSERT_EQUAL(times_wall_ns(&times, thread), 1000);
		CU_ASSERT_STRING_EQUAL(thread->comm, "a2");
	}
	CU_ASSERT_PTR_NULL(times_find(&times, 12, 3));
	CU_ASSERT_PTR_NULL(times_find(&times, 16, 2800));
	struct times_sum sum;
	times_sum(&times, &sum);
	CU_ASSERT_EQUAL(sum.oncpu_ns, 200 + 10 + 40 + 5);
	CU_ASSERT_EQUAL(sum.runnable_ns, 50 + 20 + 20 + 5);
	CU_ASSERT_EQUAL(sum.wall_ns, 1000 + 400 + 500 + 100 + 1000);
	times_deinit(&times);
}

static void refuses_a_cut_element(void)
{
	struct times times;
	times_init(&times);
	int fds[2];
	CU_ASSERT_EQUAL(pipe(fds), 0);
	CU_ASSERT_EQUAL(write(fds[1], "cut", 3), 3);
	close(fds[1]);
	CU_ASSERT_EQUAL(times_begin(&times, 0, 1, fds[0]), -EPROTO);
	close(fds[0]);
	CU_ASSERT_EQUAL(times_begin(&times, 0, 1, -1), -EBADF);
	times_deinit(&times);
}

static int to_child[2], from_child[2];

static void burn(uint64_t ns)
{
	for (uint64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	     clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin < ns;)
		;
}

static void *burn_thread(void *unused)
{
	burn(20000000);
	return NULL;
}

static void say(int fd, char byte)
{
	CU_ASSERT_EQUAL(write(fd, &byte, 1), 1);
}

static void hear(int fd)
{
	char byte;
	CU_ASSERT_EQUAL(read(fd, &byte, 1), 1);
}

static bool with_thread;

/* Waits; burns in itself and perhaps in a thread, which ends; waits. */
static void burn_between(void)
{
	say(from_child[1], 'r');
	hear(to_child[0]);
	pthread_t thread;
	if (with_thread)
		pthread_create(&thread, NULL, burn_thread, NULL);
	burn(10000000);
	if (with_thread)
		pthread_join(thread, NULL);
	say(from_child[1], 'd');
	hear(to_child[0]);
}

/* Until it is off its CPU, where the kernel's account of it is complete: a thread is shown asleep a
 * little before it is, so its clock must have stood still, too. */
static void wait_asleep(pid_t pid, clockid_t clock)
{
	char path[40];
	uint64_t last = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int still = 0; still < 4; usleep(1000)) {
		char state = 0;
		FILE *file guard_file = fopen(path, "re");
		if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			break;
		uint64_t now = clock_ns(clock);
		still = state == 'S' && now == last ? still + 1 : 0;
		last = now;
	}
}

static int iterator_of(struct sampling *s, uint32_t session)
{
	int fd = -1;
	CU_ASSERT_EQUAL(programs_threads(s->programs, session, &fd, NULL), 0);
	return fd;
}

/* What is accounted is to the nanosecond what the kernel's CPU clock of the process says, which
 * leaves out a little of a thread that ended: from its death to its last switch. */
static void record(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	CU_ASSERT_EQUAL(pipe(to_child), 0);
	CU_ASSERT_EQUAL(pipe(from_child), 0);
	pid_t child = sampling_child(burn_between);
	clockid_t clock;
	CU_ASSERT_EQUAL(clock_getcpuclockid(child, &clock), 0);
	CU_ASSERT_EQUAL(programs_take(s->programs, 5, child, 0, NULL), 0);
	struct times times;
	times_init(&times);
	s->times = &times;

	hear(from_child[0]);
	wait_asleep(child, clock);
	int fd guard_fd = iterator_of(s, 5);
	uint64_t before = clock_ns(clock);
	CU_ASSERT_EQUAL(times_begin(&times, 5, clock_ns(CLOCK_MONOTONIC), fd), 0);
	CU_ASSERT_EQUAL(times.threads.n - 1, 1);
	say(to_child[1], 'g');
	hear(from_child[0]);
	wait_asleep(child, clock);
	int end_fd guard_fd = iterator_of(s, 5);
	CU_ASSERT_EQUAL(times_finish(&times, clock_ns(CLOCK_MONOTONIC), end_fd), 0);
	uint64_t oncpu = clock_ns(clock) - before;
	/* The thread has been joined, but its last switch may be to come. */
	while (times.threads.n - 1 < (with_thread ? 2 : 1)) {
		usleep(1000);
		sampling_drain(s);
	}
	CU_ASSERT_EQUAL(times_unfinished(&times), 0);
	struct times_sum sum;
	times_sum(&times, &sum);
	CU_ASSERT(sum.oncpu_ns >= oncpu);
	CU_ASSERT(sum.oncpu_ns == oncpu || with_thread);
	CU_ASSERT(sum.oncpu_ns >= (with_thread ? 30000000 : 10000000));
	CU_ASSERT(sum.wall_ns >= sum.oncpu_ns + sum.runnable_ns);
	for (uint32_t i = 1; i < times.threads.n; i++) {
		CU_ASSERT_EQUAL(times.threads.at[i].tgid, child);
		CU_ASSERT(times.threads.at[i].oncpu_ns >= 10000000);
	}
	CU_ASSERT_EQUAL(programs_drop(s->programs, 5), 0);
	times_deinit(&times);
	s->times = NULL;
	sampling_end(child);
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(from_child[i]);
	}
	sampling_free(s);
}

static void agrees_with_the_cpu_clock(void)
{
	with_thread = false;
	record();
}

static void counts_a_thread_that_ends(void)
{
	with_thread = true;
	record();
}

SUITE(times, {"takes the beginning off", takes_the_beginning_off},
      {"refuses a cut element", refuses_a_cut_element},
      {"agrees with the CPU clock", agrees_with_the_cpu_clock},
      {"counts a thread that ends", counts_a_thread_that_ends});
