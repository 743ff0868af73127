/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the unwind rows and the step with libdw, an independent reader of the same information:
 *
 *	agree FILE…		each ELF file among them; others are passed over
 *
 * Both are asked at the first and the last byte of every row: from made-up registers and a made-up
 * memory the step must come to the same CFA, return address and callee-saved registers as libdw's
 * expressions do. Exit status 1: they differed somewhere. */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/guard.h"
#include "common/worker.h"
#include "symbolizer/cfi.h"
#include "symbolizer/elf.h"
#include "symbolizer/go_frames.h"
#include "symbolizer/table.h"
#include "symbolizer/table_go.h"

/* A memory in which every address holds a number of its own. Whole words only. */
static uint64_t word_at(uint64_t address)
{
	uint64_t x = address * 0x9e3779b97f4a7c15ull;
	return x ^ x >> 29 ^ address << 7;
}
static long unwind_read(void *to, size_t bytes, uint64_t address)
{
	for (size_t i = 0; i < bytes; i += 8) {
		uint64_t word = word_at(address + i);
		memcpy((char *)to + i, &word, 8);
	}
	return 0;
}
#include "bpf/unwind_step.h"

enum {
	RA = 16,
	SHOWN_MAX = 5, /* differences shown of one file */
};

struct totals {
	uint64_t files, no_cfi, points, same, gaps, roots, unsupported, lost_registers, differ,
		only_ours, go_points;
	uint64_t rows, rules, fdes, broken, outside, overlapping;
};
static struct totals totals;
static int shown;
static bool is_go;

static const int compared[] = {3, 6, 12, 13, 14, 15};

/* What libdw says of one frame, evaluated. */
struct value {
	enum {
		VALUE_KNOWN,
		VALUE_UNDEFINED,
		VALUE_SAME,
		VALUE_NOT_COMPARABLE
	} kind;
	uint64_t value;
};

struct machine {
	const struct unwind_state *from;
	uint64_t cfa;
	uint64_t stack[16];
	unsigned n;
	bool bad;
};

static void push(struct machine *m, uint64_t value)
{
	if (m->n < 16)
		m->stack[m->n++] = value;
	else
		m->bad = true;
}
static uint64_t pop(struct machine *m)
{
	m->bad |= !m->n;
	return m->n ? m->stack[--m->n] : 0;
}
static uint64_t reg_of(struct machine *m, uint64_t number)
{
	m->bad |= number > RA;
	return number == RA ? m->from->pc : m->from->reg[number & 15];
}

static void binary(struct machine *m, uint8_t op)
{
	uint64_t b = pop(m), a = pop(m);
	switch (op) {
	case DW_OP_plus:
		push(m, a + b);
		return;
	case DW_OP_minus:
		push(m, a - b);
		return;
	case DW_OP_and:
		push(m, a & b);
		return;
	case DW_OP_shl:
		push(m, b < 64 ? a << b : 0);
		return;
	case DW_OP_ge:
		push(m, (int64_t)a >= (int64_t)b);
		return;
	default:
		m->bad = true;
	}
}

/* The value on top, or a register's name at the end. *is_value: it is no address of the value. */
static struct value evaluate(struct machine *m, const Dwarf_Op *ops, size_t n, bool *is_value)
{
	*is_value = false;
	for (size_t i = 0; i < n; i++) {
		uint8_t op = ops[i].atom;
		if (op >= DW_OP_breg0 && op <= DW_OP_breg31) {
			push(m, reg_of(m, op - DW_OP_breg0) + ops[i].number);
		} else if (op == DW_OP_bregx) {
			push(m, reg_of(m, ops[i].number) + ops[i].number2);
		} else if (op >= DW_OP_reg0 && op <= DW_OP_reg31) {
			push(m, reg_of(m, op - DW_OP_reg0));
			*is_value = true;
		} else if (op == DW_OP_regx) {
			push(m, reg_of(m, ops[i].number));
			*is_value = true;
		} else if (op == DW_OP_call_frame_cfa) {
			push(m, m->cfa);
		} else if (op == DW_OP_stack_value) {
			*is_value = true;
		} else if (op >= DW_OP_lit0 && op <= DW_OP_lit31) {
			push(m, op - DW_OP_lit0);
		} else if (op >= DW_OP_const1u && op <= DW_OP_consts) {
			push(m, ops[i].number);
		} else if (op == DW_OP_plus_uconst) {
			push(m, pop(m) + ops[i].number);
		} else if (op == DW_OP_deref) {
			push(m, word_at(pop(m)));
		} else {
			binary(m, op);
		}
	}
	uint64_t value = pop(m);
	return (struct value){m->bad ? VALUE_NOT_COMPARABLE : VALUE_KNOWN, value};
}

static struct value register_of(Dwarf_Frame *frame, const struct unwind_state *from, uint64_t cfa,
				int number)
{
	Dwarf_Op memory[3], *ops;
	size_t n;
	if (dwarf_frame_register(frame, number, memory, &ops, &n))
		return (struct value){VALUE_NOT_COMPARABLE, 0};
	if (!n)
		return (struct value){ops == memory ? VALUE_UNDEFINED : VALUE_SAME, 0};
	struct machine m = {.from = from, .cfa = cfa};
	bool is_value;
	struct value v = evaluate(&m, ops, n, &is_value);
	if (!is_value)
		v.value = word_at(v.value);
	return v;
}

static void differ(const char *path, uint64_t vaddr, const char *what, uint64_t ours,
		   uint64_t theirs)
{
	totals.differ++;
	if (shown++ < SHOWN_MAX)
		printf("%s: %#" PRIx64 ": %s: %#" PRIx64 ", libdw %#" PRIx64 "\n", path, vaddr,
		       what, ours, theirs);
}

/* Registers far from each other, so that nothing comes out right by accident. */
static struct unwind_state made_up(uint64_t vaddr)
{
	struct unwind_state s = {.pc = vaddr};
	for (unsigned i = 0; i < UNWIND_REGISTERS; i++)
		s.reg[i] = (i + 1) * 0x100000000ull;
	s.reg[UNWIND_RSP] = 0x10000;
	return s;
}

static void compare_registers(const char *path, uint64_t vaddr, Dwarf_Frame *frame, uint64_t cfa,
			      const struct unwind_state *from, const struct unwind_state *to)
{
	for (unsigned i = 0; i < sizeof(compared) / sizeof(*compared); i++) {
		int number = compared[i];
		struct value v = register_of(frame, from, cfa, number);
		uint64_t same = from->reg[number], ours = to->reg[number];
		uint64_t theirs = v.kind == VALUE_KNOWN ? v.value : same;
		if (v.kind == VALUE_NOT_COMPARABLE ||
		    (ours != theirs && number != 6 && ours == same))
			totals.lost_registers++;
		else if (ours != theirs && number == 6 && is_go)
			totals.only_ours++; /* which Go's CFI does not tell of */
		else if (ours != theirs)
			differ(path, vaddr, "register", ours, theirs);
	}
}

static void compare(const char *path, uint64_t vaddr, const struct unwind_rule *rule,
		    Dwarf_Frame *frame)
{
	totals.points++;
	if (is_go && (rule->switched || rule->cfa == UNWIND_CFA_SIGNAL)) {
		totals.only_ours++;
		return;
	}
	if (rule->cfa == UNWIND_CFA_UNKNOWN) {
		totals.unsupported++;
		return;
	}
	struct unwind_state from = made_up(vaddr), to = from;
	struct value ra = register_of(frame, &from, 0, RA);
	if (rule->ra == UNWIND_RA_ROOT || ra.kind == VALUE_UNDEFINED) {
		if (rule->ra != UNWIND_RA_ROOT || ra.kind != VALUE_UNDEFINED)
			differ(path, vaddr, "root", rule->ra == UNWIND_RA_ROOT,
			       ra.kind == VALUE_UNDEFINED);
		totals.roots++;
		return;
	}
	struct machine m = {.from = &from};
	Dwarf_Op *ops;
	size_t n;
	bool is_value;
	if (dwarf_frame_cfa(frame, &ops, &n)) {
		differ(path, vaddr, "no CFA in libdw", rule->cfa, 0);
		return;
	}
	uint64_t cfa = evaluate(&m, ops, n, &is_value).value;
	uint32_t end = unwind_step(&to, rule);
	if (end == WALK_NO_PROGRESS && rule->cfa != UNWIND_CFA_SIGNAL) {
		totals.unsupported++;
		return;
	}
	ra = register_of(frame, &from, cfa, RA);
	if (end != UNWIND_STEPPED || m.bad || ra.kind != VALUE_KNOWN)
		differ(path, vaddr, "step", end, ra.kind);
	else if (to.reg[UNWIND_RSP] != cfa)
		differ(path, vaddr, "CFA", to.reg[UNWIND_RSP], cfa);
	else if (to.pc != ra.value)
		differ(path, vaddr, "return address", to.pc, ra.value);
	else
		totals.same++;
	compare_registers(path, vaddr, frame, cfa, &from, &to);
}

static void compare_at(const char *path, Dwarf_CFI *cfi, Dwarf_CFI *other, uint64_t vaddr,
		       const struct unwind_rule *rule)
{
	Dwarf_Frame *frame guard_mem = NULL;
	bool has = !dwarf_cfi_addrframe(cfi, vaddr, &frame) ||
		   (other && !dwarf_cfi_addrframe(other, vaddr, &frame));
	if (rule->cfa == UNWIND_CFA_NONE && !has)
		totals.gaps++;
	else if (rule->cfa == UNWIND_CFA_NONE)
		differ(path, vaddr, "row", rule->cfa, has);
	else if (!has) /* libdw passes over some FDEs that readelf shows, too */
		totals.only_ours++;
	else
		compare(path, vaddr, rule, frame);
}

static void compare_table(const char *path, const struct elf *elf, const struct cfi_table *t,
			  Dwarf_CFI *cfi, Dwarf_CFI *other)
{
	for (uint32_t i = 0; i < t->n_rows; i++) {
		const struct unwind_rule *rule = &t->rules[t->rows[i].rule];
		uint64_t first, last;
		if (!elf_offset_to_address(elf, t->rows[i].pc, &first))
			continue; /* the gap behind the last function */
		compare_at(path, cfi, other, first, rule);
		if (i + 1 < t->n_rows && t->rows[i + 1].pc > t->rows[i].pc + 1 &&
		    elf_offset_to_address(elf, t->rows[i + 1].pc - 1, &last))
			compare_at(path, cfi, other, last, rule);
	}
	totals.rows += t->n_rows;
	totals.rules += t->n_rules;
	totals.fdes += t->counts.fdes;
	totals.broken += t->counts.fdes_broken;
	totals.outside += t->counts.fdes_outside;
	totals.overlapping += t->counts.fdes_overlapping;
}

/* Rows of `t`, where another table begins its own. */
static void compare_rows_at(const char *path, const struct elf *elf, const struct cfi_table *t,
			    const struct cfi_table *starts, Dwarf_CFI *cfi)
{
	for (uint32_t i = 0, row = 0; i < starts->n_rows; i++) {
		const uint32_t pc = starts->rows[i].pc;
		uint64_t vaddr;
		while (row < t->n_rows && t->rows[row].pc <= pc)
			row++;
		if (row && elf_offset_to_address(elf, pc, &vaddr))
			compare_at(path, cfi, NULL, vaddr, &t->rules[t->rows[row - 1].rule]);
	}
}

/* What .gopclntab tells of the depths of frames, where there is .debug_frame to tell of the same:
 * also where only the latter begins a row. */
static void compare_go(const char *path, const struct elf *elf, const struct cfi_table *table,
		       Dwarf_CFI *debug)
{
	struct elf_bytes frames guard_elf_bytes = {0};
	struct cfi_table t guard(cfi_table_deinit) = {0};
	struct worker_segment segments[WORKER_SEGMENTS];
	struct cfi_source source = {.segments = segments, .go = true};
	if (go_frames_write(elf, &frames))
		return;
	for (uint32_t i = 0; i < elf->n_segments && source.n_segments < WORKER_SEGMENTS; i++) {
		const Elf64_Phdr *s = &elf->segments[i];
		if (elf_is_code_segment(s))
			segments[source.n_segments++] = (struct worker_segment){
				s->p_vaddr, s->p_memsz, s->p_offset, s->p_filesz};
	}
	source.sections[1] =
		(struct cfi_section){.bytes = frames.data, .n = frames.bytes, .debug = true};
	const uint64_t before = totals.points;
	if (cfi_compile(&source, &t, NULL)) {
		differ(path, 0, "rows of .gopclntab", 0, table->n_rows);
		return;
	}
	compare_table(path, elf, &t, debug, NULL);
	compare_rows_at(path, elf, &t, table, debug);
	totals.go_points += totals.points - before;
}

static void agree(const char *path)
{
	struct elf *elf guard_elf = NULL;
	struct cfi_table table guard(cfi_table_deinit) = {0};
	int fd guard_fd = open(path, O_RDONLY | O_CLOEXEC);
	shown = 0;
	if (fd < 0 || elf_open(dup(fd), &elf, NULL) || elf->type == ET_REL)
		return;
	totals.files++;
	is_go = table_go_is(elf);
	if (table_build(elf, &table, NULL)) {
		totals.no_cfi++;
		return;
	}
	Elf *theirs = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	Dwarf_CFI *cfi = theirs ? dwarf_getcfi_elf(theirs) : NULL;
	Dwarf *dwarf = theirs ? dwarf_begin_elf(theirs, DWARF_C_READ, NULL) : NULL;
	Dwarf_CFI *debug = dwarf ? dwarf_getcfi(dwarf) : NULL;
	if (cfi || debug)
		compare_table(path, elf, &table, cfi ? cfi : debug, cfi ? debug : NULL);
	else if (!is_go && table.counts.fdes) /* ours of a stripped Go program it cannot know */
		differ(path, 0, "libdw finds none", table.n_rows, 0);
	if (debug && is_go)
		compare_go(path, elf, &table, debug);
	if (cfi)
		dwarf_cfi_end(cfi);
	if (dwarf)
		dwarf_end(dwarf);
	if (theirs)
		elf_end(theirs);
}

int main(int argc, char **argv)
{
	elf_version(EV_CURRENT);
	for (int i = 1; i < argc; i++)
		agree(argv[i]);
	printf("files %" PRIu64 " (without unwind information %" PRIu64 "), rows %" PRIu64
	       ", rules %" PRIu64 ", functions %" PRIu64 " (broken %" PRIu64 ", outside %" PRIu64
	       ", told twice %" PRIu64 ")\n",
	       totals.files, totals.no_cfi, totals.rows, totals.rules, totals.fdes, totals.broken,
	       totals.outside, totals.overlapping);
	printf("compared %" PRIu64 ": same %" PRIu64 ", roots %" PRIu64 ", gaps %" PRIu64
	       ", rules not kept %" PRIu64 ", registers not kept %" PRIu64
	       ", not found by libdw %" PRIu64 ", differences %" PRIu64 "\n",
	       totals.points, totals.same, totals.roots, totals.gaps, totals.unsupported,
	       totals.lost_registers, totals.only_ours, totals.differ);
	if (totals.go_points)
		printf("of these by .gopclntab: %" PRIu64 "\n", totals.go_points);
	return totals.differ != 0;
}
