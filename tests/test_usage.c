/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/usage.h"
#include "cli/usage_totals.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit.h"

enum {
	PAGES = 2000
};

static uint64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void burn(uint64_t ns)
{
	while (cpu_ns() < ns)
		;
}

/* In a child: a process with a child of its own, whose steps are told by bytes. */
_Noreturn static void family(int go, int done)
{
	char byte;
	char *pages = mmap(NULL, (size_t)PAGES * 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child = fork();
	if (!child) {
		burn(100000000);
		(void)!write(done, "c", 1);
		pause();
		_exit(0);
	}
	(void)!read(go, &byte, 1);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (int i = 0; i < PAGES && pages != MAP_FAILED; i++)
		pages[(size_t)i * 4096] = 1;
	(void)!write(done, "p", 1);
	pause();
	_exit(0);
}

struct relatives {
	pid_t pid;
	int go, done;
};

static struct relatives start(void)
{
	int go[2], done[2];
	CU_ASSERT_FATAL(!pipe(go) && !pipe(done));
	pid_t pid = fork();
	if (!pid)
		family(go[0], done[1]);
	close(go[0]);
	close(done[1]);
	return (struct relatives){pid, go[1], done[0]};
}

static void end(struct relatives *relatives)
{
	kill(relatives->pid, SIGKILL);
	waitpid(relatives->pid, NULL, 0);
	close(relatives->go);
	close(relatives->done);
}

/* A child's time counts once: while it lives, and when its parent has waited for it. */
static void children_count_once(void)
{
	struct relatives relatives = start();
	uint32_t pid = (uint32_t)relatives.pid;
	struct usage *usage = usage_new(&pid, 1, true);
	struct usage_reading first, second, third, fourth;
	char byte;
	usage_read(usage, &first);
	CU_ASSERT_EQUAL(first.value[USAGE_CPU], 0);
	CU_ASSERT(!first.ended);
	CU_ASSERT(read(relatives.done, &byte, 1) == 1);
	usage_read(usage, &second);
	CU_ASSERT_EQUAL(second.value[USAGE_PROCESSES], 2);
	CU_ASSERT_EQUAL(second.value[USAGE_THREADS], 2);
	CU_ASSERT(second.value[USAGE_CPU] >= 50000000);
	CU_ASSERT(write(relatives.go, "g", 1) == 1 && read(relatives.done, &byte, 1) == 1);
	usage_read(usage, &third);
	CU_ASSERT_EQUAL(third.value[USAGE_PROCESSES], 1);
	CU_ASSERT(third.value[USAGE_CPU] < 50000000);
	CU_ASSERT(third.value[USAGE_RSS] >= (uint64_t)PAGES * 4096);
	CU_ASSERT(third.value[USAGE_MINOR_FAULTS] >= PAGES &&
		  third.value[USAGE_MINOR_FAULTS] < 2 * PAGES);
	/* On a busy machine what it waits for may be there before it gets to wait. */
	CU_ASSERT(third.value[USAGE_VOLUNTARY] + third.value[USAGE_INVOLUNTARY] > 0);
	CU_ASSERT(third.value[USAGE_FDS] >= 4);
	CU_ASSERT_EQUAL(third.known, (1u << USAGE_KINDS) - 1);
	end(&relatives);
	usage_read(usage, &fourth);
	CU_ASSERT(fourth.ended);
	usage_free(usage);
}

static void without_children(void)
{
	struct relatives relatives = start();
	uint32_t pid = (uint32_t)relatives.pid;
	struct usage *usage = usage_new(&pid, 1, false);
	struct usage_reading reading;
	char byte;
	CU_ASSERT(read(relatives.done, &byte, 1) == 1);
	usage_read(usage, &reading);
	usage_read(usage, &reading);
	CU_ASSERT_EQUAL(reading.value[USAGE_PROCESSES], 1);
	/* The parent has its time by now, which is the child's all the same. */
	CU_ASSERT(write(relatives.go, "g", 1) == 1 && read(relatives.done, &byte, 1) == 1);
	usage_read(usage, &reading);
	CU_ASSERT(reading.value[USAGE_CPU] < 50000000);
	CU_ASSERT(!(reading.known & (1u << USAGE_READ | 1u << USAGE_WRITTEN)));
	usage_read(usage, &reading);
	CU_ASSERT_EQUAL(reading.known, (1u << USAGE_KINDS) - 1);
	end(&relatives);
	usage_free(usage);
}

static void *outlive(void *done)
{
	usleep(20000); /* until the leader is gone */
	CU_ASSERT(write(*(int *)done, "d", 1) == 1);
	pause();
	return NULL;
}

/* Its leader has ended, and another thread goes on: it lives. */
static void without_a_leader(void)
{
	int done[2];
	char byte;
	CU_ASSERT_FATAL(!pipe(done));
	pid_t pid = fork();
	if (!pid) {
		pthread_t thread;
		pthread_create(&thread, NULL, outlive, &done[1]);
		pthread_exit(NULL);
	}
	CU_ASSERT(read(done[0], &byte, 1) == 1);
	uint32_t number = (uint32_t)pid;
	struct usage *usage = usage_new(&number, 1, true);
	struct usage_reading reading;
	usage_read(usage, &reading);
	CU_ASSERT(!reading.ended);
	CU_ASSERT_EQUAL(reading.value[USAGE_THREADS], 2);
	CU_ASSERT(!(reading.known & 1u << USAGE_RSS));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	usage_read(usage, &reading);
	CU_ASSERT(reading.ended);
	usage_free(usage);
	close(done[0]);
	close(done[1]);
}

/* A thread beside this one that burns, faults and waits for the end. */
struct beside {
	int told[2], over[2];
	uint32_t tid;
};

static void *beside(void *argument)
{
	struct beside *me = argument;
	char byte;
	me->tid = (uint32_t)gettid();
	(void)!write(me->told[1], "r", 1);
	(void)!read(me->over[0], &byte, 1);
	burn(cpu_ns() + 100000000);
	usleep(1000); /* a wait for certain: that for the byte may have begun before */
	(void)!write(me->told[1], "b", 1);
	(void)!read(me->over[0], &byte, 1);
	return NULL;
}

static void single_threads(void)
{
	struct beside me;
	struct usage_reading reading;
	pthread_t thread;
	char byte;
	CU_ASSERT_FATAL(!pipe(me.told) && !pipe(me.over));
	pthread_create(&thread, NULL, beside, &me);
	CU_ASSERT(read(me.told[0], &byte, 1) == 1);
	struct usage_totals *busy = usage_totals_new(&me.tid, 1);
	struct usage_totals *idle = usage_totals_new(&(uint32_t){(uint32_t)gettid()}, 1);
	usage_totals_read(busy, &reading);
	CU_ASSERT_EQUAL(reading.value[USAGE_CPU], 0);
	CU_ASSERT_EQUAL(reading.value[USAGE_THREADS], 1);
	CU_ASSERT(!(reading.known & (1u << USAGE_RSS | 1u << USAGE_FDS | 1u << USAGE_PROCESSES)));
	usage_totals_read(idle, &reading);
	(void)!write(me.over[1], "g", 1);
	CU_ASSERT(read(me.told[0], &byte, 1) == 1);
	usage_totals_read(busy, &reading);
	CU_ASSERT(reading.value[USAGE_CPU] >= 80000000);
	CU_ASSERT(reading.value[USAGE_VOLUNTARY] >= 1);
	usage_totals_read(idle, &reading);
	CU_ASSERT(reading.value[USAGE_CPU] <= 20000000);
	(void)!write(me.over[1], "g", 1);
	pthread_join(thread, NULL);
	usage_totals_read(busy, &reading);
	CU_ASSERT(reading.ended);
	usage_totals_free(busy);
	usage_totals_free(idle);
	for (int i = 0; i < 2; i++) {
		close(me.told[i]);
		close(me.over[i]);
	}
}

static void whole_machine(void)
{
	struct usage_totals *machine = usage_totals_new(NULL, 0);
	struct usage_reading reading;
	usage_totals_read(machine, &reading);
	CU_ASSERT_EQUAL(reading.value[USAGE_CPU], 0);
	burn(cpu_ns() + 100000000);
	usage_totals_read(machine, &reading);
	CU_ASSERT(!reading.ended);
	CU_ASSERT(!(reading.known & 1u << USAGE_CPU) || reading.value[USAGE_CPU] >= 80000000);
	CU_ASSERT(!(reading.known & 1u << USAGE_RSS) || reading.value[USAGE_RSS] > 1 << 20);
	CU_ASSERT(!(reading.known & 1u << USAGE_THREADS) || reading.value[USAGE_THREADS] > 1);
	CU_ASSERT(!(reading.known & 1u << USAGE_VOLUNTARY));
	usage_totals_free(machine);
}

SUITE(usage, {"single threads", single_threads}, {"whole machine", whole_machine},
      {"without a leader", without_a_leader}, {"children count once", children_count_once},
      {"without children", without_children});
