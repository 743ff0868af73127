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

/* ---- single steps, on a stack of our own */

enum {
	SP = 7,
	FP = 6,
};

static struct unwind_state on_stack(const uint64_t *sp)
{
	struct unwind_state s = {.pc = 0x1000, .flags = FRAME_EXACT};
	child = getpid();
	s.reg[SP] = (uint64_t)sp;
	return s;
}

static struct unwind_rule rule_of(int offset)
{
	return (struct unwind_rule){.cfa = UNWIND_CFA_REGISTER,
				    .cfa_register = SP,
				    .offset = offset,
				    .ra = UNWIND_RA_SAVED,
				    .ra_offset = -1};
}

/* A rule of a made file may lead anywhere but down the stack, or where it came from. */
static void goes_up_the_stack(void)
{
	const uint64_t stack[16] = {[2] = 0xaaa, [3] = 0xbbb};
	struct unwind_state s = on_stack(stack + 2);
	struct unwind_rule rule = rule_of(8);
	CU_ASSERT_EQUAL(unwind_step(&s, &rule), UNWIND_STEPPED);
	CU_ASSERT_EQUAL(s.pc, 0xaaa);
	CU_ASSERT_EQUAL(s.reg[SP], (uint64_t)(stack + 3));
	for (int offset = 0; offset >= -16; offset -= 8) {
		s = on_stack(stack + 2);
		rule = rule_of(offset);
		CU_ASSERT_EQUAL(unwind_step(&s, &rule), WALK_NO_PROGRESS);
	}
	/* vfork()'s return address is in a register, and its CFA where the stack ends */
	s = on_stack(stack + 2);
	s.reg[2] = 0xccc;
	rule = (struct unwind_rule){.cfa = UNWIND_CFA_REGISTER,
				    .cfa_register = SP,
				    .ra = UNWIND_RA_REGISTER,
				    .ra_register = 2};
	CU_ASSERT_EQUAL(unwind_step(&s, &rule), UNWIND_STEPPED);
	CU_ASSERT_EQUAL(s.pc, 0xccc);
	rule.offset = -8;
	CU_ASSERT_EQUAL(unwind_step(&s, &rule), WALK_NO_PROGRESS);
	rule = rule_of(8);
	rule.cfa = UNWIND_CFA_UNKNOWN;
	CU_ASSERT_EQUAL(unwind_step(&s, &rule), WALK_UNSUPPORTED);
}

/* Behind `push` a PLT entry has a word more on the stack. */
static void knows_where_in_a_plt_entry(void)
{
	const uint64_t stack[16] = {[2] = 0xaaa, [3] = 0xbbb};
	for (uint64_t at = 0; at < 16; at++) {
		struct unwind_state s = on_stack(stack + 2);
		struct unwind_rule rule = rule_of(8);
		rule.cfa = UNWIND_CFA_PLT;
		rule.add = 11;
		s.pc = 0x1000 + at;
		CU_ASSERT_EQUAL(unwind_step(&s, &rule), UNWIND_STEPPED);
		CU_ASSERT_EQUAL(s.pc, at < 11 ? 0xaaa : 0xbbb);
	}
}

/* In code without rows a frame pointer is one only where it looks like it. */
static void believes_near_frame_pointers(void)
{
	enum {
		WORDS = UNWIND_FRAME_BYTES_MAX / 8
	};
	uint64_t *stack = calloc(WORDS + 4, sizeof(*stack));
	static const struct {
		int64_t words; /* from the stack pointer */
		uint32_t end;
	} cases[] = {{-1, WALK_NO_ROW},
		     {0, UNWIND_STEPPED},
		     {2, UNWIND_STEPPED},
		     {WORDS, UNWIND_STEPPED},
		     {WORDS + 1, WALK_NO_ROW}};
	for (size_t i = 0; i < WORDS + 4; i++)
		stack[i] = 0x1000 + i;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct unwind_state s = on_stack(stack + 1);
		uint64_t *fp = stack + 1 + cases[i].words;
		s.reg[FP] = (uint64_t)fp;
		CU_ASSERT_EQUAL(unwind_step_pointer(&s), cases[i].end);
		if (cases[i].end != UNWIND_STEPPED)
			continue;
		CU_ASSERT_EQUAL(s.reg[FP], fp[0]);
		CU_ASSERT_EQUAL(s.pc, fp[1]);
		CU_ASSERT_EQUAL(s.reg[SP], (uint64_t)(fp + 2));
		CU_ASSERT_EQUAL(s.flags, FRAME_BY_POINTER);
	}
	struct unwind_state s = on_stack(stack + 1);
	s.reg[FP] = (uint64_t)(stack + 2) + 4;
	CU_ASSERT_EQUAL(unwind_step_pointer(&s), WALK_NO_ROW);
	s.reg[FP] = 0;
	CU_ASSERT_EQUAL(unwind_step_pointer(&s), WALK_ROOT);
	free(stack);
}

SUITE(unwind_step, {"every instruction", every_instruction},
      {"goes up the stack", goes_up_the_stack},
      {"knows where in a PLT entry", knows_where_in_a_plt_entry},
      {"believes near frame pointers", believes_near_frame_pointers});
