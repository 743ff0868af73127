/* SPDX-License-Identifier: Apache-2.0 */
/* A stack of this process, copied and walked later by tables compiled from this very program. */
#include "daemon/unwind_late.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "bpf/types.h"
#include "bpf/unwind_types.h"
#include "daemon/maps.h"
#include "daemon/spaces.h"
#include "daemon/unwind_tables.h"
#include "symbolizer/elf.h"
#include "symbolizer/table.h"
#include "tests/unit.h"

enum {
	DEPTH = 20
};

static struct unwind_tables *tables;
static uint32_t *numbers; /* of tables, by object: 1 + line of the maps */

static uint32_t table_of(void *context, uint32_t object)
{
	return numbers[object];
}

static void make_tables(void)
{
	static const size_t bytes[UNWIND_TABLES_FDS] = {UNWIND_TABLES * sizeof(struct unwind_table),
							UNWIND_PAGES * sizeof(struct unwind_page),
							UNWIND_ROWS * sizeof(struct unwind_row),
							UNWIND_RULES * sizeof(struct unwind_rule)};
	int fds[UNWIND_TABLES_FDS];
	for (int i = 0; i < UNWIND_TABLES_FDS; i++) {
		fds[i] = memfd_create("array", MFD_CLOEXEC);
		CU_ASSERT_EQUAL_FATAL(ftruncate(fds[i], (off_t)bytes[i]), 0);
	}
	CU_ASSERT_EQUAL_FATAL(unwind_tables_new(fds, &tables, NULL), 0);
	for (int i = 0; i < UNWIND_TABLES_FDS; i++)
		close(fds[i]);
}

static void load_table(const struct maps_line *line, uint32_t object)
{
	struct elf *elf guard_elf = NULL;
	struct cfi_table table = {0};
	int fd = open(line->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || elf_open(fd, &elf, NULL) || table_build(elf, &table, NULL))
		return;
	CU_ASSERT_EQUAL(unwind_tables_add(tables, table.rules, table.n_rules, table.rows,
					  table.n_rows, &numbers[object]),
			0);
	cfi_table_deinit(&table);
}

static void make_space(struct address_space *space)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(maps_read(fd, &space->maps), 0);
	close(fd);
	space->objects = calloc(space->maps.n, sizeof(*space->objects));
	numbers = calloc(space->maps.n + 1, sizeof(*numbers));
	for (uint32_t i = 0; i < space->maps.n; i++) {
		if (space->maps.at[i].kind != MAPS_FILE)
			continue;
		space->objects[i] = i + 1;
		load_table(&space->maps.at[i], i + 1);
	}
}

/* The registers of a ucontext by DWARF number, and what lies above the stack pointer. */
static void copy_from(struct copy_event *copy, const ucontext_t *context, uint32_t bytes)
{
	static const int numbers_of[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
					 REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
					 REG_R12, REG_R13, REG_R14, REG_R15};
	for (int i = 0; i < 16; i++)
		copy->reg[i] = (uint64_t)context->uc_mcontext.gregs[numbers_of[i]];
	copy->pc = (uint64_t)context->uc_mcontext.gregs[REG_RIP];
	copy->flags = FRAME_EXACT;
	/* By the kernel: a sanitizer has opinions about whose bytes these are. */
	struct iovec to = {copy->stack, bytes}, from = {(void *)copy->reg[7], bytes};
	ssize_t got = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
	copy->bytes = got > 0 ? (uint32_t)got : 0;
}

static struct copy_event *copy;
static uint64_t returns[DEPTH + 1];

static __attribute__((noinline)) void capture(void)
{
	ucontext_t context;
	getcontext(&context);
	copy_from(copy, &context, COPY_BYTES_MAX);
	__asm__ volatile("" : : : "memory");
}

static __attribute__((noinline)) int recurse(int n)
{
	returns[n] = (uint64_t)__builtin_return_address(0);
	int depth = n ? recurse(n - 1) : (capture(), 0);
	__asm__ volatile("" : "+r"(depth));
	return depth + 1;
}

static uint64_t pc_of(const struct address_space *space, const struct frame *frame)
{
	if (frame->kind != FRAME_FILE)
		return frame->address;
	const struct maps_line *line = &space->maps.at[frame->object - 1];
	return frame->address - line->offset + line->start;
}

static void walks_a_copy(void)
{
	struct address_space space = {.slot = 1};
	make_tables();
	make_space(&space);
	copy = calloc(1, sizeof(*copy) + COPY_BYTES_MAX);
	struct stack_event *stack =
		calloc(1, sizeof(*stack) + USER_FRAMES_MAX * sizeof(struct frame));
	recurse(DEPTH);
	unwind_late_walk(copy, &space, table_of, NULL, tables, stack);
	/* capture, recurse (DEPTH + 1 times), this function */
	CU_ASSERT_FATAL(stack->n_frames > DEPTH + 2);
	for (int i = 0; i <= DEPTH; i++)
		CU_ASSERT_EQUAL(pc_of(&space, &stack->frames[i + 2]), returns[i]);
	CU_ASSERT(stack->frames[0].flags == FRAME_EXACT && stack->frames[1].flags == 0);
	CU_ASSERT(stack->end == WALK_ROOT || stack->end == WALK_DEPTH);
	uint64_t hash = stack->hash;
	uint32_t n = stack->n_frames;
	unwind_late_walk(copy, &space, table_of, NULL, tables, stack);
	CU_ASSERT(stack->hash == hash && stack->n_frames == n);
	/* a copy that ends early */
	copy->bytes = 0;
	unwind_late_walk(copy, &space, table_of, NULL, tables, stack);
	CU_ASSERT(stack->n_frames == 1 && stack->end == WALK_BAD_PAGE);
	CU_ASSERT_NOT_EQUAL(stack->hash, hash);
	/* code that lies in no mapping: no frame pointer is no root */
	copy->pc = 0x1000;
	copy->reg[6] = 0;
	unwind_late_walk(copy, &space, table_of, NULL, tables, stack);
	CU_ASSERT(stack->n_frames == 1 && stack->end == WALK_NO_MAPPING);
	/* code whose table is not there yet: what the frame pointer would say is not asked */
	copy->pc = returns[0];
	for (uint32_t i = 0; i <= space.maps.n; i++)
		numbers[i] = MAPPING_TABLE_PENDING;
	unwind_late_walk(copy, &space, table_of, NULL, tables, stack);
	CU_ASSERT(stack->n_frames == 1 && stack->end == WALK_NO_TABLE);
	free(copy);
	free(stack);
	free(numbers);
	free(space.objects);
	maps_deinit(&space.maps);
	unwind_tables_free(tables);
}

/* The instruction behind the system call in clone(): its FDE ends before it (sysdeps/…/clone.S). */
static uint64_t in_clone(void)
{
	static const uint8_t syscall_bytes[] = {0x0f, 0x05};
	const uint8_t *code = (const uint8_t *)dlsym(RTLD_DEFAULT, "clone");
	for (int i = 0; code && i < 128; i++)
		if (!memcmp(code + i, syscall_bytes, sizeof(syscall_bytes)))
			return (uint64_t)code + i + sizeof(syscall_bytes);
	return 0;
}

/* Its caller is found by the return address; what is none is not taken for one. */
static void walks_out_of_a_stub(void)
{
	struct address_space space = {.slot = 1};
	make_tables();
	make_space(&space);
	copy = calloc(1, sizeof(*copy) + 64);
	struct stack_event *stack =
		calloc(1, sizeof(*stack) + USER_FRAMES_MAX * sizeof(struct frame));
	const uint64_t caller = (uint64_t)__builtin_return_address(0), nonsense = 0x1234;
	copy->pc = in_clone();
	copy->reg[7] = 0x7000;
	copy->reg[6] = 8; /* no frame pointer */
	copy->bytes = 64;
	CU_ASSERT_NOT_EQUAL_FATAL(copy->pc, 0);
	memcpy(copy->stack, &caller, sizeof(caller));
	unwind_late_walk(copy, &space, table_of, NULL, tables, stack);
	CU_ASSERT(stack->n_frames >= 2);
	CU_ASSERT_EQUAL(pc_of(&space, &stack->frames[1]), caller);
	memcpy(copy->stack, &nonsense, sizeof(nonsense));
	unwind_late_walk(copy, &space, table_of, NULL, tables, stack);
	CU_ASSERT(stack->n_frames == 1 && stack->end == WALK_NO_ROW);
	free(copy);
	free(stack);
	free(numbers);
	free(space.objects);
	maps_deinit(&space.maps);
	unwind_tables_free(tables);
}

/* What a queue gives on, and what it asks. */
static unsigned given, given_with_stack;
static struct address_space known;
static bool known_ready;

static void on_sample(void *data, const struct sample_event *sample,
		      const struct stack_event *stack)
{
	given++;
	given_with_stack += stack != NULL;
}

static struct unwind_late_process look_up(void *data, uint32_t tgid, uint64_t time_ns)
{
	return (struct unwind_late_process){tgid == 7 ? &known : NULL, known_ready};
}

static void give(struct unwind_late *late, uint64_t time_ns, uint32_t tgid, bool with_copy)
{
	struct copy_event one = {
		.event = {EVENT_COPY, sizeof(one)}, .time_ns = time_ns, .cpu = 3, .pc = 1};
	struct sample_event sample = {.event = {EVENT_SAMPLE, sizeof(sample)},
				      .time_ns = time_ns,
				      .cpu = 3,
				      .tgid = tgid};
	if (with_copy)
		unwind_late_on_copy(late, &one);
	CU_ASSERT_EQUAL(unwind_late_keep(late, &sample), with_copy);
}

static void samples_wait_with_their_copies(void)
{
	/* NULL: no frame of these asks for an object or a table */
	struct unwind_late *late = unwind_late_new(NULL, NULL, NULL, look_up, on_sample, NULL);
	uint64_t soon = UINT64_MAX / 2; /* never too old */
	given = given_with_stack = 0;
	known_ready = false;
	known = (struct address_space){.refs = 1};
	give(late, soon, 7, false);
	give(late, soon + 1, 7, true);
	give(late, soon + 2, 8, true);
	unwind_late_run(late, false);
	CU_ASSERT_EQUAL(given, 0);
	known_ready = true;
	unwind_late_run(late, false);
	CU_ASSERT_EQUAL(given, 0);
	CU_ASSERT(!unwind_late_is_empty(late));
	give(late, 1, 8, true); /* older than half a second */
	unwind_late_run(late, false);
	CU_ASSERT(given == 1 && given_with_stack == 0);
	unwind_late_flush(late);
	CU_ASSERT(given == 3 && given_with_stack == 1);
	CU_ASSERT(unwind_late_is_empty(late));
	for (uint64_t i = 0; i < 1000; i++)
		give(late, soon + i, 7, true);
	CU_ASSERT_EQUAL(given, 3 + 1000 - 512);
	unwind_late_free(late);
}

SUITE(unwind_late, {"walks a copy", walks_a_copy}, {"walks out of a stub", walks_out_of_a_stub},
      {"samples wait with their copies", samples_wait_with_their_copies});
