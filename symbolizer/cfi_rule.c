/* SPDX-License-Identifier: Apache-2.0 */
/* From the rules of all registers to the few that finding the caller's frame can need. */
#include "symbolizer/cfi_state.h"

static const uint8_t saved_registers[UNWIND_SAVED] = {CFI_RBX, CFI_RBP, 12, 13, 14, 15};

/* Of struct sigcontext (asm/sigcontext.h) in the ucontext of a signal frame. */
enum {
	UCONTEXT_RBP = 120,
	UCONTEXT_RSP = 160,
	UCONTEXT_RIP = 168
};

static bool in_words(int32_t offset, int16_t *words)
{
	*words = (int16_t)(offset / 8);
	return offset % 8 == 0 && offset / 8 == *words;
}

/* Takes `reg` for the rule's base register; false: another one is it already. */
static bool take_base(struct unwind_rule *rule, bool *has_base, uint8_t reg)
{
	if (*has_base && rule->base != reg)
		return false;
	*has_base = true;
	rule->base = reg;
	return true;
}

static bool saved_place(struct unwind_rule *rule, bool *has_base, int i,
			const struct cfi_register *reg)
{
	switch (reg->kind) {
	case CFI_UNCHANGED:
	case CFI_UNDEFINED:
		return true;
	case CFI_SAVED:
		return reg->offset && in_words(reg->offset, &rule->saved[i]);
	case CFI_BASED:
		if (!take_base(rule, has_base, reg->reg) || !in_words(reg->offset, &rule->saved[i]))
			return false;
		rule->based |= 1 << i;
		return true;
	default:
		return false;
	}
}

static bool ra_place(struct unwind_rule *rule, bool *has_base, const struct cfi_register *ra)
{
	switch (ra->kind) {
	case CFI_UNDEFINED:
		rule->ra = UNWIND_RA_ROOT;
		return true;
	case CFI_SAVED:
		rule->ra = UNWIND_RA_SAVED;
		return in_words(ra->offset, &rule->ra_offset);
	case CFI_BASED:
		rule->ra = UNWIND_RA_BASED;
		return take_base(rule, has_base, ra->reg) && in_words(ra->offset, &rule->ra_offset);
	case CFI_REGISTER:
		rule->ra = UNWIND_RA_REGISTER;
		rule->ra_register = ra->reg;
		return ra->reg < UNWIND_REGISTERS;
	default:
		return false;
	}
}

/* The trampoline a signal handler returns to (libc's __restore_rt): every register by an expression
 * on the one that points to the ucontext. */
static bool is_signal_frame(const struct cfi_state *s)
{
	const struct cfi_register *rip = &s->regs[CFI_RA], *rbp = &s->regs[CFI_RBP];
	return s->cfa.kind == UNWIND_CFA_DEREF && !s->cfa.add && rip->kind == CFI_BASED &&
	       rip->reg == s->cfa.reg && rbp->kind == CFI_BASED && rbp->reg == s->cfa.reg &&
	       rip->offset == s->cfa.offset + UCONTEXT_RIP - UCONTEXT_RSP &&
	       rbp->offset == s->cfa.offset + UCONTEXT_RBP - UCONTEXT_RSP;
}

struct unwind_rule cfi_rule(const struct cfi_state *state, bool signal, bool *lost)
{
	const struct unwind_rule unknown = {.cfa = UNWIND_CFA_UNKNOWN};
	*lost = false;
	if (signal && is_signal_frame(state))
		return (struct unwind_rule){.cfa = UNWIND_CFA_SIGNAL,
					    .cfa_register = state->cfa.reg,
					    .offset = state->cfa.offset - UCONTEXT_RSP,
					    .signal = 1};
	if (state->regs[CFI_RA].kind == CFI_UNDEFINED) /* the rest does not matter any more */
		return (struct unwind_rule){
			.cfa = UNWIND_CFA_REGISTER, .cfa_register = CFI_RSP, .ra = UNWIND_RA_ROOT};
	struct unwind_rule rule = {.cfa = state->cfa.kind,
				   .cfa_register = state->cfa.reg,
				   .offset = state->cfa.offset,
				   .add = state->cfa.add,
				   .signal = signal};
	bool has_base = false;
	if (rule.cfa < UNWIND_CFA_REGISTER || rule.cfa_register >= UNWIND_REGISTERS ||
	    !ra_place(&rule, &has_base, &state->regs[CFI_RA]) ||
	    state->regs[CFI_RSP].kind != CFI_UNCHANGED)
		return unknown;
	for (int i = 0; i < UNWIND_SAVED; i++) {
		uint8_t reg = saved_registers[i];
		if (saved_place(&rule, &has_base, i, &state->regs[reg]))
			continue;
		if (reg == CFI_RBP)
			return unknown;
		rule.saved[i] = 0;
		*lost = true;
	}
	return rule;
}

void cfi_rule_go(struct unwind_rule *rule)
{
	if (rule->cfa == UNWIND_CFA_REGISTER && rule->cfa_register == CFI_RSP && rule->offset > 8 &&
	    rule->ra == UNWIND_RA_SAVED && !rule->saved[1])
		rule->saved[1] = -2;
}
