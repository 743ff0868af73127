/* SPDX-License-Identifier: Apache-2.0 */
/* Unwind rows: what a worker compiles .eh_frame into and the BPF programs walk by.
 *
 * An object's table is an array of rows sorted by pc, each valid up to the next one, and an array
 * of the distinct rules its rows name: code repeats itself, so that a few thousand rules serve
 * hundreds of thousands of rows, and a row stays 8 bytes although a rule tells of every register
 * that can be needed to find a caller's frame. pc is a *file offset* of the object, as in frames.
 *
 * x86-64 numbers here are DWARF's (psABI 3.6.2): 0 rax, 1 rdx, 2 rcx, 3 rbx, 4 rsi, 5 rdi, 6 rbp,
 * 7 rsp, 8-15. Only <linux/types.h>: BPF includes this. */
#pragma once

#include <linux/types.h>

struct unwind_row {
	__u32 pc;   /* file offset of the first byte it is for */
	__u32 rule; /* index into the object's rules; UNWIND_NO_RULE: no CFI for what follows */
};

enum {
	UNWIND_NO_RULE = 0, /* rules[0] is never used: a gap between functions */
	UNWIND_REGISTERS = 16,
	UNWIND_SAVED = 6,	   /* callee-saved: rbx rbp r12 r13 r14 r15, in this order */
	UNWIND_ROWS_MAX = 4 << 20, /* of one object */
	UNWIND_RULES_MAX = 64 << 10,
};

enum unwind_cfa {
	UNWIND_CFA_NONE,     /* a gap, see above */
	UNWIND_CFA_UNKNOWN,  /* CFI that the rules here do not express */
	UNWIND_CFA_REGISTER, /* register + offset */
	UNWIND_CFA_DEREF,    /* *(register + offset) + add: DRAP, OpenSSL */
	UNWIND_CFA_PLT,	     /* register + offset + (8 if (pc & 15) >= add) */
	UNWIND_CFA_SIGNAL,   /* a kernel signal frame: every register lies in the ucontext at
			      * register + offset */
};
enum unwind_ra {
	UNWIND_RA_SAVED,    /* at CFA + 8 * ra_offset */
	UNWIND_RA_ROOT,	    /* undefined: this is the outermost frame */
	UNWIND_RA_BASED,    /* at base register + 8 * ra_offset */
	UNWIND_RA_REGISTER, /* in ra_register (vfork) */
};

/* Go's runtime goes over to another stack in the middle of a function, which its CFI does not tell:
 * what holds for a frame that has called another one, and by UNWIND_SWITCH_CFA for any. */
enum unwind_switch {
	UNWIND_STAYS,
	UNWIND_SWITCH_FRAME, /* CFA = rbp + 16, on a stack that may lie anywhere */
	UNWIND_SWITCH_ROOT,  /* nothing called it on this stack */
	UNWIND_SWITCH_CFA,   /* the CFA is right, also for the leaf, but may lie on any stack */
};

struct unwind_rule {
	__u8 cfa; /* enum unwind_cfa */
	__u8 cfa_register;
	__u8 ra; /* enum unwind_ra */
	__u8 ra_register;
	__s32 offset;
	__s32 add;
	__s16 ra_offset;	   /* in 8 bytes */
	__s16 saved[UNWIND_SAVED]; /* where the caller's value lies: at CFA + 8 * this; 0: unchanged
				    */
	__u8 based;    /* bit i: saved[i] counts from the base register, not from the CFA; then 0 is
			* a place like any other */
	__u8 base;     /* register */
	__u8 signal;   /* augmentation 'S': the caller was interrupted, its pc is exact */
	__u8 switched; /* enum unwind_switch */
	__u8 pad[2];
};
_Static_assert(sizeof(struct unwind_row) == 8, "struct unwind_row");
_Static_assert(sizeof(struct unwind_rule) == 32, "struct unwind_rule");
