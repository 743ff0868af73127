/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sampling.h"

#include <inttypes.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "daemon/event_names.h"
#include "tests/unit.h"

static void *map_array(int fd, size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CU_ASSERT_PTR_NOT_EQUAL(p, MAP_FAILED);
	return p == MAP_FAILED ? NULL : p;
}

struct sampling *sampling_new(void)
{
	struct sampling *s = calloc(1, sizeof(*s));
	struct err err = {0};
	int r = programs_load(&s->programs, &err);
	CU_ASSERT_EQUAL(r, 0);
	if (r) {
		printf("\n  %s (%s)\n", err.msg, err.hint);
		sampling_free(s);
		return NULL;
	}
	programs_fds(s->programs, s->fds);
	CU_ASSERT_EQUAL(ring_open(&s->ring, s->fds[LOAD_RING], &err), 0);
	CU_ASSERT_EQUAL(
		counters_open(&s->counters, s->fds[LOAD_COUNTERS], s->fds[LOAD_TICKS], &err), 0);
	s->sessions = map_array(s->fds[LOAD_SESSIONS], SESSIONS_MAX * sizeof(*s->sessions));
	s->spaces = map_array(s->fds[LOAD_SPACES], SPACES_MAX * sizeof(*s->spaces));
	s->mappings = map_array(s->fds[LOAD_MAPPINGS], MAPPINGS_MAX * sizeof(*s->mappings));
	s->seen = map_array(s->fds[LOAD_SEEN], SEEN_MAX * sizeof(*s->seen));
	s->rows = map_array(s->fds[LOAD_COUNTERS], CPUS_MAX * sizeof(*s->rows));
	s->stacks = calloc(SAMPLING_STACKS, sizeof(struct stack_event *));
	s->samples = calloc(SAMPLING_SAMPLES, sizeof(*s->samples));
	s->waits = calloc(SAMPLING_WAITS, sizeof(*s->waits));
	s->lives = calloc(SAMPLING_LIVES, sizeof(*s->lives));
	return s;
}

void sampling_forget(struct sampling *s)
{
	for (size_t i = 0; i < s->n_stacks; i++)
		free(s->stacks[i]);
	s->n_stacks = s->n_samples = s->n_waits = s->n_lives = 0;
}

void sampling_free(struct sampling *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		sampling_stop(s, i);
	ring_close(s->ring);
	counters_close(s->counters);
	if (s->sessions) {
		munmap(s->sessions, SESSIONS_MAX * sizeof(*s->sessions));
		munmap(s->spaces, SPACES_MAX * sizeof(*s->spaces));
		munmap(s->mappings, MAPPINGS_MAX * sizeof(*s->mappings));
		munmap(s->seen, SEEN_MAX * sizeof(*s->seen));
		munmap((void *)s->rows, CPUS_MAX * sizeof(*s->rows));
	}
	programs_free(s->programs);
	sampling_forget(s);
	free((void *)s->stacks);
	free(s->samples);
	free(s->waits);
	free(s->lives);
	free(s);
}

bool sampling_start(struct sampling *s, uint32_t session, uint64_t period_ns, uint32_t flags)
{
	const char *scale = getenv("SAMPLING_PERIODS");
	if (scale)
		period_ns *= strtoul(scale, NULL, 10);
	s->sessions[session].flags = flags;
	s->period_ns[session] = period_ns;
	for (int cpu = 0; cpu < (int)sysconf(_SC_NPROCESSORS_CONF) && cpu < CPUS_MAX; cpu++) {
		struct err err = {0};
		int event, link;
		const struct programs_event wanted = {session, EVENT_CPU_CLOCK, period_ns};
		int r = programs_open_event(s->programs, &wanted, cpu, &event, &link, &err);
		if (r == -ENODEV)
			continue;
		CU_ASSERT_EQUAL(r, 0);
		if (r) {
			printf("\n  %s\n", err.msg);
			return false;
		}
		s->events[session][cpu] = event + 1;
		s->links[session][cpu] = link + 1;
	}
	for (int cpu = 0; cpu < CPUS_MAX; cpu++)
		if (s->events[session][cpu])
			CU_ASSERT_EQUAL(
				ioctl(s->events[session][cpu] - 1, PERF_EVENT_IOC_ENABLE, 0), 0);
	return true;
}

uint64_t sampling_pause(struct sampling *s, uint32_t session)
{
	uint64_t firings = 0;
	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		uint64_t count;
		int fd = s->events[session][cpu] - 1;
		if (fd < 0)
			continue;
		CU_ASSERT_EQUAL(ioctl(fd, PERF_EVENT_IOC_DISABLE, 0), 0);
		CU_ASSERT_EQUAL(read(fd, &count, sizeof(count)), sizeof(count));
		firings += count / s->period_ns[session];
	}
	return firings;
}

size_t sampling_threads(struct sampling *s, uint32_t session, uint64_t off_period_ns,
			uint32_t flags, struct thread_times *threads, size_t max)
{
	struct err err = {0};
	int fd guard_fd = -1;
	s->sessions[session].flags = flags;
	s->sessions[session].off_period_ns = off_period_ns;
	int r = programs_threads(s->programs, session, &fd, &err);
	CU_ASSERT_EQUAL(r, 0);
	if (r)
		printf("\n  %s\n", err.msg);
	size_t have = 0, room = max * sizeof(*threads);
	ssize_t n;
	while (!r && (n = read(fd, (char *)threads + have, room - have)) > 0)
		have += (size_t)n;
	CU_ASSERT_EQUAL(have % sizeof(*threads), 0);
	return have / sizeof(*threads);
}

struct sampling_waits sampling_read_waits(const struct sampling *s)
{
	struct sampling_waits sum = {0};
	for (int cpu = 0; cpu < CPUS_MAX; cpu++)
		for (int i = 0; i < WAITS; i++) {
			sum.n[i] += s->rows[cpu].waits[i];
			sum.ns[i] += s->rows[cpu].waits_ns[i];
		}
	return sum;
}

struct sampling_waits sampling_count_waits(const struct sampling *s)
{
	struct sampling_waits sum = sampling_read_waits(s);
	uint64_t n = 0;
	for (int i = WAITS_SEEN + 1; i < WAITS; i++)
		n += sum.n[i];
	CU_ASSERT(n <= sum.n[WAITS_SEEN] + sysconf(_SC_NPROCESSORS_CONF) &&
		  sum.n[WAITS_SEEN] <= n + sysconf(_SC_NPROCESSORS_CONF));
	return sum;
}

void sampling_stop(struct sampling *s, uint32_t session)
{
	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		if (!s->events[session][cpu])
			continue;
		close(s->links[session][cpu] - 1);
		close(s->events[session][cpu] - 1);
		s->events[session][cpu] = s->links[session][cpu] = 0;
	}
}

static void on_stack(void *data, const struct stack_event *stack)
{
	struct sampling *s = data;
	if (s->n_stacks == SAMPLING_STACKS)
		return;
	s->stacks[s->n_stacks] = malloc(stack->event.bytes);
	memcpy(s->stacks[s->n_stacks++], stack, stack->event.bytes);
}

static void on_sample(void *data, const struct sample_event *sample)
{
	struct sampling *s = data;
	if (s->n_samples < SAMPLING_SAMPLES)
		s->samples[s->n_samples++] = *sample;
}

static void on_wait(void *data, const struct wait_event *wait)
{
	struct sampling *s = data;
	if (s->n_waits < SAMPLING_WAITS)
		s->waits[s->n_waits++] = *wait;
}

static void on_life(void *data, const struct life_event *life)
{
	struct sampling *s = data;
	if (s->n_lives < SAMPLING_LIVES)
		s->lives[s->n_lives++] = *life;
}

static void on_thread(void *data, const struct thread_times *thread)
{
	struct sampling *s = data;
	if (s->times)
		times_on_end(s->times, thread);
}

void sampling_drain(struct sampling *s)
{
	const struct ring_handlers handlers = {.data = s,
					       .on_stack = on_stack,
					       .on_sample = on_sample,
					       .on_wait = on_wait,
					       .on_life = on_life,
					       .on_thread = on_thread};
	while (ring_drain(s->ring, &handlers, 1000))
		;
	CU_ASSERT_EQUAL(ring_invalid(s->ring), 0);
}

void sampling_wait_samples(struct sampling *s, size_t n)
{
	for (sampling_drain(s); s->n_samples < n; sampling_drain(s))
		usleep(2000);
}

void sampling_wait_waits(struct sampling *s, size_t n)
{
	for (sampling_drain(s); s->n_waits < n; sampling_drain(s))
		usleep(1000);
}

void sampling_wait_lives(struct sampling *s, size_t n)
{
	for (sampling_drain(s); s->n_lives < n; sampling_drain(s))
		usleep(1000);
}

const struct stack_event *sampling_stack(const struct sampling *s, uint64_t hash, uint32_t check)
{
	for (size_t i = 0; i < s->n_stacks; i++)
		if (s->stacks[i]->hash == hash && s->stacks[i]->check == check)
			return s->stacks[i];
	return NULL;
}

void sampling_map(struct sampling *s, pid_t pid, uint32_t space)
{
	char path[40], line[4400];
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	FILE *file guard_file = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL(file);
	uint32_t first = space * 256, n = 0, number = 0; /* room for 256 a space */
	while (file && n < 256 && fgets(line, sizeof(line), file)) {
		struct mapping *m = &s->mappings[first + n];
		char x;
		number++;
		uint64_t inode;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*c%*c%c%*c %" SCNx64 " %*s %" SCNu64,
			   (uint64_t *)&m->start, (uint64_t *)&m->end, &x, (uint64_t *)&m->offset,
			   &inode) != 5 ||
		    x != 'x')
			continue;
		m->object = inode ? number : 0;
		n++;
	}
	__atomic_store_n(&s->spaces[space].range, (uint64_t)first << 32 | n, __ATOMIC_RELEASE);
}

pid_t sampling_child(void (*f)(void))
{
	fflush(stdout);
	pid_t pid = fork();
	CU_ASSERT(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		f();
		_exit(0);
	}
	return pid;
}

void sampling_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

void sampling_spin(void)
{
	for (volatile unsigned i = 0;; i++)
		;
}
