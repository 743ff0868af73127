/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of one row while a program of CFI runs (DWARF 5 6.4.1), and what reads and turns them
 * into struct unwind_rule. For cfi*.c only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "common/cursor.h"
#include "common/unwind.h"

enum {
	CFI_RBX = 3,
	CFI_RBP = 6,
	CFI_RSP = 7,
	CFI_RA = 16,
	CFI_REGISTERS = 17, /* those above (xmm, flags) are read and ignored */
	CFI_REMEMBER_MAX = 16,
};

enum cfi_kind {
	CFI_UNCHANGED, /* DW_CFA_same_value, and the default */
	CFI_UNDEFINED,
	CFI_SAVED,    /* at CFA + offset */
	CFI_BASED,    /* at reg + offset, by DW_CFA_expression */
	CFI_REGISTER, /* in reg */
	CFI_OTHER,    /* values and expressions that are not expressed here */
};
struct cfi_register {
	uint8_t kind; /* enum cfi_kind */
	uint8_t reg;
	int32_t offset;
};
struct cfi_cfa {
	uint8_t kind; /* enum unwind_cfa */
	uint8_t reg;
	int32_t offset;
	int32_t add;
};
struct cfi_state {
	struct cfi_cfa cfa;
	struct cfi_register regs[CFI_REGISTERS];
};

/* What a CIE tells all its FDEs. */
struct cfi_cie {
	uint32_t at; /* offset in its section, by which FDEs name it */
	uint8_t section;
	uint8_t encoding; /* DW_EH_PE_* of addresses */
	bool augmented;	  /* 'z': FDEs have augmentation data */
	bool signal;	  /* 'S' */
	bool broken;
	uint64_t code_align;
	int64_t data_align;
	struct cfi_state initial;
};

/* The expression of a CFA, or of a register's place, by its shape. UNWIND_CFA_UNKNOWN and CFI_OTHER
 * for what is not known here. */
struct cfi_cfa cfi_expression_cfa(struct cursor expression);
struct cfi_register cfi_expression_place(struct cursor expression);

/* The rule of a state. *lost: a callee-saved register has no place in it. */
struct unwind_rule cfi_rule(const struct cfi_state *state, bool signal, bool *lost);

/* Go saves rbp below the return address in every function that has a frame. */
void cfi_rule_go(struct unwind_rule *rule);

/* Runs one program, CFI instruction after instruction, over [start, end) of ELF addresses. */
struct cfi_run {
	const struct cfi_cie *cie;
	struct cursor program;
	uint64_t vaddr; /* of program.at: addresses in it may be relative to their place */
	uint64_t start, end;
	struct cfi_state state;
	/* Called for every range of one state, ascending, never empty. NULL: a CIE's own
	 * instructions. Not 0: stop with this code. */
	int (*on_range)(void *data, uint64_t start, const struct cfi_state *state);
	void *data;
};
/* 0; 1: the program is broken, and its ranges tell the truth up to where it broke; negative errno
 * of on_range. *broken_at: the address from where nothing is known. */
int cfi_run(struct cfi_run *run, uint64_t *broken_at);

/* An encoded address (DW_EH_PE_*) at `vaddr`; omitted or odd encodings fail the cursor. */
uint64_t cfi_run_encoded(struct cursor *c, uint8_t encoding, uint64_t vaddr);
