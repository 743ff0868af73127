/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/unwind_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/unwind_types.h"
#include "common/array.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/memory.h"
#include "daemon/unwind_pieces.h"

enum {
	SPARSE_PAGES = 16 << 10, /* 8 MiB of code with next to no rows */
};

/* Longer than any walk: walks are bounded and run with interrupts off. */
static const uint64_t GRACE_NS = 100 * 1000 * 1000;

/* An array shared with the programs, and its free pieces. */
struct shared {
	void *memory;
	size_t bytes;
	struct unwind_pieces free;
};

struct leaving {
	uint32_t number;
	uint64_t since_ns;
};

struct unwind_tables {
	struct shared shared[UNWIND_TABLES_FDS];
	struct unwind_table *tables; /* these point into shared[] */
	struct unwind_page *pages;
	struct unwind_row *rows;
	struct unwind_rule *rules;
	struct {
		struct leaving *at;
		uint32_t n, room;
	} leaving; /* oldest first */
};

static const struct {
	uint32_t entries, size, first;
} arrays[UNWIND_TABLES_FDS] = {
	[UNWIND_TABLES_FD] = {UNWIND_TABLES, sizeof(struct unwind_table), 1},
	[UNWIND_TABLES_PAGES_FD] = {UNWIND_PAGES, sizeof(struct unwind_page), 0},
	[UNWIND_TABLES_ROWS_FD] = {UNWIND_ROWS, sizeof(struct unwind_row), 0},
	[UNWIND_TABLES_RULES_FD] = {UNWIND_RULES, sizeof(struct unwind_rule), 1},
};

int unwind_tables_new(const int fds[UNWIND_TABLES_FDS], struct unwind_tables **tables,
		      struct err *err)
{
	struct unwind_tables *t = memory_new(1, sizeof(*t));
	for (int i = 0; i < UNWIND_TABLES_FDS; i++) {
		struct shared *s = &t->shared[i];
		s->bytes = (size_t)arrays[i].entries * arrays[i].size;
		s->memory = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
		if (s->memory == MAP_FAILED) {
			int code = -errno;
			s->memory = NULL;
			unwind_tables_free(t);
			return err_set(err, code, ERR_FAILED, "cannot map the unwind tables: %s",
				       strerror(-code));
		}
		unwind_pieces_init(&s->free, arrays[i].first, arrays[i].entries - arrays[i].first);
	}
	t->tables = t->shared[UNWIND_TABLES_FD].memory;
	t->pages = t->shared[UNWIND_TABLES_PAGES_FD].memory;
	t->rows = t->shared[UNWIND_TABLES_ROWS_FD].memory;
	t->rules = t->shared[UNWIND_TABLES_RULES_FD].memory;
	*tables = t;
	return 0;
}

void unwind_tables_free(struct unwind_tables *tables)
{
	if (!tables)
		return;
	for (int i = 0; i < UNWIND_TABLES_FDS; i++) {
		if (tables->shared[i].memory)
			munmap(tables->shared[i].memory, tables->shared[i].bytes);
		unwind_pieces_deinit(&tables->shared[i].free);
	}
	free(tables->leaving.at);
	free(tables);
}

static void give_back(struct unwind_tables *t, const struct unwind_table *table)
{
	unwind_pieces_give(&t->shared[UNWIND_TABLES_PAGES_FD].free, table->first_page,
			   table->n_pages);
	unwind_pieces_give(&t->shared[UNWIND_TABLES_ROWS_FD].free, table->first_row, table->n_rows);
	unwind_pieces_give(&t->shared[UNWIND_TABLES_RULES_FD].free, table->first_rule,
			   table->n_rules);
}

/* The room of those whose time has come. */
static void settle(struct unwind_tables *t)
{
	uint32_t n = 0;
	while (n < t->leaving.n && t->leaving.at[n].since_ns + GRACE_NS <= clock_now_ns()) {
		uint32_t number = t->leaving.at[n++].number;
		give_back(t, &t->tables[number]);
		t->tables[number] = (struct unwind_table){0};
		unwind_pieces_give(&t->shared[UNWIND_TABLES_FD].free, number, 1);
	}
	if (!n)
		return;
	t->leaving.n -= n;
	memmove(t->leaving.at, t->leaving.at + n, t->leaving.n * sizeof(*t->leaving.at));
}

/* All pieces, or none. */
static bool take_pieces(struct unwind_tables *t, struct unwind_table *table)
{
	struct {
		int array;
		uint32_t *first, *n;
	} pieces[] = {{UNWIND_TABLES_PAGES_FD, &table->first_page, &table->n_pages},
		      {UNWIND_TABLES_ROWS_FD, &table->first_row, &table->n_rows},
		      {UNWIND_TABLES_RULES_FD, &table->first_rule, &table->n_rules}};
	struct unwind_table taken = {0};
	uint32_t *taken_n[] = {&taken.n_pages, &taken.n_rows, &taken.n_rules};
	uint32_t *taken_first[] = {&taken.first_page, &taken.first_row, &taken.first_rule};
	for (int i = 0; i < 3; i++) {
		struct unwind_pieces *from = &t->shared[pieces[i].array].free;
		uint32_t first = unwind_pieces_take(from, *pieces[i].n);
		if (first == UNWIND_PIECES_NONE) {
			give_back(t, &taken);
			return false;
		}
		*pieces[i].first = *taken_first[i] = first;
		*taken_n[i] = *pieces[i].n;
	}
	return true;
}

static void write_pages(struct unwind_tables *t, const struct unwind_table *table,
			const struct unwind_row *rows)
{
	uint32_t row = 0;
	for (uint32_t i = 0; i < table->n_pages; i++) {
		uint32_t first = row, number = table->base_page + i;
		while (row < table->n_rows && rows[row].pc >> UNWIND_PAGE_SHIFT == number)
			row++;
		t->pages[table->first_page + i] = (struct unwind_page){first, row - first};
	}
}

int unwind_tables_add(struct unwind_tables *tables, const struct unwind_rule *rules,
		      uint32_t n_rules, const struct unwind_row *rows, uint32_t n_rows,
		      uint32_t *number)
{
	struct unwind_table table = {.n_rows = n_rows, .n_rules = n_rules};
	table.base_page = rows[0].pc >> UNWIND_PAGE_SHIFT;
	table.n_pages = (rows[n_rows - 1].pc >> UNWIND_PAGE_SHIFT) - table.base_page + 1;
	/* A few rows far from each other would take the room of many: code has one a few dozen
	 * bytes. */
	uint64_t pages_max = SPARSE_PAGES + 16ull * n_rows;
	if (n_rows > UNWIND_ROWS || table.n_pages > UNWIND_PAGES || n_rules > UNWIND_RULES - 1 ||
	    table.n_pages > pages_max)
		return -E2BIG;
	settle(tables);
	uint32_t slot = unwind_pieces_take(&tables->shared[UNWIND_TABLES_FD].free, 1);
	if (slot == UNWIND_PIECES_NONE)
		return -ENOSPC;
	if (!take_pieces(tables, &table)) {
		unwind_pieces_give(&tables->shared[UNWIND_TABLES_FD].free, slot, 1);
		return -ENOSPC;
	}
	memcpy(&tables->rows[table.first_row], rows, n_rows * sizeof(*rows));
	memcpy(&tables->rules[table.first_rule], rules, n_rules * sizeof(*rules));
	write_pages(tables, &table, rows);
	tables->tables[slot] = table;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*number = slot;
	return 0;
}

void unwind_tables_remove(struct unwind_tables *tables, uint32_t number)
{
	if (number)
		*array_add(&tables->leaving) = (struct leaving){number, clock_now_ns()};
}

uint32_t unwind_tables_rows(const struct unwind_tables *tables)
{
	return UNWIND_ROWS - tables->shared[UNWIND_TABLES_ROWS_FD].free.n_free;
}

/* The lookup of the programs, on our side of the arrays. */
static const struct unwind_tables *looking;

#define ELEMENT(name, type, array, entries)                                                        \
	static const struct type *name(uint32_t number)                                            \
	{                                                                                          \
		return number < (entries) ? &looking->array[number] : NULL;                        \
	}
ELEMENT(unwind_table_at, unwind_table, tables, UNWIND_TABLES)
ELEMENT(unwind_page_at, unwind_page, pages, UNWIND_PAGES)
ELEMENT(unwind_row_at, unwind_row, rows, UNWIND_ROWS)
ELEMENT(unwind_rule_at, unwind_rule, rules, UNWIND_RULES)
#include "bpf/unwind_lookup.h"

const struct unwind_rule *unwind_tables_find(const struct unwind_tables *tables, uint32_t number,
					     uint64_t offset)
{
	looking = tables;
	uint32_t rule = unwind_find(number, offset);
	return rule ? unwind_rule_at(rule) : NULL;
}
