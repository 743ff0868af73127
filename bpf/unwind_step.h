/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One step of a walk: the registers of a frame and the rule for its pc → the registers of its
 * caller. One source for BPF and for user space (tests, replay): who includes it defines
 *
 *	unwind_read(to, bytes, address)		0, or not 0 where memory cannot be read
 *
 * before. Nothing in a rule is believed: it was made from a file of the target's. */
#pragma once

#include <linux/types.h>
#include <stdbool.h>
#include "bpf/types.h"
#include "common/unwind.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

enum {
	UNWIND_STEPPED = WALK_ENDS,	  /* no end: the registers are the caller's now */
	UNWIND_FRAME_BYTES_MAX = 1 << 20, /* a frame pointer further away leads nowhere */
	UNWIND_BLOCK = 8,		  /* words below the CFA that are read at once */
	UNWIND_RBX = 3,
	UNWIND_RBP = 6,
	UNWIND_RSP = 7,
	UNWIND_GREGS_OFFSET = 40, /* of the registers in a ucontext (asm/ucontext.h) */
	UNWIND_GREGS = 17,	  /* r8-r15 rdi rsi rbp rbx rdx rax rcx rsp rip */
};

/* 32 bytes of scratch would do, but the whole lies in a map, not on a stack. */
struct unwind_state {
	__u64 pc;
	__u64 reg[UNWIND_REGISTERS]; /* by DWARF number; callers' have the callee-saved ones, and
				      * of others what a callee may have left alone */
	__u32 flags;		     /* enum frame_flags of the frame in hand */
	__u32 block_valid;
	__u64 block[UNWIND_GREGS]; /* what lies right below the CFA, or a ucontext's registers */
};

static __always_inline __u32 unwind_end_of(__u64 pc)
{
	return pc ? UNWIND_STEPPED : WALK_ROOT;
}

/* An interrupted frame: all of its registers are where the kernel put them, wherever its stack is.
 */
static __always_inline __u32 unwind_signal(struct unwind_state *s, __u64 ucontext)
{
	static const __u8 numbers[UNWIND_GREGS - 1] = {8, 9, 10, 11, 12, 13, 14, 15,
						       5, 4, 6,	 3,  1,	 0,  2,	 7};
	if (unwind_read(s->block, sizeof(s->block), ucontext + UNWIND_GREGS_OFFSET))
		return WALK_BAD_PAGE;
#pragma GCC unroll 16
	for (int i = 0; i < UNWIND_GREGS - 1; i++)
		s->reg[numbers[i]] = s->block[i];
	s->pc = s->block[UNWIND_GREGS - 1];
	s->flags = FRAME_EXACT;
	return unwind_end_of(s->pc);
}

/* The word at base + 8 * words. 0, or not 0 where it cannot be read. */
static __always_inline long unwind_word(struct unwind_state *s, __u64 base, __s64 words,
					__u64 *word)
{
	if (s->block_valid && words < 0 && words >= -UNWIND_BLOCK) {
		*word = s->block[(words + UNWIND_BLOCK) & (UNWIND_BLOCK - 1)];
		return 0;
	}
	return unwind_read(word, sizeof(*word), base + words * 8);
}

static __always_inline __u32 unwind_find_cfa(const struct unwind_state *s,
					     const struct unwind_rule *rule, __u64 *cfa)
{
	__u64 at = s->reg[rule->cfa_register & (UNWIND_REGISTERS - 1)] + (__s64)rule->offset;
	if (rule->cfa == UNWIND_CFA_PLT) {
		at += (s->pc & 15) >= (__u32)rule->add ? 8 : 0;
	} else if (rule->cfa == UNWIND_CFA_DEREF) {
		__u64 word;
		if (unwind_read(&word, sizeof(word), at))
			return WALK_BAD_PAGE;
		at = word + (__s64)rule->add;
	} else if (rule->cfa != UNWIND_CFA_REGISTER) {
		return WALK_UNSUPPORTED;
	}
	*cfa = at;
	return UNWIND_STEPPED;
}

static __always_inline long unwind_find_pc(struct unwind_state *s, const struct unwind_rule *rule,
					   __u64 cfa, __u64 base, __u64 *pc)
{
	if (rule->ra == UNWIND_RA_SAVED)
		return unwind_word(s, cfa, rule->ra_offset, pc);
	if (rule->ra == UNWIND_RA_BASED)
		return unwind_read(pc, sizeof(*pc), base + (__s64)rule->ra_offset * 8);
	*pc = s->reg[rule->ra_register & (UNWIND_REGISTERS - 1)];
	return 0;
}

/* Restores callee-saved register number i, which lies in reg[number]. */
static __always_inline long unwind_restore(struct unwind_state *s, const struct unwind_rule *rule,
					   int i, int number, __u64 cfa, __u64 base)
{
	__s64 words = rule->saved[i];
	__u64 word = s->reg[number];
	long failed = 0;
	if (rule->based & (1 << i))
		failed = unwind_read(&word, sizeof(word), base + words * 8);
	else if (words)
		failed = unwind_word(s, cfa, words, &word);
	s->reg[number] = word;
	return failed;
}

/* UNWIND_STEPPED, or why the walk ends here (enum walk_end). */
static __always_inline __u32 unwind_step(struct unwind_state *s, const struct unwind_rule *rule)
{
	__u64 sp = s->reg[UNWIND_RSP], cfa = 0, pc = 0;
	if (rule->ra == UNWIND_RA_ROOT)
		return WALK_ROOT;
	if (rule->cfa == UNWIND_CFA_SIGNAL)
		return unwind_signal(s, s->reg[rule->cfa_register & (UNWIND_REGISTERS - 1)] +
						(__s64)rule->offset);
	bool leaf = s->flags & FRAME_EXACT && rule->switched != UNWIND_SWITCH_CFA;
	__u8 switched = leaf ? UNWIND_STAYS : rule->switched;
	if (switched == UNWIND_SWITCH_ROOT)
		return WALK_ROOT;
	__u32 end = unwind_find_cfa(s, rule, &cfa);
	if (end != UNWIND_STEPPED)
		return end;
	if (switched == UNWIND_SWITCH_FRAME)
		cfa = s->reg[UNWIND_RBP] + 16;
	else if (!switched && (cfa < sp || (cfa == sp && rule->ra == UNWIND_RA_SAVED)))
		return WALK_NO_PROGRESS;
	__u64 base = s->reg[rule->base & (UNWIND_REGISTERS - 1)];
	s->block_valid = !unwind_read(s->block, UNWIND_BLOCK * 8, cfa - UNWIND_BLOCK * 8);
	long failed = unwind_find_pc(s, rule, cfa, base, &pc);
	failed |= unwind_restore(s, rule, 0, UNWIND_RBX, cfa, base);
	failed |= unwind_restore(s, rule, 1, UNWIND_RBP, cfa, base);
	failed |= unwind_restore(s, rule, 2, 12, cfa, base);
	failed |= unwind_restore(s, rule, 3, 13, cfa, base);
	failed |= unwind_restore(s, rule, 4, 14, cfa, base);
	failed |= unwind_restore(s, rule, 5, 15, cfa, base);
	if (failed)
		return WALK_BAD_PAGE;
	s->reg[UNWIND_RSP] = cfa;
	s->pc = pc;
	s->flags = rule->signal			     ? FRAME_EXACT
		   : switched == UNWIND_SWITCH_FRAME ? FRAME_BY_POINTER
						     : 0;
	return unwind_end_of(pc);
}

/* To the caller of code that has no rows (JIT, Go) by the frame pointer. */
static __always_inline __u32 unwind_step_pointer(struct unwind_state *s)
{
	__u64 fp = s->reg[UNWIND_RBP], sp = s->reg[UNWIND_RSP];
	if (!fp)
		return WALK_ROOT;
	if (fp < sp || fp - sp > UNWIND_FRAME_BYTES_MAX || (fp & 7))
		return WALK_NO_ROW;
	if (unwind_read(s->block, 16, fp)) /* the caller's frame pointer, the return address */
		return WALK_BAD_PAGE;
	s->reg[UNWIND_RSP] = fp + 16;
	s->reg[UNWIND_RBP] = s->block[0];
	s->pc = s->block[1];
	s->flags = FRAME_BY_POINTER;
	return unwind_end_of(s->pc);
}
