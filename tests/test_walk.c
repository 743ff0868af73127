/* SPDX-License-Identifier: Apache-2.0 */
/* Walks of stacks that are known to the byte: the targets are in assembly, so that no compiler has
 * a say in where the frames are. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/err.h"
#include "tests/sampling.h"
#include "tests/unit.h"

enum {
	SPACE = 7,
	PERIOD_NS = 500000,
	ENOUGH = 10, /* samples */
};

/* walk_root calls walk_recurse, which calls itself until `depth` are there and then spins.
 * walk_with spins with a given frame pointer. walk_call reads /dev/zero for ever. */
void walk_root(unsigned depth);
void walk_with(uint64_t fp);
void walk_call(int fd, void *buffer, size_t bytes);
extern const char walk_spin[], walk_spin_end[], walk_recursed[], walk_returned[], walk_with_spin[],
	walk_called[];
__asm__(".text\n"
	".globl walk_root, walk_spin, walk_spin_end, walk_recursed, walk_returned, walk_with\n"
	".globl walk_with_spin, walk_call, walk_called\n"
	"walk_root:\n"
	"	xor %ebp, %ebp\n"
	"	call walk_recurse\n"
	"walk_returned:\n"
	"	hlt\n"
	"walk_recurse:\n"
	"	push %rbp\n"
	"	mov %rsp, %rbp\n"
	"	dec %edi\n"
	"	jz walk_spin\n"
	"	call walk_recurse\n"
	"walk_recursed:\n"
	"	hlt\n"
	"walk_spin:\n"
	"	.rept 4000\n" /* many leaves: many different stacks. Emulators interrupt at jumps
				 only */
	"	jmp 1f\n"
	"1:\n"
	"	.endr\n"
	"	jmp walk_spin\n"
	"walk_spin_end:\n"
	"walk_with:\n"
	"	mov %rdi, %rbp\n"
	"walk_with_spin:\n"
	"	jmp walk_with_spin\n"
	"walk_call:\n"
	"	mov %rdx, %r12\n"
	"	xor %ebp, %ebp\n"
	"	push %rbp\n"
	"	mov %rsp, %rbp\n"
	"walk_call_again:\n"
	"	xor %eax, %eax\n"
	"	mov %r12, %rdx\n"
	"	syscall\n"
	"walk_called:\n"
	"	jmp walk_call_again\n");

/* The targets; each child inherits what the test set. */
static unsigned depth;
static uint64_t *fake; /* two words at a time: frame pointer, return address */

static void recurse(void)
{
	walk_root(depth);
}

void sampling_many_deep_stacks(void)
{
	walk_root(1000);
}

static void run_with(void)
{
	walk_with((uint64_t)fake);
}

/* The pointer is in the stack, as a real one: fake frames above the stack pointer. */
static void run_chain(void)
{
	uint64_t chain[6] __attribute__((aligned(16)));
	chain[0] = (uint64_t)&chain[2];
	chain[1] = (uint64_t)walk_recursed;
	chain[2] = (uint64_t)&chain[4];
	chain[3] = (uint64_t)walk_returned;
	chain[4] = 0;
	chain[5] = fake ? (uint64_t)fake : 0;
	__asm__ volatile("" : : "r"(chain) : "memory");
	walk_with((uint64_t)chain);
}

static void run_calls(void)
{
	static char buffer[1 << 20];
	int fd = (int)syscall(SYS_open, "/dev/zero", 0);
	walk_call(fd, buffer, sizeof(buffer));
}

/* A loop of two bytes at a low address, with a 32-bit code segment. */
static void run_32bit(void)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	memcpy(code, "\xeb\xfe", 2);
	const struct {
		uint32_t offset;
		uint16_t segment;
	} __attribute__((packed)) there = {(uint32_t)(uintptr_t)code, 0x23};
	__asm__ volatile("ljmpl *%0" : : "m"(there));
}

typedef void check(struct sampling *s, const struct sample_event *sample,
		   const struct stack_event *user);

static void check_samples(struct sampling *s, check *f)
{
	for (size_t i = 0; i < s->n_samples; i++) {
		const struct sample_event *sample = &s->samples[i];
		const struct stack_event *user =
			sampling_stack(s, sample->user_hash, sample->user_check);
		CU_ASSERT_EQUAL(sample->space, SPACE);
		CU_ASSERT_PTR_NOT_NULL(user);
		if (user)
			f(s, sample, user);
	}
}

/* Records `target` until it has been seen at its work: `f` is told all samples taken after the
 * first few, in which the child may have been anywhere. */
static void record(void (*target)(void), bool mapped, check *f)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	struct err err = {0};
	pid_t child = sampling_child(target);
	if (mapped)
		sampling_map(s, child, SPACE);
	CU_ASSERT_EQUAL(programs_take(s->programs, 1, child, 0, &err), 0);
	CU_ASSERT_EQUAL(programs_set_space(s->programs, child, SPACE), 0);
	if (sampling_start(s, 1, PERIOD_NS, SESSION_USER | SESSION_KERNEL)) {
		sampling_wait_samples(s, ENOUGH);
		s->n_samples = 0; /* of the child's beginnings; its stacks are kept */
		sampling_wait_samples(s, ENOUGH);
	}
	sampling_pause(s, 1);
	sampling_drain(s);
	check_samples(s, f);
	sampling_end(child);
	sampling_free(s);
}

/* The mapping that holds an address of this program, which is a child's too. */
static const struct mapping *mapping_of(const struct sampling *s, const void *address)
{
	uint64_t range = s->spaces[SPACE].range;
	for (uint32_t i = 0; i < (uint32_t)range; i++) {
		const struct mapping *m = &s->mappings[(range >> 32) + i];
		if ((uint64_t)address >= m->start && (uint64_t)address < m->end)
			return m;
	}
	return NULL;
}

static bool is_at(const struct sampling *s, const struct frame *frame, const void *from,
		  const void *to)
{
	const struct mapping *m = mapping_of(s, from);
	uint64_t address = frame->address;
	if (m && (frame->kind != FRAME_FILE || frame->object != m->object))
		return false;
	if (!m && (frame->kind != FRAME_RAW || frame->object != SPACE))
		return false;
	if (m)
		address += m->start - m->offset;
	return address >= (uint64_t)from && address <= (uint64_t)to;
}

static void check_recursion(struct sampling *s, const struct sample_event *sample,
			    const struct stack_event *user)
{
	unsigned n = depth + 1;
	CU_ASSERT_EQUAL(user->kernel, 0);
	CU_ASSERT_EQUAL(user->n_frames, n <= USER_FRAMES_MAX ? n : USER_FRAMES_MAX);
	CU_ASSERT_EQUAL(user->end, n <= USER_FRAMES_MAX ? WALK_ROOT : WALK_DEPTH);
	CU_ASSERT(is_at(s, &user->frames[0], walk_spin, walk_spin_end));
	CU_ASSERT_EQUAL(user->frames[0].flags, FRAME_EXACT);
	for (unsigned i = 1; i < user->n_frames; i++) {
		const char *at = i < depth ? walk_recursed : walk_returned;
		CU_ASSERT(is_at(s, &user->frames[i], at, at));
		CU_ASSERT_EQUAL(user->frames[i].flags, FRAME_BY_POINTER);
	}
}

static void finds_every_frame(void)
{
	static const unsigned depths[] = {1, 2, 37, 1023, 1024, 3000};
	for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
		depth = depths[i];
		record(recurse, true, check_recursion);
	}
}

static void gives_raw_frames_without_mappings(void)
{
	depth = 5;
	record(recurse, false, check_recursion);
}

static uint32_t chain_end;

static void check_chain(struct sampling *s, const struct sample_event *sample,
			const struct stack_event *user)
{
	CU_ASSERT_EQUAL(user->end, chain_end);
	CU_ASSERT_EQUAL(user->n_frames, fake ? 4 : 3);
	CU_ASSERT(is_at(s, &user->frames[0], walk_with_spin, walk_with_spin));
	CU_ASSERT(is_at(s, &user->frames[1], walk_recursed, walk_recursed));
	CU_ASSERT(is_at(s, &user->frames[2], walk_returned, walk_returned));
	if (!fake)
		return;
	CU_ASSERT_EQUAL(user->frames[3].kind, FRAME_RAW);
	CU_ASSERT_EQUAL(user->frames[3].object, SPACE);
	CU_ASSERT_EQUAL(user->frames[3].address, (uint64_t)fake);
}

static void ends_at_a_zero_return_address(void)
{
	fake = NULL;
	chain_end = WALK_ROOT;
	record(run_chain, true, check_chain);
}

static void ends_outside_all_mappings(void)
{
	fake = (uint64_t *)0x1234567;
	chain_end = WALK_NO_MAPPING;
	record(run_chain, true, check_chain);
}

static void goes_on_through_code_of_no_file(void)
{
	fake = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *code = fake++;
	chain_end = WALK_ROOT;
	record(run_chain, true, check_chain);
	munmap(code, 4096);
}

static void check_no_row(struct sampling *s, const struct sample_event *sample,
			 const struct stack_event *user)
{
	CU_ASSERT_EQUAL(user->end, WALK_NO_ROW);
	CU_ASSERT_EQUAL(user->n_frames, 1);
}

static void ends_where_the_pointer_leads_nowhere(void)
{
	static const uintptr_t pointers[] = {1, 0xfffffffffffffff8, 0x8000000000000000};
	for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++) {
		fake = (uint64_t *)pointers[i];
		record(run_with, true, check_no_row);
	}
}

/* A stack whose next page may not be read. */
static void run_bad_page(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *stack =
		mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(stack + 2 * page, page, PROT_NONE);
	__asm__ volatile("mov %0, %%rsp\n mov %1, %%rdi\n jmp walk_with\n"
			 :
			 : "r"(stack + 2 * page - 64), "r"(stack + 2 * page + 64)
			 : "rdi");
}

static void check_bad_page(struct sampling *s, const struct sample_event *sample,
			   const struct stack_event *user)
{
	CU_ASSERT_EQUAL(user->end, WALK_BAD_PAGE);
	CU_ASSERT_EQUAL(user->n_frames, 1);
}

static void ends_at_an_unreadable_page(void)
{
	record(run_bad_page, true, check_bad_page);
}

static unsigned in_kernel;

static void check_calls(struct sampling *s, const struct sample_event *sample,
			const struct stack_event *user)
{
	CU_ASSERT_EQUAL(user->end, WALK_ROOT);
	CU_ASSERT_EQUAL(user->n_frames, 2); /* and who called walk_call */
	CU_ASSERT(is_at(s, &user->frames[0], walk_call, walk_called + 2));
	if (!sample->kernel_hash)
		return;
	in_kernel++;
	const struct stack_event *kernel =
		sampling_stack(s, sample->kernel_hash, sample->kernel_check);
	CU_ASSERT_PTR_NOT_NULL(kernel);
	if (!kernel)
		return;
	CU_ASSERT_EQUAL(kernel->kernel, 1);
	CU_ASSERT_EQUAL(kernel->end, WALK_ROOT);
	CU_ASSERT(kernel->n_frames > 0); /* one, where the tick hits the entry itself */
	CU_ASSERT_EQUAL(kernel->frames[0].flags, FRAME_EXACT);
	const struct frame *entry = &kernel->frames[kernel->n_frames - 1];
	CU_ASSERT_EQUAL(entry->kind, FRAME_KERNEL);
	if (programs_stext(s->programs)) /* the entry is in the kernel's own text */
		CU_ASSERT(entry->address < 64 << 20);
}

static void finds_user_frames_below_the_kernel(void)
{
	in_kernel = 0;
	record(run_calls, true, check_calls);
	CU_ASSERT(in_kernel > 0);
}

static void check_32bit(struct sampling *s, const struct sample_event *sample,
			const struct stack_event *user)
{
	CU_ASSERT_EQUAL(user->end, WALK_32BIT);
	CU_ASSERT_EQUAL(user->n_frames, 1);
}

static void says_32_bit(void)
{
	record(run_32bit, true, check_32bit);
}

SUITE(walk, {"finds every frame", finds_every_frame},
      {"gives raw frames without mappings", gives_raw_frames_without_mappings},
      {"ends at a zero return address", ends_at_a_zero_return_address},
      {"ends outside all mappings", ends_outside_all_mappings},
      {"goes on through code of no file", goes_on_through_code_of_no_file},
      {"ends where the pointer leads nowhere", ends_where_the_pointer_leads_nowhere},
      {"ends at an unreadable page", ends_at_an_unreadable_page},
      {"finds user frames below the kernel", finds_user_frames_below_the_kernel},
      {"says 32 bit", says_32_bit});
