/* SPDX-License-Identifier: Apache-2.0 */
/* The step against the truth: a child is run instruction by instruction, its calls and returns are
 * written down, and after each instruction its stack is unwound and must say the same. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

#include "daemon/maps.h"
#include "symbolizer/elf.h"
#include "symbolizer/table.h"
#include "tests/unit.h"

static pid_t child;

static long unwind_read(void *to, size_t bytes, uint64_t address)
{
	struct iovec here = {to, bytes}, there = {(void *)address, bytes};
	return process_vm_readv(child, &here, 1, &there, 1, 0) == (ssize_t)bytes ? 0 : -1;
}
#include "bpf/unwind_step.h"

enum {
	STEPS_MAX = 30000,
	CALLS_MAX = 128,
};

struct truth {
	struct {
		uint64_t sp, pc; /* where the return address lies, and what it is */
	} calls[CALLS_MAX];
	unsigned n;
};

static struct maps maps;
static struct cfi_table *tables; /* by line of maps */

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static __attribute__((noinline)) int recurse(int n)
{
	int sum = n ? recurse(n - 1) : (int)strtod("3.25e3", NULL);
	__asm__ volatile("" : "+r"(sum));
	return sum + n;
}

/* What the child does: through libc and back, strings, numbers, memory. */
static void work(void)
{
	int numbers[12] = {5, 3, 9, 1, 7, 2, 8, 4, 6, 0, 11, 10};
	char text[200];
	qsort(numbers, 12, sizeof(int), compare);
	snprintf(text, sizeof(text), "%s %d %.10g %p", "text", recurse(6), 1.0 / 3, (void *)text);
	char *copy = strdup(text);
	char *found = strstr(copy, "33");
	free(found ? copy : NULL);
}

static void load_tables(void)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/maps", child);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(maps_read(fd, &maps), 0);
	close(fd);
	tables = calloc(maps.n, sizeof(*tables));
	for (uint32_t i = 0; i < maps.n; i++) {
		struct elf *elf guard_elf = NULL;
		int file = open(maps.at[i].path, O_RDONLY | O_CLOEXEC);
		if (file >= 0 && !elf_open(file, &elf, NULL))
			(void)table_build(elf, &tables[i], NULL);
	}
}

static void free_tables(void)
{
	for (uint32_t i = 0; i < maps.n; i++)
		cfi_table_deinit(&tables[i]);
	free(tables);
	maps_deinit(&maps);
}

static const struct unwind_rule *rule_at(uint64_t address)
{
	const struct maps_line *line = maps_find(&maps, address);
	const struct cfi_table *t = line ? &tables[line - maps.at] : NULL;
	if (!t || !t->n_rows)
		return NULL;
	uint64_t offset = address - line->start + line->offset;
	uint32_t low = 0, high = t->n_rows;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (t->rows[mid].pc <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low && t->rows[low - 1].rule ? &t->rules[t->rows[low - 1].rule] : NULL;
}

static void begin(struct unwind_state *s, const struct user_regs_struct *r)
{
	const uint64_t reg[] = {r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp, r->rsp,
				r->r8,	r->r9,	r->r10, r->r11, r->r12, r->r13, r->r14, r->r15};
	*s = (struct unwind_state){.pc = r->rip, .flags = FRAME_EXACT};
	memcpy(s->reg, reg, sizeof(reg));
}

/* How many of the calls the stack tells rightly, from the last one on. */
static unsigned unwind(const struct user_regs_struct *regs, const struct truth *truth)
{
	struct unwind_state s;
	begin(&s, regs);
	for (unsigned i = truth->n; i > 0; i--) {
		const struct unwind_rule *rule = rule_at(s.pc - !(s.flags & FRAME_EXACT));
		if (!rule || unwind_step(&s, rule) != UNWIND_STEPPED ||
		    s.pc != truth->calls[i - 1].pc || s.reg[7] != truth->calls[i - 1].sp + 8)
			return truth->n - i;
	}
	return truth->n;
}

/* What the last instruction did to the stack of calls. */
static void follow(struct truth *truth, const struct user_regs_struct *from,
		   const struct user_regs_struct *to)
{
	uint64_t top = 0;
	if (truth->n && from->rsp == truth->calls[truth->n - 1].sp &&
	    to->rip == truth->calls[truth->n - 1].pc && to->rsp > from->rsp)
		truth->n--;
	else if (to->rsp == from->rsp - 8 && !unwind_read(&top, 8, to->rsp) && top > from->rip &&
		 top <= from->rip + 15 && to->rip != top && truth->n < CALLS_MAX) {
		truth->calls[truth->n].sp = to->rsp;
		truth->calls[truth->n++].pc = top;
	}
}

static bool step(struct user_regs_struct *regs)
{
	int status;
	return !ptrace(PTRACE_SINGLESTEP, child, 0, 0) && waitpid(child, &status, 0) == child &&
	       WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP &&
	       !ptrace(PTRACE_GETREGS, child, 0, regs);
}

static bool start_child(void)
{
	int status;
	child = fork();
	if (!child) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(1);
		raise(SIGSTOP);
		work();
		_exit(0);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFSTOPPED(status);
}

static void every_instruction(void)
{
	struct user_regs_struct regs, next;
	struct truth truth = {0};
	unsigned steps = 0, wrong = 0, deepest = 0;
	if (!start_child()) /* ptrace is forbidden here */
		return;
	load_tables();
	bool running = !ptrace(PTRACE_GETREGS, child, 0, &regs);
	for (; running && steps < STEPS_MAX; steps++) {
		running = step(&next);
		if (!running)
			break;
		follow(&truth, &regs, &next);
		regs = next;
		deepest = truth.n > deepest ? truth.n : deepest;
		unsigned right = unwind(&regs, &truth);
		if (right != truth.n && wrong++ < 5)
			printf("\n  %#llx: %u of %u calls", regs.rip, right, truth.n);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	CU_ASSERT(steps > 1000);
	CU_ASSERT(deepest > 6);
	CU_ASSERT_EQUAL(wrong, 0);
	free_tables();
}

SUITE(unwind_step, {"every instruction", every_instruction});
