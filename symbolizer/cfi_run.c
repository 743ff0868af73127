/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the instructions of a CIE or FDE (DWARF 5 6.4.2 and GNU's). Every instruction takes at least
 * a byte of its program, and each makes at most one range: time and output are linear in input. */
#include "symbolizer/cfi_state.h"

#include <dwarf.h>

struct runner {
	struct cfi_run *run;
	uint64_t at; /* the address that the next range starts at */
	bool broken;
	const uint8_t *first;
	unsigned n_remembered;
	struct cfi_state remembered[CFI_REMEMBER_MAX];
};

uint64_t cfi_run_encoded(struct cursor *c, uint8_t encoding, uint64_t vaddr)
{
	uint64_t value = 0;
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		value = cursor_u64(c);
		break;
	case DW_EH_PE_udata2:
		value = cursor_u16(c);
		break;
	case DW_EH_PE_sdata2:
		value = (uint64_t)(int16_t)cursor_u16(c);
		break;
	case DW_EH_PE_udata4:
		value = cursor_u32(c);
		break;
	case DW_EH_PE_sdata4:
		value = (uint64_t)(int32_t)cursor_u32(c);
		break;
	case DW_EH_PE_uleb128:
		value = cursor_uleb128(c);
		break;
	case DW_EH_PE_sleb128:
		value = (uint64_t)cursor_sleb128(c);
		break;
	default:
		c->failed = true;
	}
	if ((encoding & 0xf0) == DW_EH_PE_pcrel)
		value += vaddr;
	else if (encoding & 0xf0) /* data, text, function relative, indirect: no compiler's */
		c->failed = true;
	return value;
}

/* Ends the range that lies before `to`. */
static int move_to(struct runner *r, uint64_t to)
{
	if (!r->run->on_range || to < r->at || to > r->run->end) {
		r->broken = true;
		return 0;
	}
	uint64_t from = r->at;
	r->at = to;
	return to == from ? 0 : r->run->on_range(r->run->data, from, &r->run->state);
}

static int advance(struct runner *r, uint64_t delta)
{
	uint64_t step, to;
	if (__builtin_mul_overflow(delta, r->run->cie->code_align, &step) ||
	    __builtin_add_overflow(r->at, step, &to)) {
		r->broken = true;
		return 0;
	}
	return move_to(r, to);
}

/* An offset counted in the CIE's data alignment, or not; what does not fit breaks the program. */
static int32_t offset_of(struct runner *r, int64_t value, int64_t factor)
{
	int64_t product;
	if (__builtin_mul_overflow(value, factor, &product) || product < INT32_MIN ||
	    product > INT32_MAX) {
		r->broken = true;
		return 0;
	}
	return (int32_t)product;
}

static void set(struct runner *r, uint64_t reg, struct cfi_register rule)
{
	if (reg < CFI_REGISTERS)
		r->run->state.regs[reg] = rule;
}

static void set_saved(struct runner *r, uint64_t reg, int64_t value)
{
	int32_t offset = offset_of(r, value, r->run->cie->data_align);
	set(r, reg, (struct cfi_register){.kind = CFI_SAVED, .offset = offset});
}

static void restore(struct runner *r, uint64_t reg)
{
	if (reg < CFI_REGISTERS)
		r->run->state.regs[reg] = r->run->cie->initial.regs[reg];
}

static void set_cfa(struct runner *r, uint64_t reg, int32_t offset)
{
	uint8_t kind = reg < UNWIND_REGISTERS ? UNWIND_CFA_REGISTER : UNWIND_CFA_UNKNOWN;
	r->run->state.cfa = (struct cfi_cfa){.kind = kind, .reg = (uint8_t)reg, .offset = offset};
}

static void set_cfa_offset(struct runner *r, int32_t offset)
{
	struct cfi_cfa *cfa = &r->run->state.cfa;
	if (cfa->kind != UNWIND_CFA_REGISTER)
		cfa->kind = UNWIND_CFA_UNKNOWN;
	cfa->offset = offset;
}

static void set_register(struct runner *r, uint64_t reg, uint64_t in)
{
	uint8_t kind = in < UNWIND_REGISTERS ? CFI_REGISTER : CFI_OTHER;
	set(r, reg, (struct cfi_register){.kind = kind, .reg = (uint8_t)in});
}

static void remember(struct runner *r)
{
	if (r->n_remembered == CFI_REMEMBER_MAX)
		r->broken = true;
	else
		r->remembered[r->n_remembered++] = r->run->state;
}

static void recall(struct runner *r)
{
	if (!r->n_remembered)
		r->broken = true;
	else
		r->run->state = r->remembered[--r->n_remembered];
}

static int move_instruction(struct runner *r, uint8_t op, struct cursor *c)
{
	switch (op) {
	case DW_CFA_set_loc: {
		uint64_t here = r->run->vaddr + (uint64_t)(c->at - r->first);
		uint64_t to = cfi_run_encoded(c, r->run->cie->encoding, here);
		return c->failed ? 0 : move_to(r, to);
	}
	case DW_CFA_advance_loc1:
		return advance(r, cursor_u8(c));
	case DW_CFA_advance_loc2:
		return advance(r, cursor_u16(c));
	case DW_CFA_advance_loc4:
		return advance(r, cursor_u32(c));
	case DW_CFA_MIPS_advance_loc8:
		return advance(r, cursor_u64(c));
	default:
		r->broken = true;
		return 0;
	}
}

static int cfa_instruction(struct runner *r, uint8_t op, struct cursor *c)
{
	int64_t align = r->run->cie->data_align;
	uint64_t reg;
	switch (op) {
	case DW_CFA_def_cfa:
		reg = cursor_uleb128(c);
		set_cfa(r, reg, offset_of(r, (int64_t)cursor_uleb128(c), 1));
		return 0;
	case DW_CFA_def_cfa_sf:
		reg = cursor_uleb128(c);
		set_cfa(r, reg, offset_of(r, cursor_sleb128(c), align));
		return 0;
	case DW_CFA_def_cfa_register:
		reg = cursor_uleb128(c);
		if (r->run->state.cfa.kind != UNWIND_CFA_REGISTER)
			r->run->state.cfa.kind = UNWIND_CFA_UNKNOWN;
		else
			set_cfa(r, reg, r->run->state.cfa.offset);
		return 0;
	case DW_CFA_def_cfa_offset:
		set_cfa_offset(r, offset_of(r, (int64_t)cursor_uleb128(c), 1));
		return 0;
	case DW_CFA_def_cfa_offset_sf:
		set_cfa_offset(r, offset_of(r, cursor_sleb128(c), align));
		return 0;
	case DW_CFA_def_cfa_expression: {
		uint64_t bytes = cursor_uleb128(c);
		r->run->state.cfa = cfi_expression_cfa(cursor_part(c, bytes));
		return 0;
	}
	default:
		return move_instruction(r, op, c);
	}
}

static int register_instruction(struct runner *r, uint8_t op, struct cursor *c)
{
	uint64_t reg = cursor_uleb128(c);
	switch (op) {
	case DW_CFA_offset_extended:
		set_saved(r, reg, (int64_t)cursor_uleb128(c));
		return 0;
	case DW_CFA_offset_extended_sf:
		set_saved(r, reg, cursor_sleb128(c));
		return 0;
	case DW_CFA_GNU_negative_offset_extended:
		set_saved(r, reg, -(int64_t)(cursor_uleb128(c) & INT64_MAX));
		return 0;
	case DW_CFA_restore_extended:
		restore(r, reg);
		return 0;
	case DW_CFA_undefined:
		set(r, reg, (struct cfi_register){.kind = CFI_UNDEFINED});
		return 0;
	case DW_CFA_same_value:
		set(r, reg, (struct cfi_register){.kind = CFI_UNCHANGED});
		return 0;
	case DW_CFA_register:
		set_register(r, reg, cursor_uleb128(c));
		return 0;
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
		cursor_uleb128(c); /* a signed one takes the same bytes */
		set(r, reg, (struct cfi_register){.kind = CFI_OTHER});
		return 0;
	case DW_CFA_expression: {
		uint64_t bytes = cursor_uleb128(c);
		set(r, reg, cfi_expression_place(cursor_part(c, bytes)));
		return 0;
	}
	default: /* DW_CFA_val_expression */
		cursor_skip(c, cursor_uleb128(c));
		set(r, reg, (struct cfi_register){.kind = CFI_OTHER});
		return 0;
	}
}

static int instruction(struct runner *r, struct cursor *c)
{
	uint8_t op = cursor_u8(c);
	uint8_t low = op & 0x3f;
	switch (op & 0xc0) {
	case DW_CFA_advance_loc:
		return advance(r, low);
	case DW_CFA_offset:
		set_saved(r, low, (int64_t)cursor_uleb128(c));
		return 0;
	case DW_CFA_restore:
		restore(r, low);
		return 0;
	}
	switch (op) {
	case DW_CFA_nop:
		return 0;
	case DW_CFA_remember_state:
		remember(r);
		return 0;
	case DW_CFA_restore_state:
		recall(r);
		return 0;
	case DW_CFA_GNU_args_size: /* bytes of arguments pushed: for unwinding by throw only */
		cursor_uleb128(c);
		return 0;
	case DW_CFA_offset_extended:
	case DW_CFA_offset_extended_sf:
	case DW_CFA_GNU_negative_offset_extended:
	case DW_CFA_restore_extended:
	case DW_CFA_undefined:
	case DW_CFA_same_value:
	case DW_CFA_register:
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
	case DW_CFA_expression:
	case DW_CFA_val_expression:
		return register_instruction(r, op, c);
	default:
		return cfa_instruction(r, op, c);
	}
}

int cfi_run(struct cfi_run *run, uint64_t *broken_at)
{
	struct runner r = {.run = run, .at = run->start, .first = run->program.at};
	struct cursor *c = &run->program;
	while (cursor_left(c)) {
		int code = instruction(&r, c);
		if (code)
			return code;
		if (c->failed || r.broken) {
			*broken_at = r.at;
			return 1;
		}
	}
	*broken_at = run->end;
	return run->on_range ? move_to(&r, run->end) : 0;
}
