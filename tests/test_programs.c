/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/programs.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

/* Two sessions at once, of different periods, one of them with no stacks; each sees its own. */
static void serves_several_sessions(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	pid_t a = sampling_child(sampling_spin), b = sampling_child(sampling_spin);
	CU_ASSERT_EQUAL(programs_take(s->programs, 0, a, 0, NULL), 0);
	CU_ASSERT_EQUAL(programs_take(s->programs, SESSIONS_MAX - 1, b, 0, NULL), 0);
	sampling_start(s, 0, MS, 0);
	sampling_start(s, SESSIONS_MAX - 1, 3 * MS, SESSION_USER);
	bool seen[2] = {0};
	while (!seen[0] || !seen[1]) {
		sampling_wait_samples(s, s->n_samples + 1);
		for (size_t i = 0; i < s->n_samples; i++)
			seen[s->samples[i].session != 0] = true;
	}
	uint64_t firings = sampling_pause(s, 0);
	uint64_t firings_last = sampling_pause(s, SESSIONS_MAX - 1);
	sampling_drain(s);
	assert_sums(s, 0, firings);
	assert_sums(s, SESSIONS_MAX - 1, firings_last);
	for (size_t i = 0; i < s->n_samples; i++) {
		const struct sample_event *sample = &s->samples[i];
		CU_ASSERT_EQUAL(sample->tgid, sample->session ? b : a);
		CU_ASSERT_EQUAL(sample->user_hash == 0, sample->session == 0);
		CU_ASSERT_EQUAL(sample->kernel_hash, 0);
	}
	sampling_end(a);
	sampling_end(b);
	sampling_free(s);
}

static void sends_bodies_again_that_were_taken_out(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	pid_t child = sampling_child(sampling_spin);
	CU_ASSERT_EQUAL(programs_take(s->programs, 0, child, 0, NULL), 0);
	for (int round = 0; round < 2; round++) {
		sampling_forget(s);
		memset(s->seen, 0, SEEN_MAX * sizeof(*s->seen));
		sampling_start(s, 0, MS, SESSION_USER);
		sampling_wait_samples(s, 5);
		sampling_stop(s, 0);
		sampling_drain(s);
		for (size_t i = 0; i < s->n_samples; i++)
			CU_ASSERT_PTR_NOT_NULL(sampling_stack(s, s->samples[i].user_hash,
							      s->samples[i].user_check));
	}
	sampling_end(child);
	sampling_free(s);
}

/* Samples of every process but the idle one; a space makes an entry, unless the process has ended:
 * it would stay. */
static void takes_everything(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	pid_t child = sampling_child(sampling_spin);
	CU_ASSERT_EQUAL(programs_set_space(s->programs, child, 5), -ENOENT);
	CU_ASSERT_EQUAL(programs_take_all(s->programs, 2, NULL), 0);
	CU_ASSERT(programs_takes(s->programs, child));
	CU_ASSERT_EQUAL(programs_set_space(s->programs, child, 5), 0);
	pid_t ended = sampling_child(sampling_spin);
	sampling_end(ended);
	CU_ASSERT_EQUAL(programs_set_space(s->programs, ended, 5), -ENOENT);
	sampling_start(s, 2, MS, SESSION_USER | SESSION_KERNEL);
	for (size_t n = 0, of_child = 0; of_child < 5; n++) {
		sampling_wait_samples(s, n + 1);
		of_child += (pid_t)s->samples[n].tgid == child;
	}
	uint64_t firings = sampling_pause(s, 2);
	sampling_drain(s);
	assert_sums(s, 2, firings);
	for (size_t i = 0; i < s->n_samples; i++) {
		CU_ASSERT_NOT_EQUAL(s->samples[i].tid, 0);
		if ((pid_t)s->samples[i].tgid == child)
			CU_ASSERT_EQUAL(s->samples[i].space, 5);
	}
	CU_ASSERT_EQUAL(programs_drop(s->programs, 2), 0);
	CU_ASSERT(!programs_takes(s->programs, child));
	CU_ASSERT_EQUAL(programs_set_space(s->programs, child, 5), -ENOENT);
	sampling_end(child);
	sampling_free(s);
}

/* Words shared with the children. */
static pid_t *shared;
__attribute__((constructor)) static void shared_init(void)
{
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void *spin_thread(void *unused)
{
	__atomic_store_n(&shared[0], (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	sampling_spin();
	return NULL;
}

static void spin_in_two_threads(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, spin_thread, NULL);
	sampling_spin();
}

static pid_t wait_shared(unsigned i)
{
	while (!__atomic_load_n(&shared[i], __ATOMIC_ACQUIRE))
		usleep(1000);
	return shared[i];
}

static void takes_only_the_threads_named(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	shared[0] = 0;
	pid_t child = sampling_child(spin_in_two_threads);
	pid_t tid = wait_shared(0);
	CU_ASSERT_EQUAL(programs_take(s->programs, 4, child, TAKE_THREADS, NULL), 0);
	CU_ASSERT_EQUAL(programs_take_thread(s->programs, 4, tid, NULL), 0);
	sampling_start(s, 4, MS, SESSION_USER);
	sampling_wait_samples(s, 10);
	uint64_t firings = sampling_pause(s, 4);
	sampling_drain(s);
	assert_sums(s, 4, firings);
	for (size_t i = 0; i < s->n_samples; i++) {
		CU_ASSERT_EQUAL(s->samples[i].tgid, child);
		CU_ASSERT_EQUAL(s->samples[i].tid, tid);
	}
	CU_ASSERT_EQUAL(programs_drop(s->programs, 4), 0);
	CU_ASSERT(!programs_takes(s->programs, child));
	sampling_end(child);
	sampling_free(s);
}

static void refuses_the_dead(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	struct err err = {0};
	pid_t child = sampling_child(sampling_spin);
	kill(child, SIGKILL);
	siginfo_t info;
	waitid(P_PID, child, &info, WEXITED | WNOWAIT); /* a zombie now */
	CU_ASSERT_EQUAL(programs_take(s->programs, 0, child, 0, &err), -ESRCH);
	CU_ASSERT_EQUAL(err.status, ERR_NO_PROCESS);
	CU_ASSERT(!programs_takes(s->programs, child));
	waitpid(child, NULL, 0);
	CU_ASSERT_EQUAL(programs_take(s->programs, 0, child, 0, NULL), -ESRCH);
	CU_ASSERT(!programs_takes(s->programs, child));
	sampling_free(s);
}

/* ---- life. The child waits for the first word of `shared`, which the test sets when all is ready.
 */
static void wait_go(void)
{
	while (!__atomic_load_n(&shared[0], __ATOMIC_ACQUIRE))
		usleep(500);
}

static void go(void)
{
	__atomic_store_n(&shared[0], 1, __ATOMIC_RELEASE);
}

static void live(void)
{
	wait_go();
	pid_t pid = fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", "kill -KILL $$", NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	_exit(3);
}

static void tells_fork_exec_and_exit(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	shared[0] = 0;
	pid_t child = sampling_child(live);
	CU_ASSERT_EQUAL(programs_take(s->programs, 1, child, TAKE_CHILDREN, NULL), 0);
	CU_ASSERT_EQUAL(programs_take(s->programs, 6, child, 0, NULL), 0);
	CU_ASSERT_EQUAL(programs_set_space(s->programs, child, 9), 0);
	go();
	sampling_wait_lives(s, 4);
	const struct life_event *fork_event = &s->lives[0], *exec_event = &s->lives[1],
				*exit_event = &s->lives[2], *last = &s->lives[3];
	CU_ASSERT_EQUAL(fork_event->event.kind, EVENT_FORK);
	CU_ASSERT_EQUAL(fork_event->parent, child);
	CU_ASSERT_EQUAL(fork_event->sessions, 1 << 1); /* not 6, which takes no children */
	CU_ASSERT_EQUAL(fork_event->space, 9);
	CU_ASSERT_EQUAL(exec_event->event.kind, EVENT_EXEC);
	CU_ASSERT_EQUAL(exec_event->tgid, fork_event->tgid);
	CU_ASSERT_EQUAL(exec_event->sessions, 1 << 1);
	CU_ASSERT_EQUAL(exec_event->space, 9);
	CU_ASSERT_STRING_EQUAL(exec_event->comm, "sh");
	CU_ASSERT_EQUAL(exec_event->start_time_ns, fork_event->start_time_ns);
	CU_ASSERT_EQUAL(exit_event->event.kind, EVENT_EXIT);
	CU_ASSERT_EQUAL(exit_event->tgid, fork_event->tgid);
	CU_ASSERT_EQUAL(exit_event->space, 0); /* of the new image: not known yet */
	CU_ASSERT_EQUAL(exit_event->exit_code, SIGKILL);
	CU_ASSERT_EQUAL(last->event.kind, EVENT_EXIT);
	CU_ASSERT_EQUAL(last->tgid, child);
	CU_ASSERT_EQUAL(last->sessions, 1 << 1 | 1 << 6);
	CU_ASSERT_EQUAL(last->exit_code, 3 << 8);
	CU_ASSERT(last->time_ns >= exit_event->time_ns);
	CU_ASSERT(!programs_takes(s->programs, child));
	waitpid(child, NULL, 0);
	sampling_free(s);
}

static void exec_and_spin(void)
{
	wait_go();
	execl("/bin/sh", "sh", "-c", "while :; do :; done", NULL);
	_exit(1);
}

/* Takes it as after a judgement of its image. */
static int judged(struct sampling *s, uint32_t session, pid_t pid, uint32_t flags)
{
	uint32_t execs = 77;
	int r = programs_hold(s->programs, session, pid, flags, &execs, NULL);
	return r ? r : programs_release(s->programs, session, pid, flags, execs);
}

/* What runs after an exec is only counted until it is taken again. */
static void holds_a_new_image(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	shared[0] = 0;
	pid_t child = sampling_child(exec_and_spin);
	uint32_t execs = 77;
	CU_ASSERT_EQUAL(judged(s, 1, child, TAKE_AGAIN), -ESRCH);
	CU_ASSERT_EQUAL(programs_release(s->programs, 1, child, 0, 0), -ESRCH);
	CU_ASSERT_EQUAL(programs_hold(s->programs, 1, child, 0, &execs, NULL), 0);
	CU_ASSERT_EQUAL(execs, 0);
	CU_ASSERT(!programs_takes(s->programs, child));
	CU_ASSERT_EQUAL(programs_release(s->programs, 1, child, 0, execs), 0);
	CU_ASSERT(programs_takes(s->programs, child));
	sampling_start(s, 1, MS, SESSION_USER);
	go();
	sampling_wait_lives(s, 1);
	CU_ASSERT(!programs_takes(s->programs, child));
	struct counters_sum sum;
	do {
		usleep(1000);
		counters_read(s->counters, 1, &sum);
	} while (sum.ticks.held < 5);
	sampling_drain(s);
	for (size_t i = 0; i < s->n_samples; i++)
		CU_ASSERT(s->samples[i].time_ns <= s->lives[0].time_ns);
	size_t before = s->n_samples;
	/* A judgement of the image before it is worth nothing. */
	CU_ASSERT_EQUAL(programs_release(s->programs, 1, child, 0, execs), -EAGAIN);
	CU_ASSERT(!programs_takes(s->programs, child));
	CU_ASSERT_EQUAL(judged(s, 1, child, TAKE_AGAIN), 0);
	sampling_wait_samples(s, before + 5);
	uint64_t firings = sampling_pause(s, 1);
	assert_sums(s, 1, firings);
	sampling_end(child);
	sampling_free(s);
}

/* The start of CMD: nothing before its exec, everything from there on. */
static void takes_from_the_exec_on(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	shared[0] = 0;
	pid_t child = sampling_child(exec_and_spin);
	CU_ASSERT_EQUAL(programs_take(s->programs, 1, child, TAKE_ON_EXEC, NULL), 0);
	CU_ASSERT(programs_takes(s->programs, child));
	sampling_start(s, 1, MS, SESSION_USER);
	go();
	sampling_wait_samples(s, 5);
	CU_ASSERT_EQUAL(s->n_lives, 1);
	CU_ASSERT_EQUAL(s->lives[0].event.kind, EVENT_EXEC);
	for (size_t i = 0; i < s->n_samples; i++)
		/* A tick may come between the taking and the telling. */
		CU_ASSERT(s->samples[i].time_ns + MS >= s->lives[0].time_ns);
	sampling_end(child);
	sampling_free(s);
}

/* A child and one of its own, again and again. */
static void fork_twice(void)
{
	for (;;) {
		pid_t pid = fork();
		if (!pid) {
			pid_t inner = fork();
			if (!inner)
				_exit(0);
			waitpid(inner, NULL, 0);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
}

/* What forks as its session ends hands nothing on. */
static void ends_a_session_that_forks(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	pid_t child = sampling_child(fork_twice);
	for (int i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(programs_take(s->programs, 5, child, TAKE_CHILDREN, NULL), 0);
		usleep(i * 10);
		CU_ASSERT_EQUAL(programs_drop(s->programs, 5), 0);
		/* Its number is another's now. */
		CU_ASSERT_EQUAL(programs_take(s->programs, 5, getpid(), 0, NULL), 0);
		uint32_t *pids;
		size_t n = programs_pids(s->programs, &pids);
		for (size_t k = 0; k < n; k++)
			CU_ASSERT_EQUAL(programs_takes(s->programs, pids[k]),
					pids[k] == (uint32_t)getpid());
		free(pids);
		CU_ASSERT_EQUAL(programs_drop(s->programs, 5), 0);
		sampling_drain(s);
		s->n_lives = 0;
	}
	sampling_end(child);
	sampling_free(s);
}

/* ---- limits */
static void fork_one(void)
{
	wait_go();
	pid_t pid = fork();
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	sampling_spin();
}

static void counts_a_full_filter(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	shared[0] = 0;
	pid_t child = sampling_child(fork_one);
	CU_ASSERT_EQUAL(programs_take(s->programs, 0, child, TAKE_CHILDREN, NULL), 0);
	CU_ASSERT_EQUAL(programs_take_all(s->programs, 1, NULL), 0);
	uint32_t n = 0; /* beyond the largest PID there can be: 4 Mi */
	while (n < 2 * FILTER_MAX && !programs_set_space(s->programs, (8 << 20) + n, 1))
		n++;
	CU_ASSERT_EQUAL(n, FILTER_MAX - 1);
	struct err err = {0};
	pid_t other = sampling_child(sampling_spin);
	CU_ASSERT_EQUAL(programs_take(s->programs, 0, other, 0, &err), -ENOSPC);
	CU_ASSERT(err_is_set(&err));
	go();
	struct counters_sum sum;
	do {
		usleep(1000);
		counters_read(s->counters, 0, &sum);
	} while (!sum.counter[COUNTER_FILTER_FULL]);
	CU_ASSERT_EQUAL(programs_drop(s->programs, 1), 0);
	CU_ASSERT(programs_takes(s->programs, child));
	CU_ASSERT_EQUAL(programs_take(s->programs, 0, other, 0, NULL), 0);
	CU_ASSERT_EQUAL(programs_drop(s->programs, 0), 0);
	CU_ASSERT(!programs_takes(s->programs, child));
	CU_ASSERT(!programs_takes(s->programs, other));
	sampling_end(child);
	sampling_end(other);
	sampling_free(s);
}

/* Deep stacks, each with another leaf, fill the ring that nobody drains; then samples alone do.
 * What is in there is whole, the rest is counted, and sampling goes on once there is room. */
static void counts_what_a_full_ring_loses(void)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	pid_t child = sampling_child(sampling_many_deep_stacks);
	CU_ASSERT_EQUAL(programs_take(s->programs, 0, child, 0, NULL), 0);
	CU_ASSERT_EQUAL(programs_take(s->programs, 1, child, 0, NULL), 0);
	sampling_start(s, 0, MS / 2, SESSION_USER);
	struct counters_sum sum;
	do {
		usleep(1000);
		counters_read(s->counters, 0, &sum);
	} while (!sum.counter[COUNTER_RING_FULL_STACK]);
	sampling_pause(s, 0);
	sampling_start(s, 1, MS / 10, 0);
	do {
		usleep(1000);
		counters_read(s->counters, 1, &sum);
	} while (!sum.counter[COUNTER_RING_FULL_SAMPLE]);
	sampling_pause(s, 1);
	assert_sums(s, 0, 0);
	assert_sums(s, 1, 0);
	uint64_t sampled = sum.ticks.sampled;
	CU_ASSERT(sum.ticks.lost_ring > 0);
	counters_read(s->counters, 0, &sum);
	CU_ASSERT(sum.ticks.lost_ring > 0);
	sampling_drain(s);
	CU_ASSERT_EQUAL(s->n_samples, sampled + sum.ticks.sampled);
	for (size_t i = 0; i < s->n_samples; i++)
		if (s->samples[i].session == 0)
			CU_ASSERT_PTR_NOT_NULL(sampling_stack(s, s->samples[i].user_hash,
							      s->samples[i].user_check));
	sampling_stop(s, 0);
	sampling_start(s, 0, MS, SESSION_USER);
	sampling_wait_samples(s, s->n_samples + 5);
	sampling_end(child);
	sampling_free(s);
}

/* How often the programs woke who waits for the ring, over at least so many samples of a process
 * whose mappings nobody told them. */
static int wake_ups(uint32_t miss_pause_ns, size_t samples, int at_least)
{
	struct sampling *s = sampling_new();
	if (!s)
		return -1;
	int n = 0, poll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event each = {.events = EPOLLIN | EPOLLET};
	CU_ASSERT_EQUAL(epoll_ctl(poll, EPOLL_CTL_ADD, s->fds[LOAD_RING], &each), 0);
	pid_t child = sampling_child(sampling_spin);
	CU_ASSERT_EQUAL(programs_take(s->programs, 3, child, 0, NULL), 0);
	s->sessions[3].miss_pause_ns = miss_pause_ns;
	bool started = sampling_start(s, 3, 10 * MS, SESSION_USER);
	while (started && (s->n_samples < samples || n < at_least)) {
		n += epoll_wait(poll, &each, 1, 10) > 0;
		sampling_drain(s);
	}
	sampling_end(child);
	close(poll);
	sampling_free(s);
	return n;
}

static void wakes_no_more_often_than_it_may(void)
{
	CU_ASSERT(wake_ups(0, 20, 10) >= 10);
	CU_ASSERT(wake_ups(UINT32_MAX, 40, 0) <= 2);
}

SUITE(programs, {"samples one process", samples_one_process},
      {"serves several sessions", serves_several_sessions},
      {"sends bodies again that were taken out", sends_bodies_again_that_were_taken_out},
      {"takes everything", takes_everything},
      {"takes only the threads named", takes_only_the_threads_named},
      {"refuses the dead", refuses_the_dead},
      {"tells fork, exec and exit", tells_fork_exec_and_exit},
      {"ends a session that forks", ends_a_session_that_forks},
      {"holds a new image", holds_a_new_image}, {"takes from the exec on", takes_from_the_exec_on},
      {"wakes no more often than it may", wakes_no_more_often_than_it_may},
      {"counts a full filter", counts_a_full_filter},
      {"counts what a full ring loses", counts_what_a_full_ring_loses});
