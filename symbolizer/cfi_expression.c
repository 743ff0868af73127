/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions in CFI are written by a handful of hands: the linker's PLT, the compiler's stack
 * realignment, OpenSSL's assembly, libc's signal trampoline. Each is known by its shape: a register
 * plus something, perhaps dereferenced, plus something. */
#include "symbolizer/cfi_state.h"

#include <dwarf.h>

/* reg + offset, or *(reg + offset) + add, and a constant that waits to be added. */
struct value {
	bool set, dereferenced, constant_set;
	uint8_t reg;
	int64_t offset, add, constant;
};

static bool fits(int64_t value)
{
	return value >= INT32_MIN / 2 && value <= INT32_MAX / 2;
}

static bool value_add(struct value *v, int64_t n)
{
	int64_t *to = v->dereferenced ? &v->add : &v->offset;
	if (!v->set || !fits(n) || !fits(*to))
		return false;
	*to += n;
	return true;
}

static bool constant_of(uint8_t op, struct cursor *c, int64_t *constant)
{
	if (op >= DW_OP_lit0 && op <= DW_OP_lit31)
		*constant = op - DW_OP_lit0;
	else if (op == DW_OP_const1u)
		*constant = cursor_u8(c);
	else if (op == DW_OP_const2u)
		*constant = cursor_u16(c);
	else if (op == DW_OP_constu)
		*constant = (int64_t)cursor_uleb128(c);
	else if (op == DW_OP_consts)
		*constant = cursor_sleb128(c);
	else
		return false;
	return true;
}

static bool value_operate(struct value *v, uint8_t op, struct cursor *c)
{
	if (op >= DW_OP_breg0 && op <= DW_OP_breg0 + 15) {
		if (v->set)
			return false;
		*v = (struct value){
			.set = true, .reg = op - DW_OP_breg0, .offset = cursor_sleb128(c)};
		return fits(v->offset);
	}
	if (op == DW_OP_deref) {
		if (!v->set || v->dereferenced || v->constant_set)
			return false;
		return v->dereferenced = true;
	}
	if (op == DW_OP_plus_uconst)
		return !v->constant_set && value_add(v, (int64_t)cursor_uleb128(c));
	if (op == DW_OP_plus || op == DW_OP_minus) {
		if (!v->constant_set || !fits(v->constant))
			return false;
		v->constant_set = false;
		return value_add(v, op == DW_OP_plus ? v->constant : -v->constant);
	}
	if (!v->set || v->constant_set || !constant_of(op, c, &v->constant))
		return false;
	return v->constant_set = true;
}

static bool value_read(struct cursor c, struct value *v)
{
	*v = (struct value){0};
	while (cursor_left(&c))
		if (!value_operate(v, cursor_u8(&c), &c))
			return false;
	return !c.failed && v->set && !v->constant_set && fits(v->offset) && fits(v->add);
}

/* rsp + 8 + ((rip & 15) >= threshold) * 8: a PLT entry pushes its index in its second half. */
static bool plt_read(struct cursor c, struct cfi_cfa *cfa)
{
	uint8_t base = cursor_u8(&c);
	int64_t offset = cursor_sleb128(&c);
	bool is = base >= DW_OP_breg0 && base <= DW_OP_breg0 + 15 && fits(offset);
	is = is && cursor_u8(&c) == DW_OP_breg16 && cursor_sleb128(&c) == 0;
	is = is && cursor_u8(&c) == DW_OP_lit15 && cursor_u8(&c) == DW_OP_and;
	uint8_t threshold = cursor_u8(&c);
	is = is && threshold >= DW_OP_lit0 && threshold <= DW_OP_lit0 + 15;
	is = is && cursor_u8(&c) == DW_OP_ge && cursor_u8(&c) == DW_OP_lit3;
	is = is && cursor_u8(&c) == DW_OP_shl && cursor_u8(&c) == DW_OP_plus;
	if (!is || c.failed || cursor_left(&c))
		return false;
	*cfa = (struct cfi_cfa){.kind = UNWIND_CFA_PLT,
				.reg = base - DW_OP_breg0,
				.offset = (int32_t)offset,
				.add = threshold - DW_OP_lit0};
	return true;
}

struct cfi_cfa cfi_expression_cfa(struct cursor expression)
{
	struct cfi_cfa cfa = {.kind = UNWIND_CFA_UNKNOWN};
	struct value v;
	if (plt_read(expression, &cfa) || !value_read(expression, &v))
		return cfa;
	return (struct cfi_cfa){.kind = v.dereferenced ? UNWIND_CFA_DEREF : UNWIND_CFA_REGISTER,
				.reg = v.reg,
				.offset = (int32_t)v.offset,
				.add = (int32_t)v.add};
}

struct cfi_register cfi_expression_place(struct cursor expression)
{
	struct value v;
	if (!value_read(expression, &v) || v.dereferenced)
		return (struct cfi_register){.kind = CFI_OTHER};
	return (struct cfi_register){.kind = CFI_BASED, .reg = v.reg, .offset = (int32_t)v.offset};
}
