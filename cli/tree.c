/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tree.h"

#include "cli/selection.h"
#include "common/array.h"
#include "common/guard.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

void tree_init(struct tree *tree)
{
	*tree = (struct tree){0};
	array_add(tree);
}

void tree_deinit(struct tree *tree)
{
	free(tree->at);
	index_deinit(&tree->index);
	*tree = (struct tree){0};
}

struct edge {
	uint32_t parent, key;
};

static bool same(const void *context, uint32_t number, const void *key)
{
	const struct tree_node *node = &((const struct tree *)context)->at[number];
	const struct edge *edge = key;
	return node->parent == edge->parent && node->key == edge->key;
}

uint32_t tree_child(struct tree *tree, uint32_t parent, uint32_t key)
{
	struct edge edge = {parent, key};
	uint64_t hash = index_hash(&edge, sizeof(edge));
	uint32_t number = index_find(&tree->index, hash, same, tree, &edge);
	if (number)
		return number;
	number = tree->n;
	struct tree_node *node = array_add(tree);
	node->parent = parent;
	node->key = key;
	index_add(&tree->index, hash, number);
	return number;
}

static int smaller_first(const void *left, const void *right, void *context)
{
	const struct tree *tree = context;
	const struct tree_node *a = &tree->at[*(const uint32_t *)left];
	const struct tree_node *b = &tree->at[*(const uint32_t *)right];
	if (a->cum != b->cum)
		return a->cum < b->cum ? -1 : 1;
	return a->key > b->key ? -1 : a->key < b->key;
}

/* A child has a larger number than its parent: one pass backwards sums up, and linking nodes at the
 * front of their parents' lists in ascending order leaves those descending. */
void tree_finish(struct tree *tree)
{
	guard_mem uint32_t *order = memory_new(tree->n, sizeof(*order));
	for (uint32_t i = 0; i < tree->n; i++) {
		tree->at[i].cum = tree->at[i].self;
		tree->at[i].first_child = tree->at[i].next = 0;
		order[i] = i;
	}
	for (uint32_t i = tree->n - 1; i > 0; i--) {
		struct tree_node *parent = &tree->at[tree->at[i].parent];
		parent->cum = selection_add(parent->cum, tree->at[i].cum);
	}
	qsort_r(order, tree->n, sizeof(*order), smaller_first, tree);
	for (uint32_t i = 0; i < tree->n; i++) {
		struct tree_node *node = &tree->at[order[i]];
		if (!order[i])
			continue;
		node->next = tree->at[node->parent].first_child;
		tree->at[node->parent].first_child = order[i];
	}
}
