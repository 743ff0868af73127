/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/times.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
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
	struct threads threads;
	struct times times;
	threads_init(&threads);
	times_init(&times, &threads);
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
	CU_ASSERT_EQUAL(threads.n - 1, 5);
	CU_ASSERT_EQUAL(times_unfinished(&times), 1);
	CU_ASSERT_EQUAL(times.unnoted, 5); /* each once */

	uint32_t number = threads_find(&threads, 10, 1);
	CU_ASSERT_NOT_EQUAL(number, 0);
	struct threads_sum of = times_of(&times, &threads.at[number]);
	CU_ASSERT_EQUAL(of.oncpu_ns, 200);
	CU_ASSERT_EQUAL(of.runnable_ns, 50);
	CU_ASSERT_EQUAL(of.wall_ns, 1000);
	CU_ASSERT_EQUAL(of.blocked_ns, 750);
	CU_ASSERT_STRING_EQUAL(threads.at[number].comm, "a2");
	CU_ASSERT_EQUAL(threads_find(&threads, 12, 3), 0);
	CU_ASSERT_EQUAL(threads_find(&threads, 16, 2800), 0);
	struct threads_sum sum = times_sum(&times);
	CU_ASSERT_EQUAL(sum.oncpu_ns, 200 + 10 + 40 + 5);
	CU_ASSERT_EQUAL(sum.runnable_ns, 50 + 20 + 20 + 5);
	CU_ASSERT_EQUAL(sum.wall_ns, 1000 + 400 + 500 + 100 + 1000);
	CU_ASSERT_EQUAL(sum.stolen_ns, 0);
	threads_deinit(&threads);
}

/* A reading with what the programs saw between switches. */
static struct thread_times reading(uint32_t tid, uint64_t time_ns, uint64_t oncpu_ns,
				   uint64_t runnable_ns, uint64_t off_ns)
{
	return (struct thread_times){.time_ns = time_ns,
				     .start_time_ns = 1,
				     .oncpu_ns = oncpu_ns,
				     .runnable_ns = runnable_ns,
				     .sessions = 1,
				     .tgid = 10,
				     .tid = tid,
				     .off_ns = off_ns,
				     .noted = 1};
}

/* In units of ticks, which are far longer than what a recording lasts here. */
static void tells_stolen_from_blocked(void)
{
	struct threads threads;
	struct times times;
	threads_init(&threads);
	times_init(&times, &threads);
	CU_ASSERT(times.tick_ns >= 1000000 && times.tick_ns <= 10000000);
	times.tick_ns = 10;
	const uint64_t b = 10000, e = 20000;
	struct thread_times first[] = {
		reading(1, b, 500, 70, 3000), /* works, waits, is robbed */
		reading(2, b, 500, 70, 3000), /* sleeps throughout */
		reading(3, b, 500, 70, 0),    /* runs throughout; its account is late */
		reading(4, b, 500, 70, 3000), /* waits for a CPU at either end */
		reading(5, b, 500, 70, 3000), /* sleeps from between the two looks at the end on */
		reading(6, b, 500, 70, 3000), /* its account was late at the beginning */
		reading(7, b, 500, 70, 3000), /* ends as it sleeps */
	};
	first[1].off_since_ns = 8000;
	first[1].state = WAIT_SLEEPING;
	first[3].off_since_ns = b - 300;
	first[3].state = WAIT_RUNNABLE;
	int fd guard_fd = pipe_of(first, 7);
	CU_ASSERT_EQUAL(times_begin(&times, 0, b - 100, fd), 0);
	struct thread_times dead = reading(7, b + 4000, 600, 70, 3000 + 3900);
	times_on_end(&times, &dead);
	struct thread_times sleeper = reading(2, e, 500, 70, 13000);
	sleeper.off_since_ns = 8000;
	sleeper.state = WAIT_SLEEPING;
	CU_ASSERT_NOT_EQUAL(times_on_sleeper(&times, &sleeper), 0);
	CU_ASSERT_EQUAL(times_on_sleeper(&times, &sleeper), 0); /* it has its last reading */
	CU_ASSERT_EQUAL(times_on_sleeper(&times, &dead), 0);
	sleeper.tid = 8;
	sleeper.sessions = 2;
	CU_ASSERT_EQUAL(times_on_sleeper(&times, &sleeper), 0); /* of another session */
	struct thread_times last[] = {
		reading(1, e, 4500, 1070, 3000 + 4000),
		reading(2, e + 50, 510, 70, 13000), /* awake by now */
		reading(3, e, 10492, 70, 0),
		reading(4, e, 3500, 2370, 3000 + 6000),
		reading(5, e + 200, 5500, 70, 3000 + 5150),
		reading(6, e, 5505, 70, 3000 + 5000),
	};
	last[3].off_since_ns = e - 400;
	last[3].state = WAIT_RUNNABLE;
	last[4].off_since_ns = e + 100;
	last[4].state = WAIT_DISK;
	int end_fd guard_fd = pipe_of(last, 6);
	CU_ASSERT_EQUAL(times_finish(&times, e, end_fd), 0);
	static const struct threads_sum expected[] = {
		{4010, 1990, 1000, 3000, 10000}, /* of what is stolen, a tick may be late */
		{0, 0, 0, 10000, 10000},
		{10000 - 0, 0, 0, 0, 10000},
		{3000, 1000, 2700 - 300, 3600, 10000},
		{5000 + 10, 40, 0, 5050, 10100},
		{5005, 0, 0, 4995, 10000},
		{100, 0, 0, 3900, 4000},
	};
	for (uint32_t tid = 1; tid <= 7; tid++) {
		struct threads_sum t =
			times_of(&times, &threads.at[threads_find(&threads, tid, 1)]);
		CU_ASSERT_EQUAL(memcmp(&t, &expected[tid - 1], sizeof(t)), 0);
		CU_ASSERT_EQUAL(t.wall_ns, t.oncpu_ns + t.stolen_ns + t.runnable_ns + t.blocked_ns);
	}
	/* The wait that no sleeper told of is left open. */
	CU_ASSERT_EQUAL(threads.at[threads_find(&threads, 4, 1)].open_since_ns, e - 400);
	CU_ASSERT_EQUAL(threads.at[threads_find(&threads, 5, 1)].open_since_ns, 0);
	threads_deinit(&threads);
}

/* What the kernel says of waits for a CPU is no more than the programs saw of it off the CPU; and
 * an account that goes back is another thread's, which called exec. */
static void keeps_to_what_was_seen(void)
{
	struct threads threads;
	struct times times;
	threads_init(&threads);
	times_init(&times, &threads);
	times.tick_ns = 10;
	const uint64_t b = 10000, e = 20000;
	struct thread_times first[] = {reading(1, b, 500, 70, 3000), reading(2, b, 500, 70, 3000)};
	struct thread_times last[] = {reading(1, e, 9500, 3070, 3000 + 1000),
				      reading(2, e, 300, 20, 100)};
	first[1].off_since_ns = last[1].off_since_ns = 0;
	int fd guard_fd = pipe_of(first, 2);
	int end_fd guard_fd = pipe_of(last, 2);
	CU_ASSERT_EQUAL(times_begin(&times, 0, b, fd), 0);
	CU_ASSERT_EQUAL(times_finish(&times, e, end_fd), 0);
	struct threads_sum t = times_of(&times, &threads.at[threads_find(&threads, 1, 1)]);
	CU_ASSERT_EQUAL(t.oncpu_ns, 9000);
	CU_ASSERT_EQUAL(t.runnable_ns, 1000);
	CU_ASSERT_EQUAL(t.blocked_ns, 0);
	CU_ASSERT_EQUAL(t.wall_ns, 10000);
	const struct thread *other = &threads.at[threads_find(&threads, 2, 1)];
	CU_ASSERT_EQUAL(other->last.oncpu_ns, 500);
	CU_ASSERT_EQUAL(other->last.off_ns, 3000);
	threads_deinit(&threads);
}

static void refuses_a_cut_element(void)
{
	struct threads threads;
	struct times times;
	threads_init(&threads);
	times_init(&times, &threads);
	int fds[2];
	CU_ASSERT_EQUAL(pipe(fds), 0);
	CU_ASSERT_EQUAL(write(fds[1], "cut", 3), 3);
	close(fds[1]);
	CU_ASSERT_EQUAL(times_begin(&times, 0, 1, fds[0]), -EPROTO);
	close(fds[0]);
	CU_ASSERT_EQUAL(times_begin(&times, 0, 1, -1), -EBADF);
	threads_deinit(&threads);
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
	struct threads threads;
	struct times times;
	threads_init(&threads);
	times_init(&times, &threads);
	s->times = &times;

	hear(from_child[0]);
	wait_asleep(child, clock);
	int fd guard_fd = iterator_of(s, 5);
	uint64_t before = clock_ns(clock);
	CU_ASSERT_EQUAL(times_begin(&times, 5, clock_ns(CLOCK_MONOTONIC), fd), 0);
	CU_ASSERT_EQUAL(threads.n - 1, 1);
	say(to_child[1], 'g');
	hear(from_child[0]);
	wait_asleep(child, clock);
	int end_fd guard_fd = iterator_of(s, 5);
	CU_ASSERT_EQUAL(times_finish(&times, clock_ns(CLOCK_MONOTONIC), end_fd), 0);
	uint64_t oncpu = clock_ns(clock) - before;
	/* The thread has been joined, but its last switch may be to come. */
	while (threads.n - 1 < (with_thread ? 2 : 1)) {
		usleep(1000);
		sampling_drain(s);
	}
	CU_ASSERT_EQUAL(times_unfinished(&times), 0);
	struct threads_sum sum = times_sum(&times);
	CU_ASSERT(sum.oncpu_ns >= oncpu);
	CU_ASSERT(sum.oncpu_ns == oncpu || with_thread);
	CU_ASSERT(sum.oncpu_ns >= (with_thread ? 30000000 : 10000000));
	CU_ASSERT(sum.wall_ns >= sum.oncpu_ns + sum.runnable_ns);
	for (uint32_t i = 1; i < threads.n; i++) {
		CU_ASSERT_EQUAL(threads.at[i].tgid, child);
		CU_ASSERT(times_of(&times, &threads.at[i]).oncpu_ns >= 10000000);
	}
	CU_ASSERT_EQUAL(programs_drop(s->programs, 5), 0);
	threads_deinit(&threads);
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

/* ---- who waits for a CPU as the recording begins */
static struct queue {
	bool hogs, refused, release;
} * queue;

static bool pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

static void hog(void)
{
	const struct sched_param first = {.sched_priority = 1};
	uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + 2000000000;
	if (!pin(0) || sched_setscheduler(0, SCHED_FIFO, &first)) {
		__atomic_store_n(&queue->refused, true, __ATOMIC_RELEASE);
		return;
	}
	__atomic_store_n(&queue->hogs, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&queue->release, __ATOMIC_ACQUIRE) &&
	       clock_ns(CLOCK_MONOTONIC) < until_ns)
		;
}

static void wait_behind_it(void)
{
	pin(0);
	say(from_child[1], 'r');
	hear(to_child[0]);
	usleep(100000);
	say(from_child[1], 'd');
	hear(to_child[0]);
}

static uint64_t run_delay_of(pid_t pid)
{
	char path[40];
	unsigned long long delay = 0;
	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	FILE *file guard_file = fopen(path, "re");
	CU_ASSERT(file && fscanf(file, "%*u %llu", &delay) == 1);
	return delay;
}

/* `child` has been in the queue for 50 ms. */
static void record_queued(struct sampling *s, pid_t child)
{
	struct threads threads;
	struct times times;
	threads_init(&threads);
	times_init(&times, &threads);
	CU_ASSERT_EQUAL(programs_take(s->programs, 5, child, 0, NULL), 0);
	int fd guard_fd = iterator_of(s, 5);
	CU_ASSERT_EQUAL(times_begin(&times, 5, clock_ns(CLOCK_MONOTONIC), fd), 0);
	__atomic_store_n(&queue->release, true, __ATOMIC_RELEASE);
	hear(from_child[0]);
	int end_fd guard_fd = iterator_of(s, 5);
	uint64_t delay_ns = run_delay_of(child);
	CU_ASSERT_EQUAL(times_finish(&times, clock_ns(CLOCK_MONOTONIC), end_fd), 0);
	struct threads_sum sum = times_sum(&times);
	CU_ASSERT(sum.runnable_ns + 40000000 <= delay_ns);
	CU_ASSERT(sum.blocked_ns >= 99000000);
	CU_ASSERT_EQUAL(programs_drop(s->programs, 5), 0);
	threads_deinit(&threads);
}

/* The kernel accounts for its wait when that is over, all of it. */
static void leaves_out_what_was_waited_before(void)
{
	cpu_set_t before;
	struct sampling *s = sampling_new();
	queue = mmap(NULL, sizeof(*queue), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	CU_ASSERT_EQUAL(sched_getaffinity(0, sizeof(before), &before), 0);
	CU_ASSERT_EQUAL(pipe(to_child) || pipe(from_child), 0);
	if (!s || queue == MAP_FAILED || !pin(1)) {
		sampling_free(s);
		return; /* there is one CPU */
	}
	pid_t child = sampling_child(wait_behind_it);
	clockid_t clock;
	CU_ASSERT_EQUAL(clock_getcpuclockid(child, &clock), 0);
	hear(from_child[0]);
	wait_asleep(child, clock);
	pid_t other = sampling_child(hog);
	while (!__atomic_load_n(&queue->hogs, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&queue->refused, __ATOMIC_ACQUIRE))
		usleep(1000);
	say(to_child[1], 'g');
	usleep(50000);
	if (!queue->refused)
		record_queued(s, child);
	sampling_end(other);
	sampling_end(child);
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(from_child[i]);
	}
	sched_setaffinity(0, sizeof(before), &before);
	munmap(queue, sizeof(*queue));
	sampling_free(s);
}

SUITE(times, {"takes the beginning off", takes_the_beginning_off},
      {"tells stolen from blocked", tells_stolen_from_blocked},
      {"keeps to what was seen", keeps_to_what_was_seen},
      {"refuses a cut element", refuses_a_cut_element},
      {"agrees with the CPU clock", agrees_with_the_cpu_clock},
      {"counts a thread that ends", counts_a_thread_that_ends},
      {"leaves out what was waited before", leaves_out_what_was_waited_before});
