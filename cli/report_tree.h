/* SPDX-License-Identifier: Apache-2.0 */
/* --tree, --callers FUNC, --callees FUNC: stacks as a tree. A chain of calls without branches stays
 * in one column; each branch begins with "+". */
#pragma once

#include "cli/tree.h"

#include <stdio.h>

struct err;
struct jsontext;
struct report_view;

enum report_tree_way {
	REPORT_TREE_CALLS,   /* from the roots */
	REPORT_TREE_CALLERS, /* from a function (where it stands nearest to the leaf) to the roots
			      */
	REPORT_TREE_CALLEES, /* from a function (where it stands nearest to the root) to the leaves
			      */
};

/* `function`: a name, or, where no function has it, a regular expression; not for
 * REPORT_TREE_CALLS. Fills `tree` (keys are those of the view's frames). Negative errno with words:
 * no such function. */
int report_tree_build(struct tree *tree, const struct report_view *view, enum report_tree_way way,
		      const char *function, struct err *err);
void report_tree_print(FILE *out, const struct report_view *view, const struct tree *tree);
/* Member "rows": […], in the order of the text, each with its depth. */
void report_tree_json(struct jsontext *json, const struct report_view *view,
		      const struct tree *tree);
