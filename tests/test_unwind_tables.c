/* SPDX-License-Identifier: Apache-2.0 */
/* Tables in arrays of this process's own (memfds), and the lookup that walks use on them. */
#include "daemon/unwind_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/types.h"
#include "daemon/unwind_pieces.h"
#include "tests/unit.h"

static const struct unwind_table *seen_tables;
static const struct unwind_page *seen_pages;
static const struct unwind_row *seen_rows;
static const struct unwind_rule *seen_rules;

#define ELEMENT(name, type, array, entries)                                                        \
	static const struct type *name(uint32_t number)                                            \
	{                                                                                          \
		return number < (entries) ? &(array)[number] : NULL;                               \
	}
#include "bpf/unwind_types.h"
ELEMENT(unwind_table_at, unwind_table, seen_tables, UNWIND_TABLES)
ELEMENT(unwind_page_at, unwind_page, seen_pages, UNWIND_PAGES)
ELEMENT(unwind_row_at, unwind_row, seen_rows, UNWIND_ROWS)
ELEMENT(unwind_rule_at, unwind_rule, seen_rules, UNWIND_RULES)
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#include "bpf/unwind_lookup.h"

struct arrays {
	int fds[UNWIND_TABLES_FDS];
	struct unwind_tables *tables;
};

static const size_t array_bytes[UNWIND_TABLES_FDS] = {
	UNWIND_TABLES * sizeof(struct unwind_table), UNWIND_PAGES * sizeof(struct unwind_page),
	UNWIND_ROWS * sizeof(struct unwind_row), UNWIND_RULES * sizeof(struct unwind_rule)};

static const void *view(int fd, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	CU_ASSERT_PTR_NOT_EQUAL_FATAL(memory, MAP_FAILED);
	return memory;
}

static void arrays_init(struct arrays *a)
{
	for (int i = 0; i < UNWIND_TABLES_FDS; i++) {
		a->fds[i] = memfd_create("array", MFD_CLOEXEC);
		CU_ASSERT_EQUAL_FATAL(ftruncate(a->fds[i], (off_t)array_bytes[i]), 0);
	}
	CU_ASSERT_EQUAL_FATAL(unwind_tables_new(a->fds, &a->tables, NULL), 0);
	seen_tables = view(a->fds[UNWIND_TABLES_FD], array_bytes[UNWIND_TABLES_FD]);
	seen_pages = view(a->fds[UNWIND_TABLES_PAGES_FD], array_bytes[UNWIND_TABLES_PAGES_FD]);
	seen_rows = view(a->fds[UNWIND_TABLES_ROWS_FD], array_bytes[UNWIND_TABLES_ROWS_FD]);
	seen_rules = view(a->fds[UNWIND_TABLES_RULES_FD], array_bytes[UNWIND_TABLES_RULES_FD]);
}

static void arrays_deinit(struct arrays *a)
{
	unwind_tables_free(a->tables);
	munmap((void *)seen_tables, array_bytes[UNWIND_TABLES_FD]);
	munmap((void *)seen_pages, array_bytes[UNWIND_TABLES_PAGES_FD]);
	munmap((void *)seen_rows, array_bytes[UNWIND_TABLES_ROWS_FD]);
	munmap((void *)seen_rules, array_bytes[UNWIND_TABLES_RULES_FD]);
	for (int i = 0; i < UNWIND_TABLES_FDS; i++)
		close(a->fds[i]);
}

/* A rule that can be told from others. */
static struct unwind_rule rule_of(int offset)
{
	return (struct unwind_rule){.cfa = UNWIND_CFA_REGISTER, .offset = offset};
}

/* The offset of the rule found, 0: none. */
static int found(uint32_t table, uint64_t at)
{
	uint32_t rule = unwind_find(table, at);
	const struct unwind_rule *r = unwind_rule_at(rule);
	return rule && r ? r->offset : 0;
}

static void finds_rows(void)
{
	struct arrays a;
	arrays_init(&a);
	const struct unwind_rule rules[] = {{0}, rule_of(8), rule_of(16), rule_of(24)};
	const struct unwind_row rows[] = {{0x1234, 1}, {0x1235, 2}, {0x13ff, 3}, {0x1400, 1},
					  {0x2600, 2}, {0x26a0, 0}, {0x9000, 3}, {0x9001, 0}};
	uint32_t first, second;
	CU_ASSERT_EQUAL_FATAL(unwind_tables_add(a.tables, rules, 4, rows, 8, &first), 0);
	CU_ASSERT_EQUAL_FATAL(unwind_tables_add(a.tables, rules, 4, rows + 4, 4, &second), 0);
	CU_ASSERT(first && second && first != second);
	CU_ASSERT_EQUAL(unwind_tables_rows(a.tables), 12);
	static const struct {
		uint64_t at;
		int first, second;
	} cases[] = {{0, 0, 0},		  {0x1233, 0, 0},    {0x1234, 8, 0}, {0x1235, 16, 0},
		     {0x13fe, 16, 0},	  {0x13ff, 24, 0},   {0x1400, 8, 0}, {0x25ff, 8, 0},
		     {0x2600, 16, 16},	  {0x269f, 16, 16},  {0x26a0, 0, 0}, {0x8fff, 0, 0},
		     {0x9000, 24, 24},	  {0x9001, 0, 0},    {0x9fff, 0, 0}, {0x9200, 0, 0},
		     {0x100001234, 0, 0}, {UINT64_MAX, 0, 0}};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CU_ASSERT_EQUAL(found(first, cases[i].at), cases[i].first);
		CU_ASSERT_EQUAL(found(second, cases[i].at), cases[i].second);
		CU_ASSERT_EQUAL(found(0, cases[i].at), 0);
		CU_ASSERT_EQUAL(found(UNWIND_TABLES, cases[i].at), 0);
	}
	arrays_deinit(&a);
}

static void finds_the_same_as_a_plain_search(void)
{
	enum {
		N = 5000
	};
	struct arrays a;
	arrays_init(&a);
	struct unwind_rule rules[100] = {{0}};
	struct unwind_row *rows = calloc(N, sizeof(*rows));
	for (int i = 1; i < 100; i++)
		rules[i] = rule_of(i);
	uint32_t pc = 100000, random = 1;
	for (int i = 0; i < N; i++) {
		random = random * 1103515245 + 12345;
		pc += 1 + (i % 500 < 450 ? (random >> 16) % 4 : (random >> 16) % 3000);
		rows[i] = (struct unwind_row){pc, 1 + (random >> 8) % 99};
	}
	rows[N - 1].rule = 0;
	uint32_t table;
	CU_ASSERT_EQUAL_FATAL(unwind_tables_add(a.tables, rules, 100, rows, N, &table), 0);
	unsigned wrong = 0;
	for (uint32_t at = 99990, row = 0; at < pc + 10; at++) {
		while (row < N && rows[row].pc <= at)
			row++;
		wrong += found(table, at) != (row ? (int)rows[row - 1].rule : 0);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	free(rows);
	arrays_deinit(&a);
}

static void room_comes_back(void)
{
	struct arrays a;
	arrays_init(&a);
	const struct unwind_rule rules[] = {{0}, rule_of(8)};
	uint32_t n = UNWIND_ROWS / 2 - 10, number[3];
	struct unwind_row *rows = calloc(n, sizeof(*rows));
	for (uint32_t i = 0; i < n; i++)
		rows[i] = (struct unwind_row){i, 1};
	CU_ASSERT_EQUAL(unwind_tables_add(a.tables, rules, 2, rows, n, &number[0]), 0);
	CU_ASSERT_EQUAL(unwind_tables_add(a.tables, rules, 2, rows, n, &number[1]), 0);
	CU_ASSERT_EQUAL(unwind_tables_add(a.tables, rules, 2, rows, n, &number[2]), -ENOSPC);
	CU_ASSERT_EQUAL(unwind_tables_add(a.tables, rules, 2, rows, 20, &number[2]), 0);
	unwind_tables_remove(a.tables, number[0]);
	CU_ASSERT_EQUAL(unwind_tables_rows(a.tables), UNWIND_ROWS);
	usleep(110 * 1000);
	CU_ASSERT_EQUAL(unwind_tables_add(a.tables, rules, 2, rows, n, &number[0]), 0);
	rows[n - 1].pc = UINT32_MAX;
	CU_ASSERT_EQUAL(unwind_tables_add(a.tables, rules, 2, rows, n, &number[0]), -E2BIG);
	free(rows);
	arrays_deinit(&a);
}

static void pieces_grow_together(void)
{
	struct unwind_pieces p;
	unwind_pieces_init(&p, 1, 99);
	CU_ASSERT_EQUAL(unwind_pieces_take(&p, 100), UNWIND_PIECES_NONE);
	uint32_t a = unwind_pieces_take(&p, 33), b = unwind_pieces_take(&p, 33),
		 c = unwind_pieces_take(&p, 33);
	CU_ASSERT(a == 1 && b == 34 && c == 67 && !p.n_free);
	CU_ASSERT_EQUAL(unwind_pieces_take(&p, 1), UNWIND_PIECES_NONE);
	unwind_pieces_give(&p, a, 33);
	unwind_pieces_give(&p, c, 33);
	CU_ASSERT_EQUAL(p.n, 2);
	CU_ASSERT_EQUAL(unwind_pieces_take(&p, 34), UNWIND_PIECES_NONE);
	unwind_pieces_give(&p, b, 33);
	CU_ASSERT(p.n == 1 && p.n_free == 99);
	CU_ASSERT_EQUAL(unwind_pieces_take(&p, 99), 1);
	unwind_pieces_give(&p, 0, 0);
	CU_ASSERT_EQUAL(p.n, 0);
	unwind_pieces_deinit(&p);
}

/* Two rows at the ends of 128 MiB of code would take half of all pages. */
static void sparse_tables_are_refused(void)
{
	struct arrays a = {0};
	arrays_init(&a);
	const struct unwind_rule rules[2] = {{0}};
	struct unwind_row rows[] = {{0x1000, 1}, {128 << 20, 1}};
	uint32_t number = 0;
	CU_ASSERT_EQUAL(unwind_tables_add(a.tables, rules, 2, rows, 2, &number), -E2BIG);
	rows[1].pc = 4 << 20;
	CU_ASSERT_EQUAL(unwind_tables_add(a.tables, rules, 2, rows, 2, &number), 0);
	arrays_deinit(&a);
}

SUITE(unwind_tables, {"sparse tables are refused", sparse_tables_are_refused},
      {"finds rows", finds_rows},
      {"finds the same as a plain search", finds_the_same_as_a_plain_search},
      {"room comes back", room_comes_back}, {"pieces grow together", pieces_grow_together});
