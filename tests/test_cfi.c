/* SPDX-License-Identifier: Apache-2.0 */
#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/worker.h"
#include "symbolizer/cfi.h"
#include "tests/unit.h"

enum {
	SECTION_VADDR = 0x1000,
	TEXT_VADDR = 0x400000,
	TEXT_OFFSET = 0x2000,
	TEXT_BYTES = 0x1000,
};

/* A section made by hand. */
struct maker {
	uint8_t bytes[4096];
	size_t n;
	size_t length_at;
	bool debug;
};

static void put(struct maker *m, const void *bytes, size_t n)
{
	memcpy(m->bytes + m->n, bytes, n);
	m->n += n;
}
static void put32(struct maker *m, uint32_t value)
{
	put(m, &value, sizeof(value));
}
static void put64(struct maker *m, uint64_t value)
{
	put(m, &value, sizeof(value));
}
static void begin(struct maker *m)
{
	m->length_at = m->n;
	put32(m, 0);
}
static void end(struct maker *m)
{
	uint32_t length = (uint32_t)(m->n - m->length_at - 4);
	memcpy(m->bytes + m->length_at, &length, 4);
}

/* A CIE as gcc writes it: CFA = rsp + 8, return address at CFA - 8. Returns its offset. */
static size_t cie(struct maker *m, const char *augmentation)
{
	size_t at = m->n;
	begin(m);
	put32(m, m->debug ? UINT32_MAX : 0);
	put(m, "\1", 1);
	put(m, augmentation, strlen(augmentation) + 1);
	put(m, "\1\x78\x10", 3); /* code 1, data -8, return address in 16 */
	if (*augmentation) {
		uint8_t data[] = {1, DW_EH_PE_pcrel | DW_EH_PE_sdata4};
		put(m, data, sizeof(data));
	}
	uint8_t program[] = {DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1};
	put(m, program, sizeof(program));
	end(m);
	return at;
}

static void fde(struct maker *m, size_t cie_at, uint64_t start, uint32_t n, const void *program,
		size_t n_program)
{
	begin(m);
	if (m->debug) {
		put32(m, (uint32_t)cie_at);
		put64(m, start);
		put64(m, n);
	} else {
		put32(m, (uint32_t)(m->n - cie_at));
		put32(m, (uint32_t)(start - (SECTION_VADDR + m->n)));
		put32(m, n);
		put(m, "\0", 1);
	}
	put(m, program, n_program);
	end(m);
}
#define FDE(m, cie_at, start, n, ...)                                                              \
	do {                                                                                       \
		const uint8_t program_[] = {__VA_ARGS__};                                          \
		fde(m, cie_at, TEXT_VADDR + (start), n, program_, sizeof(program_));               \
	} while (0)

static int compile(const struct maker *m, const struct maker *other, struct cfi_table *table)
{
	static const struct worker_segment text = {.vaddr = TEXT_VADDR,
						   .memory_bytes = TEXT_BYTES,
						   .offset = TEXT_OFFSET,
						   .file_bytes = TEXT_BYTES};
	const struct maker *makers[] = {m, other};
	struct cfi_source source = {.segments = &text, .n_segments = 1};
	for (int i = 0; i < 2; i++)
		if (makers[i])
			source.sections[i] = (struct cfi_section){.bytes = makers[i]->bytes,
								  .n = makers[i]->n,
								  .vaddr = SECTION_VADDR,
								  .debug = makers[i]->debug};
	*table = (struct cfi_table){0};
	return cfi_compile(&source, table, NULL);
}

/* The rule that holds at an offset in the text. */
static const struct unwind_rule *rule_at(const struct cfi_table *table, uint32_t at)
{
	static const struct unwind_rule none;
	const struct unwind_rule *found = &none;
	for (uint32_t i = 0; i < table->n_rows && table->rows[i].pc <= TEXT_OFFSET + at; i++)
		found = &table->rules[table->rows[i].rule];
	return found;
}

static void check_sorted(const struct cfi_table *table)
{
	for (uint32_t i = 0; i < table->n_rows; i++) {
		CU_ASSERT(table->rows[i].rule < table->n_rules);
		CU_ASSERT(!i || table->rows[i - 1].pc < table->rows[i].pc);
		CU_ASSERT(!i || table->rows[i - 1].rule != table->rows[i].rule);
	}
	CU_ASSERT(table->n_rows && table->rows[table->n_rows - 1].rule == UNWIND_NO_RULE);
}

static void a_function_with_a_frame(void)
{
	struct maker m = {0};
	size_t c = cie(&m, "zR");
	FDE(&m, c, 0x10, 0x20, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_offset | 6,
	    2, DW_CFA_advance_loc | 3, DW_CFA_def_cfa_register, 6, DW_CFA_advance_loc | 4,
	    DW_CFA_offset | 3, 3, DW_CFA_advance_loc1, 0x10, DW_CFA_def_cfa, 7, 8, DW_CFA_nop);
	struct cfi_table t;
	CU_ASSERT_EQUAL_FATAL(compile(&m, NULL, &t), 0);
	check_sorted(&t);
	CU_ASSERT_EQUAL(t.n_rows, 6);
	CU_ASSERT_EQUAL(t.rows[0].pc, TEXT_OFFSET + 0x10);
	CU_ASSERT_EQUAL(rule_at(&t, 0xf)->cfa, UNWIND_CFA_NONE);
	const struct unwind_rule *r = rule_at(&t, 0x10);
	CU_ASSERT(r->cfa == UNWIND_CFA_REGISTER && r->cfa_register == 7 && r->offset == 8);
	CU_ASSERT(r->ra == UNWIND_RA_SAVED && r->ra_offset == -1 && r->saved[1] == 0);
	r = rule_at(&t, 0x11);
	CU_ASSERT(r->cfa_register == 7 && r->offset == 16 && r->saved[1] == -2);
	r = rule_at(&t, 0x17);
	CU_ASSERT(r->cfa_register == 6 && r->offset == 16 && r->saved[0] == 0);
	r = rule_at(&t, 0x18);
	CU_ASSERT(r->cfa_register == 6 && r->saved[0] == -3 && r->saved[1] == -2);
	r = rule_at(&t, 0x2f);
	CU_ASSERT(r->cfa_register == 7 && r->offset == 8 && r->saved[1] == -2);
	CU_ASSERT_EQUAL(rule_at(&t, 0x30)->cfa, UNWIND_CFA_NONE);
	cfi_table_deinit(&t);
}

static void equal_rows_are_merged(void)
{
	struct maker m = {0};
	size_t c = cie(&m, "zR");
	FDE(&m, c, 0x20, 0x10, DW_CFA_nop);
	FDE(&m, c, 0x10, 0x10, DW_CFA_advance_loc | 4, DW_CFA_GNU_args_size, 16,
	    DW_CFA_advance_loc | 4, DW_CFA_offset_extended, 17, 5);
	FDE(&m, c, 0x40, 0x10, DW_CFA_nop);
	struct cfi_table t;
	CU_ASSERT_EQUAL_FATAL(compile(&m, NULL, &t), 0);
	check_sorted(&t);
	CU_ASSERT_EQUAL(t.n_rows, 4);
	CU_ASSERT_EQUAL(t.n_rules, 2);
	CU_ASSERT_EQUAL(t.counts.fdes, 3);
	cfi_table_deinit(&t);
}

static void states_are_remembered(void)
{
	struct maker m = {0};
	size_t c = cie(&m, "zR");
	FDE(&m, c, 0, 0x20, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 48, DW_CFA_offset | 6, 2,
	    DW_CFA_advance_loc | 1, DW_CFA_remember_state, DW_CFA_restore | 6,
	    DW_CFA_def_cfa_offset, 8, DW_CFA_advance_loc | 1, DW_CFA_restore_state);
	struct cfi_table t;
	CU_ASSERT_EQUAL_FATAL(compile(&m, NULL, &t), 0);
	CU_ASSERT(rule_at(&t, 2)->offset == 8 && rule_at(&t, 2)->saved[1] == 0);
	CU_ASSERT(rule_at(&t, 3)->offset == 48 && rule_at(&t, 3)->saved[1] == -2);
	cfi_table_deinit(&t);
}

static void expressions_known_by_shape(void)
{
	struct maker m = {0};
	size_t c = cie(&m, "zR");
	FDE(&m, c, 0x00, 0x10, DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8, DW_OP_breg16, 0,
	    DW_OP_lit15, DW_OP_and, DW_OP_lit10, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus);
	/* stack realignment: CFA = *(rbp - 8), rbp at rbp + 0, rbx at rbp - 40 */
	FDE(&m, c, 0x10, 0x10, DW_CFA_def_cfa_expression, 3, DW_OP_breg6, 0x78, DW_OP_deref,
	    DW_CFA_expression, 6, 2, DW_OP_breg6, 0, DW_CFA_expression, 3, 2, DW_OP_breg6, 0x58);
	/* OpenSSL: CFA = *(rsp + 280) + 8 */
	FDE(&m, c, 0x20, 0x10, DW_CFA_def_cfa_expression, 6, DW_OP_breg7, 0x98, 2, DW_OP_deref,
	    DW_OP_plus_uconst, 8);
	/* nothing that is known */
	FDE(&m, c, 0x30, 0x10, DW_CFA_def_cfa_expression, 3, DW_OP_breg7, 0, DW_OP_neg);
	struct cfi_table t;
	CU_ASSERT_EQUAL_FATAL(compile(&m, NULL, &t), 0);
	const struct unwind_rule *r = rule_at(&t, 0);
	CU_ASSERT(r->cfa == UNWIND_CFA_PLT && r->cfa_register == 7 && r->offset == 8 &&
		  r->add == 10);
	r = rule_at(&t, 0x10);
	CU_ASSERT(r->cfa == UNWIND_CFA_DEREF && r->cfa_register == 6 && r->offset == -8);
	CU_ASSERT(r->base == 6 && r->based == 3 && r->saved[1] == 0 && r->saved[0] == -5);
	r = rule_at(&t, 0x20);
	CU_ASSERT(r->cfa == UNWIND_CFA_DEREF && r->cfa_register == 7 && r->offset == 280 &&
		  r->add == 8);
	CU_ASSERT_EQUAL(rule_at(&t, 0x30)->cfa, UNWIND_CFA_UNKNOWN);
	CU_ASSERT_EQUAL(t.counts.rows_unknown, 1);
	cfi_table_deinit(&t);
}

static void roots_and_return_addresses_in_registers(void)
{
	struct maker m = {0};
	size_t c = cie(&m, "zR");
	FDE(&m, c, 0x00, 0x10, DW_CFA_undefined, 16);
	FDE(&m, c, 0x10, 0x10, DW_CFA_def_cfa_offset, 0, DW_CFA_register, 16, 5);
	struct cfi_table t;
	CU_ASSERT_EQUAL_FATAL(compile(&m, NULL, &t), 0);
	CU_ASSERT_EQUAL(rule_at(&t, 0)->ra, UNWIND_RA_ROOT);
	const struct unwind_rule *r = rule_at(&t, 0x10);
	CU_ASSERT(r->ra == UNWIND_RA_REGISTER && r->ra_register == 5 && r->offset == 0);
	cfi_table_deinit(&t);
}

static void signal_frames(void)
{
	struct maker m = {0};
	size_t c = cie(&m, "zRS");
	FDE(&m, c, 0, 0x10, DW_CFA_def_cfa_expression, 4, DW_OP_breg7, 0xa0, 1, DW_OP_deref,
	    DW_CFA_expression, 6, 3, DW_OP_breg7, 0xf8, 0, DW_CFA_expression, 16, 3, DW_OP_breg7,
	    0xa8, 1);
	struct cfi_table t;
	CU_ASSERT_EQUAL_FATAL(compile(&m, NULL, &t), 0);
	const struct unwind_rule *r = rule_at(&t, 0);
	CU_ASSERT(r->cfa == UNWIND_CFA_SIGNAL && r->cfa_register == 7 && r->offset == 0 &&
		  r->signal);
	cfi_table_deinit(&t);
}

static void debug_frame_fills_the_gaps(void)
{
	struct maker m = {0}, d = {.debug = true};
	size_t c = cie(&m, "zR");
	FDE(&m, c, 0x10, 0x10, DW_CFA_def_cfa_offset, 32);
	c = cie(&d, "");
	FDE(&d, c, 0x08, 0x28, DW_CFA_def_cfa_offset, 64);
	FDE(&d, c, 0x40, 0x10, DW_CFA_def_cfa_offset, 80);
	struct cfi_table t;
	CU_ASSERT_EQUAL_FATAL(compile(NULL, &d, &t), 0);
	check_sorted(&t);
	CU_ASSERT_EQUAL(rule_at(&t, 0x12)->offset, 64);
	CU_ASSERT_EQUAL(rule_at(&t, 0x4f)->offset, 80);
	cfi_table_deinit(&t);
	FDE(&d, c, 0x10, 0x30, DW_CFA_def_cfa_offset, 96);
	CU_ASSERT_EQUAL_FATAL(compile(&m, &d, &t), 0);
	check_sorted(&t);
	CU_ASSERT_EQUAL(rule_at(&t, 0x08)->offset, 64);
	CU_ASSERT_EQUAL(rule_at(&t, 0x41)->offset, 80);
	CU_ASSERT_NOT_EQUAL(t.counts.fdes_overlapping, 0);
	cfi_table_deinit(&t);
}

static void broken_ones_cost_their_function(void)
{
	struct maker m = {0};
	size_t c = cie(&m, "zR");
	FDE(&m, c, 0x00, 0x10, DW_CFA_advance_loc | 4, DW_CFA_restore_state);
	FDE(&m, c, 0x10, 0x10, DW_CFA_advance_loc | 4, 0x3f);
	FDE(&m, c, 0x20, 0x10, DW_CFA_advance_loc1);
	FDE(&m, c, 0x30, 0x10, DW_CFA_advance_loc | 0x3f);
	FDE(&m, c, 0x40, 0x10, DW_CFA_def_cfa_expression, 0xff, 0xff, 0xff, 0xff, 0x0f);
	FDE(&m, 4, 0x50, 0x10, DW_CFA_nop);
	FDE(&m, c, 0x2000, 0x10, DW_CFA_nop);
	FDE(&m, c, 0x60, 0x10, DW_CFA_def_cfa_offset, 24);
	struct cfi_table t;
	CU_ASSERT_EQUAL_FATAL(compile(&m, NULL, &t), 0);
	check_sorted(&t);
	CU_ASSERT_EQUAL(t.counts.fdes, 8);
	CU_ASSERT_EQUAL(t.counts.fdes_broken, 6);
	CU_ASSERT_EQUAL(t.counts.fdes_outside, 1);
	CU_ASSERT_EQUAL(rule_at(&t, 0x13)->offset, 8);
	CU_ASSERT_EQUAL(rule_at(&t, 0x15)->cfa, UNWIND_CFA_NONE);
	CU_ASSERT_EQUAL(rule_at(&t, 0x65)->offset, 24);
	cfi_table_deinit(&t);
}

static void every_cut_and_every_flipped_byte(void)
{
	struct maker m = {0};
	size_t c = cie(&m, "zRS");
	FDE(&m, c, 0, 0x10, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 48, DW_CFA_offset | 6, 2,
	    DW_CFA_advance_loc2, 3, 0, DW_CFA_remember_state, DW_CFA_def_cfa_expression, 6,
	    DW_OP_breg7, 0x98, 2, DW_OP_deref, DW_OP_plus_uconst, 8, DW_CFA_expression, 6, 3,
	    DW_OP_breg7, 0xf8, 0, DW_CFA_restore_state, DW_CFA_register, 16, 3);
	FDE(&m, c, 8, 0x40, DW_CFA_val_expression, 3, 1, 0, DW_CFA_val_offset_sf, 12, 4);
	size_t whole = m.n;
	struct cfi_table t;
	for (m.n = 0; m.n < whole; m.n++)
		if (!compile(&m, NULL, &t)) {
			check_sorted(&t);
			cfi_table_deinit(&t);
		}
	for (size_t i = 0; i < whole * 8; i++) {
		m.bytes[i / 8] ^= 1 << i % 8;
		if (!compile(&m, NULL, &t)) {
			check_sorted(&t);
			cfi_table_deinit(&t);
		}
		m.bytes[i / 8] ^= 1 << i % 8;
	}
	m.n = 0;
	CU_ASSERT_EQUAL(compile(&m, NULL, &t), -ENODATA);
}

SUITE(cfi, {"a function with a frame", a_function_with_a_frame},
      {"equal rows are merged", equal_rows_are_merged},
      {"states are remembered", states_are_remembered},
      {"expressions known by shape", expressions_known_by_shape},
      {"roots, return addresses in registers", roots_and_return_addresses_in_registers},
      {"signal frames", signal_frames}, {"debug_frame fills the gaps", debug_frame_fills_the_gaps},
      {"broken ones cost their function", broken_ones_cost_their_function},
      {"every cut, every flipped byte", every_cut_and_every_flipped_byte});
