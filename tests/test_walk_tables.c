/* SPDX-License-Identifier: Apache-2.0 */
/* Walks by unwind tables, in the kernel: the whole way from the .eh_frame of this program to the
 * frames of a child, in code whose frame pointer is nonsense. */
#include <fcntl.h>
#include <unistd.h>

#include "daemon/unwind_tables.h"
#include "symbolizer/elf.h"
#include "symbolizer/table.h"
#include "tests/sampling.h"
#include "tests/unit.h"

enum {
	SPACE = 7,
	PERIOD_NS = 500000,
	ENOUGH = 10, /* samples */
};

/* tables_root calls tables_recurse, which calls itself until `depth` are there and then spins. */
void tables_root(unsigned depth);
extern const char tables_returned[], tables_recursed[], tables_spin[];
__asm__(".text\n"
	".globl tables_root, tables_returned, tables_recursed, tables_spin\n"
	"tables_root:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	mov $1, %ebp\n"
	"	call tables_recurse\n"
	"tables_returned:\n"
	"	hlt\n"
	"	.cfi_endproc\n"
	"tables_recurse:\n"
	"	.cfi_startproc\n"
	"	sub $40, %rsp\n"
	"	.cfi_adjust_cfa_offset 40\n"
	"	dec %edi\n"
	"	jz tables_spin\n"
	"	call tables_recurse\n"
	"tables_recursed:\n"
	"	hlt\n"
	"tables_spin:\n"
	"	jmp tables_spin\n"
	"	.cfi_endproc\n");

static unsigned depth;

static void recurse(void)
{
	tables_root(depth);
}

/* The table of this program, in the shared arrays; 0 after a failed assertion. */
static uint32_t add_table(struct unwind_tables *tables)
{
	struct elf *elf guard_elf = NULL;
	struct cfi_table table = {0};
	uint32_t number = 0;
	CU_ASSERT_EQUAL(elf_open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), &elf, NULL), 0);
	CU_ASSERT_EQUAL(table_build(elf, &table, NULL), 0);
	CU_ASSERT_EQUAL(unwind_tables_add(tables, table.rules, table.n_rules, table.rows,
					  table.n_rows, &number),
			0);
	cfi_table_deinit(&table);
	return number;
}

/* The child's mapping of this program gets the table. */
static const struct mapping *set_table(struct sampling *s, uint32_t number)
{
	uint64_t range = s->spaces[SPACE].range;
	for (uint32_t i = 0; i < (uint32_t)range; i++) {
		struct mapping *m = &s->mappings[(range >> 32) + i];
		if ((uint64_t)tables_spin < m->start || (uint64_t)tables_spin >= m->end)
			continue;
		m->table = number;
		return m;
	}
	return NULL;
}

static void check(const struct sampling *s, const struct mapping *m, uint32_t flags)
{
	for (size_t i = 0; i < s->n_samples; i++) {
		const struct stack_event *user =
			sampling_stack(s, s->samples[i].user_hash, s->samples[i].user_check);
		CU_ASSERT_PTR_NOT_NULL(user);
		if (!user)
			return;
		bool by_pointer = flags & SESSION_BY_POINTER;
		unsigned n = by_pointer ? 1 : depth + 1;
		CU_ASSERT_EQUAL(user->end, by_pointer ? WALK_NO_ROW : WALK_ROOT);
		CU_ASSERT_EQUAL(user->n_frames, n);
		for (unsigned k = 0; k < user->n_frames && k < n; k++) {
			const char *at = !k	     ? tables_spin
					 : k < depth ? tables_recursed
						     : tables_returned;
			CU_ASSERT_EQUAL(user->frames[k].kind, FRAME_FILE);
			CU_ASSERT_EQUAL(user->frames[k].object, m->object);
			CU_ASSERT_EQUAL(user->frames[k].address + m->start - m->offset,
					(uint64_t)at);
			CU_ASSERT_EQUAL(user->frames[k].flags, k ? 0 : FRAME_EXACT);
		}
	}
}

static void record(uint32_t flags)
{
	struct sampling *s = sampling_new();
	if (!s)
		return;
	struct unwind_tables *tables = NULL;
	CU_ASSERT_EQUAL(unwind_tables_new(&s->fds[LOAD_UNWIND_TABLES], &tables, NULL), 0);
	uint32_t number = add_table(tables);
	pid_t child = sampling_child(recurse);
	sampling_map(s, child, SPACE);
	const struct mapping *m = set_table(s, number);
	CU_ASSERT_PTR_NOT_NULL(m);
	CU_ASSERT_EQUAL(programs_take(s->programs, 1, child, 0, NULL), 0);
	CU_ASSERT_EQUAL(programs_set_space(s->programs, child, SPACE), 0);
	if (m && number && sampling_start(s, 1, PERIOD_NS, flags)) {
		sampling_wait_samples(s, ENOUGH);
		s->n_samples = 0; /* of the child's beginnings; its stacks are kept */
		sampling_wait_samples(s, ENOUGH);
		sampling_pause(s, 1);
		sampling_drain(s);
		check(s, m, flags);
	}
	sampling_end(child);
	unwind_tables_free(tables);
	sampling_free(s);
}

static void finds_every_frame(void)
{
	static const unsigned depths[] = {1, 2, 500};
	for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
		depth = depths[i];
		record(SESSION_USER);
	}
}

static void leaves_tables_alone_when_asked_to(void)
{
	depth = 3;
	record(SESSION_USER | SESSION_BY_POINTER);
}

SUITE(walk_tables, {"finds every frame", finds_every_frame},
      {"leaves tables alone when asked to", leaves_tables_alone_when_asked_to});
