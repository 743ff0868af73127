/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks that are known, in code as it is shipped: optimized, without frame pointers.
 *
 *	whole CASE SECONDS
 *
 * Each case spins at whole_CASE_leaf() or in what it calls; the test has the stacks. */
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/targets/busy.h"

#define KEPT __attribute__((noipa))

static uint64_t whole_end;
static volatile uint64_t whole_sum;

/* A loop without a call. */
#define SPIN_A_WHILE()                                                                             \
	do {                                                                                       \
		for (uint64_t i_ = 0; i_ < 100000; i_++)                                           \
			whole_sum += i_ * whole_sum;                                               \
	} while (0)

KEPT int whole_over(void)
{
	return busy_wall_ns() >= whole_end;
}

/* Calls nothing: gcc gives it no frame even with -fno-omit-frame-pointer. */
KEPT uint64_t whole_leaf(uint64_t n)
{
	uint64_t x = 1;
	for (uint64_t i = 0; i < n; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		__asm__ volatile("" : "+r"(x));
	}
	return x;
}

KEPT int whole_leaf_caller(int n)
{
	whole_sum += whole_leaf(100000);
	return n + 1;
}

KEPT int whole_recursion(int n)
{
	int depth = n ? whole_recursion(n - 1) : whole_leaf_caller(n);
	__asm__ volatile("" : "+r"(depth)); /* or it becomes a loop */
	return depth + 1;
}

KEPT int whole_tail_callee(int n)
{
	SPIN_A_WHILE();
	return n;
}

KEPT int whole_tail(int n)
{
	return whole_tail_callee(n + 1);
}

KEPT int whole_tail_caller(int n)
{
	return whole_tail(n) + 1;
}

KEPT int whole_alloca(int n)
{
	char *memory = alloca((size_t)n * 16 + 16);
	memset(memory, n, (size_t)n);
	return whole_leaf_caller(n) + memory[0];
}

/* Its stack is realigned: the CFA is found through a pointer saved in it. */
KEPT int whole_aligned(int n)
{
	char memory[256] __attribute__((aligned(64)));
	char *more = alloca((size_t)n);
	memset(memory, n, sizeof(memory));
	memset(more, n, (size_t)n);
	return whole_leaf_caller(n) + memory[n] + more[0];
}

/* Through the PLT and back out of libc, which has no frame pointers either. */
KEPT int whole_compare(const void *a, const void *b)
{
	whole_sum += whole_leaf(20000);
	return *(const int *)a - *(const int *)b;
}

KEPT int whole_plt(int n)
{
	int numbers[] = {5, 3, 9, 1, 7, 2, n, 4};
	qsort(numbers, 8, sizeof(int), whole_compare);
	return numbers[0];
}

KEPT int whole_vdso(int n)
{
	struct timespec t;
	for (int i = 0; i < 10000; i++)
		clock_gettime(CLOCK_MONOTONIC, &t);
	return n + (int)t.tv_nsec;
}

KEPT void whole_handler(int sig)
{
	whole_leaf_caller(sig);
	if (sig == SIGUSR1)
		raise(SIGUSR2);		     /* nested */
	__asm__ volatile("" : : : "memory"); /* no tail call */
}

KEPT int whole_signal(int n)
{
	raise(SIGUSR1);
	return n + 1;
}

/* Interrupted wherever it is. */
KEPT int whole_interrupted(int n)
{
	whole_sum += whole_leaf(1000000);
	return n + 1;
}

static void catch (int sig, int flags)
{
	struct sigaction action = {.sa_handler = whole_handler, .sa_flags = flags | SA_NODEFER};
	sigaction(sig, &action, NULL);
}

static void catch_signals(int flags)
{
	static char stack[1 << 16];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	sigaltstack(&alternate, NULL);
	catch (SIGUSR1, flags);
	catch (SIGUSR2, 0);
	catch (SIGALRM, SA_ONSTACK);
}

static void start_alarms(void)
{
	struct itimerval every = {{0, 700}, {0, 700}};
	setitimer(ITIMER_REAL, &every, NULL);
}

/* What a JIT with frame pointers makes: calls the function given. */
KEPT int whole_jit(int n)
{
	static const char code[] = "\x55\x48\x89\xe5\xff\xd6\x5d\xc3";
	static int (*made)(int n, int (*f)(int n));
	if (!made) {
		made = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memcpy((void *)made, code, sizeof(code));
	}
	return made(n, whole_leaf_caller) + 1;
}

KEPT int whole_vfork(int n)
{
	pid_t child = vfork();
	if (!child) {
		whole_recursion(5);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	return n;
}

KEPT void *whole_thread(void *recursions)
{
	while (!whole_over())
		whole_recursion((int)(intptr_t)recursions);
	return NULL;
}

KEPT int whole_threads(int n)
{
	pthread_t threads[8];
	for (int i = 0; i < 8; i++)
		if (pthread_create(&threads[i], NULL, whole_thread, (void *)10))
			abort();
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	return n;
}

KEPT int whole_forks(int n)
{
	pid_t child = fork();
	if (!child) {
		whole_recursion(10);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	return n;
}

static const struct {
	const char *name;
	int (*run)(int n);
	int n;
} cases[] = {
	{"recursion", whole_recursion, 1000},
	{"deeper", whole_recursion, 3000},
	{"leaf", whole_leaf_caller, 1},
	{"tail", whole_tail_caller, 1},
	{"alloca", whole_alloca, 100},
	{"aligned", whole_aligned, 100},
	{"plt", whole_plt, 6},
	{"vdso", whole_vdso, 1},
	{"signal", whole_signal, 1},
	{"altstack", whole_signal, 1},
	{"interrupted", whole_interrupted, 1},
	{"jit", whole_jit, 1},
	{"threads", whole_threads, 1},
	{"forks", whole_forks, 1},
	{"vforks", whole_vfork, 1},
};

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	whole_end = busy_until(argc, argv, 2);
	catch_signals(strcmp(name, "altstack") ? 0 : SA_ONSTACK);
	if (!strcmp(name, "interrupted"))
		start_alarms();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		while (!strcmp(name, cases[i].name) && !whole_over())
			whole_sum += (uint64_t)cases[i].run(cases[i].n);
	return 0;
}
