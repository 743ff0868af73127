/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that wait in known ways, and tell how long by clocks of their own. All of it happens
 * between the two lines that the recorder waits for, so that it lies within the recording.
 *
 *	waits SECONDS CASE[:ARG]…	"ready"; a line is read; for SECONDS the threads do what
 *	their CASE is; each prints "NAME TID WAITED WAITED_TOO" (ns, in its first and its second
 *	place to wait); "done"; they wait in waits_end() until the input ends.
 */
#include "tests/targets/busy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	WAITERS_MAX = 256,
	US = 1000,
	MS = 1000 * US,
	PERIOD_NS = 20 * MS,
	PAGE = 4096,
	CASE_ARG = 200
};

struct waiter {
	char name[16];
	void (*run)(struct waiter *waiter);
	int arg, fd;
	bool idle; /* does not pass the gate */
	uint64_t waited_ns[2];
};

static struct waiter waiters[WAITERS_MAX];
static int n_waiters;
static uint64_t length_ns, deadline_ns;
static pthread_barrier_t gate;
static sem_t ended;

/* Public, so that each has its name in the stacks. */
void waits_gate(void);
void waits_end(void);
void waits_idle(void);
void waits_forever(void);
void waits_nap(uint64_t ns);
void waits_short(void);
void waits_long(void);
void waits_one(void);
void waits_two(void);
void waits_lock(void);
void waits_hold(void);
void waits_read(int fd);
void waits_futex(int value);
void waits_disk(int fd, void *buffer, off_t at);
void waits_spin(uint64_t until_ns);
void waits_born(void);
void waits_join(pthread_t thread);

static uint64_t run_delay_ns(void)
{
	unsigned long long oncpu, delay = 0;
	FILE *file = fopen("/proc/thread-self/schedstat", "re");

	if (!file || fscanf(file, "%llu %llu", &oncpu, &delay) != 2)
		_exit(3);
	fclose(file);
	return delay;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % (int)sysconf(_SC_NPROCESSORS_CONF), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static bool goes_on(void)
{
	return busy_wall_ns() < deadline_ns;
}

void waits_gate(void)
{
	pthread_barrier_wait(&gate);
}

void waits_end(void)
{
	for (;;)
		pause();
}

void waits_idle(void)
{
	for (;;)
		pause();
}

void waits_forever(void)
{
	for (;;)
		pause();
}

void waits_spin(uint64_t until_ns)
{
	while (busy_cpu_ns() < until_ns)
		BUSY_SPIN();
}

void waits_nap(uint64_t ns)
{
	struct timespec length = {ns / 1000000000, ns % 1000000000};

	nanosleep(&length, NULL);
}

void waits_short(void)
{
	waits_nap(20 * US);
}

void waits_long(void)
{
	waits_nap(2 * MS);
}

void waits_one(void)
{
	waits_nap(1 * MS);
}

void waits_two(void)
{
	waits_nap(1 * MS);
}

/* Adds what `call` took to the first or second sum. */
#define TIMED(waiter, place, call)                                                                 \
	do {                                                                                       \
		uint64_t before_ns = busy_wall_ns();                                               \
		call;                                                                              \
		(waiter)->waited_ns[place] += busy_wall_ns() - before_ns;                          \
	} while (0)

/* arg percent of each period on the CPU. */
static void mix(struct waiter *waiter)
{
	while (goes_on()) {
		waits_spin(busy_cpu_ns() + (uint64_t)PERIOD_NS / 100 * waiter->arg);
		TIMED(waiter, 0, waits_nap((uint64_t)PERIOD_NS / 100 * (100 - waiter->arg)));
	}
}

/* Of arg microseconds. */
static void naps(struct waiter *waiter)
{
	while (goes_on())
		TIMED(waiter, 0, waits_nap((uint64_t)waiter->arg * US));
}

/* Equal times in both places. */
static void sites(struct waiter *waiter)
{
	while (goes_on()) {
		TIMED(waiter, 1, waits_long());
		while (waiter->waited_ns[0] < waiter->waited_ns[1] && goes_on())
			TIMED(waiter, 0, waits_short());
	}
}

static void alternate(struct waiter *waiter)
{
	while (goes_on()) {
		TIMED(waiter, 0, waits_one());
		TIMED(waiter, 1, waits_two());
	}
}

static void spin(struct waiter *waiter)
{
	pin(waiter->arg);
	while (goes_on())
		waits_spin(busy_cpu_ns() + 1 * MS);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void waits_lock(void)
{
	pthread_mutex_lock(&mutex);
}

void waits_hold(void)
{
	waits_spin(busy_cpu_ns() + 500 * US);
}

static void convoy(struct waiter *waiter)
{
	while (goes_on()) {
		TIMED(waiter, 0, waits_lock());
		waits_hold();
		pthread_mutex_unlock(&mutex);
		waits_spin(busy_cpu_ns() + 100 * US);
	}
}

void waits_read(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		errno = 0;
}

static int pipes[2][2];

/* Two, on one CPU. The first to see the end of time takes the other along. */
static void pipe_pong(struct waiter *waiter)
{
	int *in = pipes[waiter->arg], *out = pipes[!waiter->arg];

	pin(0);
	if (waiter->arg && write(out[1], "", 1) != 1)
		return;
	while (goes_on()) {
		TIMED(waiter, 0, waits_read(in[0]));
		if (write(out[1], "", 1) != 1)
			return;
	}
	if (write(out[1], "", 1) != 1)
		return;
}

static int ball; /* whose turn it is */

void waits_futex(int value)
{
	syscall(SYS_futex, &ball, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_pass(int to)
{
	__atomic_store_n(&ball, to, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &ball, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Two, on two CPUs. */
static void futex_pong(struct waiter *waiter)
{
	pin(waiter->arg);
	while (goes_on()) {
		while (__atomic_load_n(&ball, __ATOMIC_SEQ_CST) != waiter->arg && goes_on())
			TIMED(waiter, 0, waits_futex(!waiter->arg));
		futex_pass(!waiter->arg);
	}
	futex_pass(!waiter->arg);
}

void waits_disk(int fd, void *buffer, off_t at)
{
	if (pread(fd, buffer, 64 * PAGE, at) < 0)
		_exit(4);
}

static void disk(struct waiter *waiter)
{
	static _Alignas(PAGE) char buffer[64 * PAGE];
	off_t size = lseek(waiter->fd, 0, SEEK_END), at = 0;

	while (goes_on()) {
		TIMED(waiter, 0, waits_disk(waiter->fd, buffer, at));
		at = (at + 37 * 64 * PAGE) % (size / (64 * PAGE) * (64 * PAGE));
	}
}

/* Ends blocked: its figures are printed before. */
static void forever(struct waiter *waiter)
{
	uint64_t half_ns = busy_wall_ns() + length_ns / 2;

	while (busy_wall_ns() < half_ns)
		TIMED(waiter, 0, waits_nap(5 * MS));
}

void waits_born(void)
{
	waits_nap(1 * MS);
}

struct child {
	uint64_t oncpu_ns, runnable_ns, waited_ns;
};

static void *born_main(void *context)
{
	struct child *child = context;
	struct waiter waiter = {0};

	prctl(PR_SET_NAME, "born");
	TIMED(&waiter, 0, waits_born());
	waits_spin(busy_cpu_ns() + 300 * US);
	child->waited_ns += waiter.waited_ns[0];
	child->runnable_ns += run_delay_ns();
	child->oncpu_ns += busy_cpu_ns();
	return NULL;
}

void waits_join(pthread_t thread)
{
	pthread_join(thread, NULL);
}

/* `arg` at a time. Prints "born NUMBER WAITED ON_CPU RUNNABLE", sums of all of them. */
static void breed(struct waiter *waiter)
{
	struct child children[16] = {{0}};
	struct child sum = {0};
	pthread_t threads[16];
	unsigned long long n = 0;

	while (goes_on()) {
		for (int i = 0; i < waiter->arg; i++)
			if (pthread_create(&threads[i], NULL, born_main, &children[i]))
				_exit(5);
		for (int i = 0; i < waiter->arg; i++)
			TIMED(waiter, 0, waits_join(threads[i]));
		n += (unsigned)waiter->arg;
	}
	for (int i = 0; i < waiter->arg; i++) {
		sum.oncpu_ns += children[i].oncpu_ns;
		sum.runnable_ns += children[i].runnable_ns;
		sum.waited_ns += children[i].waited_ns;
	}
	printf("born %llu %llu %llu %llu\n", n, (unsigned long long)sum.waited_ns,
	       (unsigned long long)sum.oncpu_ns, (unsigned long long)sum.runnable_ns);
}

static void *waiter_main(void *context)
{
	struct waiter *waiter = context;

	prctl(PR_SET_NAME, waiter->name);
	prctl(PR_SET_TIMERSLACK, 1);
	if (waiter->idle)
		waits_idle();
	waits_gate();
	waiter->run(waiter);
	printf("%s %d %llu %llu\n", waiter->name, gettid(),
	       (unsigned long long)waiter->waited_ns[0], (unsigned long long)waiter->waited_ns[1]);
	sem_post(&ended);
	if (waiter->run == forever)
		waits_forever();
	waits_end();
	return NULL;
}

static const struct {
	const char *name;
	void (*run)(struct waiter *waiter);
	int threads;
	int arg, step; /* of the first, and what the next has more */
} cases[] = {
	{"mix10", mix, 1, 10, 0},	   {"mix50", mix, 1, 50, 0},
	{"mix90", mix, 1, 90, 0},	   {"naps", naps, 1, 100, 0},
	{"rests", naps, 1, 250, 0},	   {"sites", sites, 4, 0, 0},
	{"alternate", alternate, 4, 0, 0}, {"spin", spin, 4, 0, 0},
	{"convoy", convoy, 4, 0, 0},	   {"pipe", pipe_pong, 2, 0, 1},
	{"disk", disk, 1, 0, 0},	   {"futex", futex_pong, 2, 0, 1},
	{"forever", forever, 1, 0, 0},	   {"breed", breed, 1, 4, 0},
	{"idle", NULL, 1, 0, 0},
};

/* "idle:60": so many; "disk:FILE". */
static int add_case(const char *text)
{
	const char *arg = strchr(text, ':');
	size_t length = arg ? (size_t)(arg - text) : strlen(text);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (strlen(cases[i].name) != length || strncmp(cases[i].name, text, length) != 0)
			continue;
		bool counted = arg && cases[i].run != disk;
		int n = counted ? atoi(arg + 1) : cases[i].threads;
		for (int k = 0; k < n && n_waiters < WAITERS_MAX; k++) {
			struct waiter *waiter = &waiters[n_waiters++];
			snprintf(waiter->name, sizeof(waiter->name), "%s", cases[i].name);
			waiter->run = cases[i].run;
			waiter->arg = cases[i].arg + k * cases[i].step;
			waiter->idle = !cases[i].run;
			if (cases[i].run == disk)
				waiter->fd = open(arg ? arg + 1 : "", O_RDONLY | O_DIRECT);
			if (waiter->fd < 0)
				return -1;
		}
		return 0;
	}
	return -1;
}

int main(int argc, char **argv)
{
	int active = 0;
	char byte;

	if (argc < 3 || pipe(pipes[0]) || pipe(pipes[1]) || sem_init(&ended, 0, 0))
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	length_ns = busy_given_ns(argc, argv, 1);
	for (int i = 2; i < argc; i++)
		if (add_case(argv[i]))
			return 2;
	for (int i = 0; i < n_waiters; i++)
		active += !waiters[i].idle;
	pthread_barrier_init(&gate, NULL, (unsigned)active + 1);
	for (int i = 0; i < n_waiters; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, waiter_main, &waiters[i]))
			return 1;
	}
	usleep(50 * 1000); /* the idle ones are asleep */
	puts("ready");
	if (read(STDIN_FILENO, &byte, 1) != 1)
		return 0;
	deadline_ns = busy_wall_ns() + length_ns;
	waits_gate();
	for (int i = 0; i < active; i++)
		sem_wait(&ended);
	puts("done");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
