/* SPDX-License-Identifier: Apache-2.0 */
/* Waits (bpf/waits.h) of threads whose time off the CPU is known. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "common/guard.h"
#include "tests/sampling.h"
#include "tests/unit.h"

enum {
	SESSION = 5,
	SPACE = 7,
	MS = 1000000,
};

/* waits_sleep sleeps by nanosleep for ever, two frames deep. */
void waits_sleep(const struct timespec *time);
extern const char waits_slept[], waits_sleep_returned[];
__asm__(".text\n"
	".globl waits_sleep, waits_slept, waits_sleep_returned\n"
	"waits_sleep:\n"
	"	xor %ebp, %ebp\n"
	"	call waits_sleep_inner\n"
	"waits_sleep_returned:\n"
	"	hlt\n"
	"waits_sleep_inner:\n"
	"	push %rbp\n"
	"	mov %rsp, %rbp\n"
	"	mov %rdi, %r12\n"
	"1:	mov %r12, %rdi\n"
	"	xor %esi, %esi\n"
	"	mov $35, %eax\n" /* nanosleep */
	"	syscall\n"
	"waits_slept:\n"
	"	jmp 1b\n");

static struct timespec sleep_time;

static void sleep_on(void)
{
	waits_sleep(&sleep_time);
}

/* `number`: from 1, as sampling_map() has it. */
static bool is_at(const struct sampling *s, const struct frame *frame, const char *address)
{
	uint64_t range = s->spaces[SPACE].range;
	for (uint32_t i = 0; i < (uint32_t)range; i++) {
		const struct mapping *m = &s->mappings[(range >> 32) + i];
		if ((uint64_t)address >= m->start && (uint64_t)address < m->end)
			return frame->kind == FRAME_FILE && frame->object == m->object &&
			       frame->address == (uint64_t)address - m->start + m->offset;
	}
	return false;
}

/* Of the session that begin() begins. */
static uint32_t extra_flags, hz;

static struct sampling *begin(pid_t child, uint64_t off_period_ns)
{
	struct sampling *s = sampling_new();
	if (!s)
		return NULL;
	sampling_map(s, child, SPACE);
	s->sessions[SESSION].hz = hz;
	CU_ASSERT_EQUAL(programs_take(s->programs, SESSION, child, 0, NULL), 0);
	CU_ASSERT_EQUAL(programs_set_space(s->programs, child, SPACE), 0);
	struct thread_times thread;
	CU_ASSERT_EQUAL(sampling_threads(s, SESSION, off_period_ns,
					 SESSION_USER | SESSION_KERNEL | SESSION_OFF | extra_flags,
					 &thread, 1),
			1);
	CU_ASSERT_EQUAL(thread.tid, child);
	return s;
}

static void check_stacks(const struct sampling *s, const struct wait_event *wait)
{
	const struct sample_event *at = &wait->sample;
	const struct stack_event *user = sampling_stack(s, at->user_hash, at->user_check);
	const struct stack_event *kernel = sampling_stack(s, at->kernel_hash, at->kernel_check);
	CU_ASSERT_PTR_NOT_NULL(kernel);
	if (kernel) {
		CU_ASSERT(kernel->kernel);
		CU_ASSERT(kernel->n_frames >= 2);
	}
	CU_ASSERT_PTR_NOT_NULL(user);
	if (!user)
		return;
	CU_ASSERT_EQUAL(user->end, WALK_ROOT);
	CU_ASSERT_EQUAL(user->n_frames, 2);
	CU_ASSERT(is_at(s, &user->frames[0], waits_slept));
	CU_ASSERT(is_at(s, &user->frames[1], waits_sleep_returned));
}

/* Every sleep is told, with both its stacks, and none is shorter than it was asked to be, but where
 * the CPU was taken from the thread, or the machine, between setting the timer and leaving. */
static void tells_every_sleep(void)
{
	sleep_time = (struct timespec){.tv_nsec = 40 * MS}; /* which the budget has room for */
	pid_t child = sampling_child(sleep_on);
	usleep(20000); /* until it is there */
	struct sampling *s = begin(child, 0);
	if (s) {
		sampling_wait_waits(s, 20);
		size_t slept = s->n_waits; /* what comes as it is ended is another matter */
		sampling_end(child);
		sampling_drain(s);
		struct sampling_waits sum = sampling_count_waits(s);
		CU_ASSERT_EQUAL(sum.n[WAITS_SENT], s->n_waits);
		CU_ASSERT_EQUAL(sum.n[WAITS_SKIPPED], 0);
		CU_ASSERT_EQUAL(sum.n[WAITS_OVERDUE], 0);
		uint64_t sent_ns = 0, returned_ns = 0;
		size_t n_short = 0;
		for (size_t i = 0; i < s->n_waits; i++) {
			const struct wait_event *wait = &s->waits[i];
			sent_ns += wait->blocked_ns + wait->runnable_ns;
			if (i >= slept)
				continue;
			CU_ASSERT_EQUAL((pid_t)wait->sample.tgid, child);
			CU_ASSERT_EQUAL((pid_t)wait->sample.tid, child);
			CU_ASSERT_EQUAL(wait->sample.space, SPACE);
			CU_ASSERT_EQUAL(wait->sessions, 1 << SESSION);
			CU_ASSERT_EQUAL(wait->period_ns, 0);
			if (wait->state != WAIT_SLEEPING)
				continue; /* preempted */
			CU_ASSERT(!returned_ns ||
				  wait->sample.time_ns - returned_ns >= 40 * MS - MS / 10);
			returned_ns = wait->sample.time_ns;
			/* The first had begun before. */
			n_short += i && wait->blocked_ns + wait->runnable_ns < 40 * MS - MS / 10;
			check_stacks(s, wait);
		}
		CU_ASSERT(n_short <= 2);
		CU_ASSERT_EQUAL(sum.ns[WAITS_SENT], sent_ns);
	}
	sampling_free(s);
}

/* All of what an iterator gives. */
static size_t read_sleepers(struct sampling *s, uint8_t *to, size_t room)
{
	int fd guard_fd = -1;
	size_t have = 0;
	ssize_t n;
	CU_ASSERT_EQUAL(programs_sleepers(s->programs, SESSION, &fd, NULL), 0);
	while ((n = read(fd, to + have, room - have)) > 0)
		have += (size_t)n;
	CU_ASSERT_EQUAL(n, 0);
	return have;
}

static void check_sleeper(const struct sleeper *sleeper, pid_t child)
{
	CU_ASSERT_EQUAL(sleeper->bytes, (sizeof(*sleeper) + sleeper->n_stack + 7) & ~7ul);
	CU_ASSERT_EQUAL((pid_t)sleeper->thread.tid, child);
	CU_ASSERT_EQUAL((pid_t)sleeper->thread.tgid, child);
	CU_ASSERT_EQUAL(sleeper->thread.sessions, 1 << SESSION);
	CU_ASSERT_EQUAL(sleeper->thread.state, WAIT_SLEEPING);
	CU_ASSERT(sleeper->thread.off_since_ns > 0);
	CU_ASSERT_EQUAL(sleeper->space, SPACE);
	CU_ASSERT(sleeper->n_kernel >= 2);
	CU_ASSERT_EQUAL(sleeper->pc, (uint64_t)waits_slept);
	CU_ASSERT_EQUAL(sleeper->flags, 0); /* behind the system call */
	CU_ASSERT_EQUAL(sleeper->is_32bit, 0);
	uint64_t words[2]; /* no frame pointer, and who called */
	CU_ASSERT(sleeper->n_stack > sizeof(words));
	memcpy(words, sleeper->stack, sizeof(words));
	CU_ASSERT_EQUAL(sleeper->reg[7], sleeper->reg[6]);
	CU_ASSERT_EQUAL(words[0], 0);
	CU_ASSERT_EQUAL(words[1], (uint64_t)waits_sleep_returned);
}

/* Sleeps with its stack in a file, which could be one that hangs whoever reads it. */
static void sleep_in_a_file(void)
{
	int fd = memfd_create("stack", MFD_CLOEXEC);
	char *stack = MAP_FAILED;
	if (fd >= 0 && !ftruncate(fd, 1 << 16))
		stack = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (stack == MAP_FAILED)
		_exit(1);
	memset(stack, 1, 1 << 16);
	__asm__ volatile("mov %0, %%rsp\n1: mov $34, %%eax\nsyscall\njmp 1b" /* pause() */
			 :
			 : "r"(stack + (1 << 15))
			 : "rax", "rcx", "r11", "memory");
}

static void reads_no_file_for_a_stack(void)
{
	static uint8_t bytes[2 * (sizeof(struct sleeper) + SLEEPER_STACK_MAX)];
	pid_t child = sampling_child(sleep_in_a_file);
	usleep(50000);
	struct sampling *s = begin(child, 0);
	if (s) {
		size_t n = read_sleepers(s, bytes, sizeof(bytes));
		const struct sleeper *sleeper = (const void *)bytes;
		CU_ASSERT(n >= sizeof(*sleeper));
		CU_ASSERT_EQUAL((pid_t)sleeper->thread.tid, child);
		CU_ASSERT(sleeper->pc != 0);
		CU_ASSERT_EQUAL(sleeper->n_stack, 0);
	}
	sampling_end(child);
	sampling_free(s);
}

static void *change_mappings(void *context)
{
	const size_t bytes = 16 << 20;
	char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		_exit(1);
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	memset(memory, 1, bytes);
	for (;;) {
		mprotect(memory, bytes, PROT_READ);
		mprotect(memory, bytes, PROT_READ | PROT_WRITE);
		usleep(200);
	}
	return context;
}

static void sleep_beside_changes(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, change_mappings, NULL))
		_exit(1);
	for (;;)
		pause();
}

/* While its mappings change a stack cannot be found: it is looked for again, and a thread without
 * is told of as torn, never as one whose stack is empty. */
static void has_a_stack_or_is_torn(void)
{
	static uint8_t bytes[2 * (sizeof(struct sleeper) + SLEEPER_STACK_MAX)];
	pid_t child = sampling_child(sleep_beside_changes);
	usleep(50000);
	struct sampling *s = sampling_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(programs_take(s->programs, SESSION, child, 0, NULL), 0);
	uint64_t told = 0, looks = 200;
	for (uint64_t i = 0; i < looks; i++) {
		size_t n = read_sleepers(s, bytes, sizeof(bytes));
		const struct sleeper *sleeper = (const void *)bytes;
		for (size_t at = 0; at < n; at += sleeper->bytes) {
			sleeper = (const void *)(bytes + at);
			CU_ASSERT(sleeper->n_stack > 0);
			told += (pid_t)sleeper->thread.tid == child;
		}
	}
	struct counters_sum sum;
	counters_read(s->counters, SESSION, &sum);
	CU_ASSERT(told > 0);
	CU_ASSERT(told + sum.counter[COUNTER_SLEEPERS_TORN] >= looks);
	sampling_end(child);
	sampling_free(s);
}

static void gives_the_stack_of_a_sleeper(void)
{
	static uint8_t bytes[1 << 16];
	sleep_time = (struct timespec){.tv_sec = 1000};
	pid_t child = sampling_child(sleep_on);
	usleep(20000);
	struct sampling *s = begin(child, 0);
	if (s) {
		size_t n = read_sleepers(s, bytes, sizeof(bytes));
		const struct sleeper *sleeper = (const void *)bytes;
		CU_ASSERT(n >= sizeof(*sleeper));
		if (n >= sizeof(*sleeper)) {
			CU_ASSERT_EQUAL(n, sleeper->bytes);
			check_sleeper(sleeper, child);
		}
		CU_ASSERT_EQUAL(programs_drop(s->programs, SESSION), 0);
		CU_ASSERT_EQUAL(read_sleepers(s, bytes, sizeof(bytes)), 0);
	}
	sampling_end(child);
	sampling_free(s);
}

/* ---- the choice */

/* The waits taken stand for all: the sum of max(d, P) is the time of all within six sigma, whose
 * square is the sum of d (P - d), which those taken estimate by P (P - d). */
static void check_sum(const struct sampling *s, uint64_t seen_ns)
{
	double sum = 0, variance = 0;
	for (size_t i = 0; i < s->n_waits; i++) {
		double d = (double)(s->waits[i].blocked_ns + s->waits[i].runnable_ns);
		double period = (double)s->waits[i].period_ns;
		sum += d > period ? d : period;
		variance += d < period ? period * (period - d) : 0;
	}
	double off = sum - (double)seen_ns;
	CU_ASSERT(off * off <= 36 * variance + 1);
}

static void takes_waits_by_their_length(void)
{
	/* Where the machine is emulated, a sleep of 200 µs is a long one. */
	const char *scale = getenv("SAMPLING_PERIODS");
	uint64_t period_ns = 2 * MS * (scale ? strtoul(scale, NULL, 10) : 1);
	sleep_time = (struct timespec){.tv_nsec = (long)period_ns / 10};
	pid_t child = sampling_child(sleep_on);
	usleep(20000);
	struct sampling *s = begin(child, period_ns);
	if (s) {
		sampling_wait_waits(s, 200);
		sampling_end(child);
		sampling_drain(s);
		struct sampling_waits sum = sampling_count_waits(s);
		CU_ASSERT_EQUAL(sum.n[WAITS_SENT], s->n_waits);
		CU_ASSERT(sum.n[WAITS_SKIPPED] > sum.n[WAITS_SENT]);
		for (size_t i = 0; i < s->n_waits; i++)
			CU_ASSERT(s->waits[i].period_ns >= period_ns);
		check_sum(s, sum.ns[WAITS_SENT] + sum.ns[WAITS_SKIPPED]);
	}
	sampling_free(s);
}

/* Threads that wait far more often than may be walked. */
static void pass_a_byte(int from, int to)
{
	for (char c = 0;;)
		if (write(to, &c, 1) != 1 || read(from, &c, 1) != 1)
			return;
}

static int pipes[4];

static void ping(void)
{
	pass_a_byte(pipes[0], pipes[3]);
}

static void pong(void)
{
	pass_a_byte(pipes[2], pipes[1]);
}

static void keeps_to_its_budget(void)
{
	CU_ASSERT_EQUAL(pipe(pipes) || pipe(pipes + 2), 0);
	pid_t a = sampling_child(ping), b = sampling_child(pong);
	struct sampling *s = begin(a, 0);
	if (s) {
		struct sampling_waits sum;
		do {
			usleep(2000);
			sampling_drain(s);
			sum = sampling_read_waits(s);
		} while (sum.n[WAITS_SEEN] < 20000 || sum.n[WAITS_SENT] < 100);
		sampling_end(a);
		sampling_drain(s);
		sum = sampling_count_waits(s);
		CU_ASSERT_EQUAL(sum.n[WAITS_SENT], s->n_waits);
		CU_ASSERT(sum.n[WAITS_SKIPPED] > 0);
		check_sum(s, sum.ns[WAITS_SENT] + sum.ns[WAITS_SKIPPED]);
	} else {
		sampling_end(a);
	}
	sampling_end(b);
	for (int i = 0; i < 4; i++)
		close(pipes[i]);
	sampling_free(s);
}

/* The first waits of a thread that naps on one CPU, of which the pace takes every one: its P stays
 * well below their length. */
static struct sampling *naps(pid_t *child, uint32_t at_hz)
{
	cpu_set_t cpu;
	CPU_ZERO(&cpu);
	CPU_SET(sched_getcpu(), &cpu);
	sleep_time = (struct timespec){.tv_nsec = MS};
	*child = sampling_child(sleep_on);
	CU_ASSERT_EQUAL(sched_setaffinity(*child, sizeof(cpu), &cpu), 0);
	usleep(20000); /* until it is there */
	hz = at_hz;
	struct sampling *s = begin(*child, 0);
	hz = 0;
	while (s && s->n_waits < 8) {
		usleep(2000);
		sampling_drain(s);
	}
	return s;
}

/* A fifth of a second would have P halved, were nothing walked in it. */
static bool soon_after(const struct sampling *s, int i, int before)
{
	return s->waits[i].sample.time_ns - s->waits[before].sample.time_ns < 90 * MS;
}

/* The budget has room for five walks in the 0.1 s from the first, and at 1 Hz for none: P rises
 * with each. */
static void low_frequencies_walk_fewer(void)
{
	pid_t child;
	int n_same = 0, n_risen = 0;
	struct sampling *s = naps(&child, WAIT_HZ);
	for (int i = 1; s && i < 5 && soon_after(s, i, 0); i++, n_same++)
		CU_ASSERT_EQUAL(s->waits[i].period_ns, s->waits[0].period_ns);
	CU_ASSERT(n_same > 0);
	sampling_end(child);
	sampling_free(s);
	s = naps(&child, 1);
	for (int i = 1; s && i < 8; i++) {
		if (!soon_after(s, i, i - 1))
			continue;
		n_risen++;
		CU_ASSERT(s->waits[i].period_ns > s->waits[i - 1].period_ns);
	}
	CU_ASSERT(n_risen > 0);
	sampling_end(child);
	sampling_free(s);
}

/* ---- who ended them */
static void check_waker(const struct sampling *s, const struct wait_event *wait, pid_t waker)
{
	CU_ASSERT_EQUAL((pid_t)wait->waker_tid, waker);
	CU_ASSERT_EQUAL((pid_t)wait->waker_tgid, waker);
	CU_ASSERT_STRING_EQUAL(wait->waker_comm, "unit");
	CU_ASSERT(wait->waker_start_time_ns > 0);
	const struct stack_event *stack = sampling_stack(s, wait->waker_hash, wait->waker_check);
	CU_ASSERT_PTR_NOT_NULL(stack);
	if (stack)
		CU_ASSERT(!stack->kernel && stack->n_frames > 0);
}

static void names_who_woke(void)
{
	CU_ASSERT_EQUAL(pipe(pipes) || pipe(pipes + 2), 0);
	pid_t a = sampling_child(ping), b = sampling_child(pong);
	extra_flags = SESSION_WAKERS;
	struct sampling *s = begin(a, 0);
	extra_flags = 0;
	if (s) {
		CU_ASSERT_EQUAL(programs_take(s->programs, SESSION, b, 0, NULL), 0);
		struct thread_times threads[2];
		CU_ASSERT_EQUAL(sampling_threads(s, SESSION, 0,
						 SESSION_USER | SESSION_OFF | SESSION_WAKERS,
						 threads, 2),
				2);
		sampling_wait_waits(s, 200);
		sampling_end(a);
		sampling_end(b);
		sampling_drain(s);
		size_t named = 0;
		for (size_t i = 0; i < s->n_waits; i++) {
			const struct wait_event *wait = &s->waits[i];
			bool of_a = (pid_t)wait->sample.tid == a;
			if (wait->state != WAIT_SLEEPING || !wait->waker_hash)
				continue;
			check_waker(s, wait, of_a ? b : a);
			named++;
		}
		CU_ASSERT(named > 50);
	}
	for (int i = 0; i < 4; i++)
		close(pipes[i]);
	sampling_free(s);
}

/* A timer's interrupt is nobody, whoever it interrupts. */
static void names_no_waker_for_a_timer(void)
{
	sleep_time = (struct timespec){.tv_nsec = MS};
	pid_t child = sampling_child(sleep_on), busy = sampling_child(sampling_spin);
	usleep(20000);
	extra_flags = SESSION_WAKERS;
	struct sampling *s = begin(child, 0);
	extra_flags = 0;
	if (s) {
		sampling_wait_waits(s, 50);
		sampling_end(child);
		for (size_t i = 0; i < s->n_waits; i++)
			CU_ASSERT_EQUAL(s->waits[i].waker_tid, 0);
	} else {
		sampling_end(child);
	}
	sampling_end(busy);
	sampling_free(s);
}

/* ---- states */
static void wait_for_state(struct sampling *s, pid_t child, enum wait_state state)
{
	struct thread_times thread = {0};
	do {
		usleep(1000);
		CU_ASSERT_EQUAL(
			sampling_threads(s, SESSION, 0, SESSION_OFF | SESSION_KERNEL, &thread, 1),
			1);
	} while (thread.state != state);
	CU_ASSERT_EQUAL((pid_t)thread.tid, child);
	CU_ASSERT(thread.off_since_ns > 0);
	CU_ASSERT(thread.off_ns >= thread.time_ns - thread.off_since_ns);
}

static void knows_a_stop_from_a_sleep(void)
{
	sleep_time = (struct timespec){.tv_sec = 1000};
	pid_t child = sampling_child(sleep_on);
	struct sampling *s = begin(child, 0);
	if (s) {
		wait_for_state(s, child, WAIT_SLEEPING);
		kill(child, SIGSTOP);
		wait_for_state(s, child, WAIT_STOPPED);
		kill(child, SIGCONT);
		wait_for_state(s, child, WAIT_SLEEPING);
		sampling_drain(s);
		size_t stopped = 0;
		for (size_t i = 0; i < s->n_waits; i++)
			stopped += s->waits[i].state == WAIT_STOPPED;
		CU_ASSERT_EQUAL(stopped, 1);
	}
	sampling_end(child);
	sampling_free(s);
}

/* Two that want one CPU. */
static void spin_pinned(void)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
	sampling_spin();
}

static void waits_for_a_cpu(void)
{
	pid_t child = sampling_child(spin_pinned), other = sampling_child(spin_pinned);
	struct sampling *s = begin(child, 0);
	if (s) {
		sampling_wait_waits(s, 5);
		size_t i = 0;
		while (i < s->n_waits && s->waits[i].state != WAIT_RUNNABLE)
			i++; /* on its way to that CPU */
		for (; i < s->n_waits; i++) {
			CU_ASSERT_EQUAL(s->waits[i].state, WAIT_RUNNABLE);
			CU_ASSERT_EQUAL(s->waits[i].blocked_ns, 0);
			CU_ASSERT(s->waits[i].runnable_ns > 0);
		}
	}
	sampling_end(child);
	sampling_end(other);
	sampling_free(s);
}

SUITE(waits, {"tells every sleep", tells_every_sleep},
      {"gives the stack of a sleeper", gives_the_stack_of_a_sleeper},
      {"reads no file for a stack", reads_no_file_for_a_stack},
      {"has a stack or is torn", has_a_stack_or_is_torn},
      {"takes waits by their length", takes_waits_by_their_length},
      {"keeps to its budget", keeps_to_its_budget},
      {"low frequencies walk fewer", low_frequencies_walk_fewer},
      {"names who woke", names_who_woke},
      {"names no waker for a timer", names_no_waker_for_a_timer},
      {"knows a stop from a sleep", knows_a_stop_from_a_sleep},
      {"waits for a CPU", waits_for_a_cpu});
