/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks as one tree: a node is a key in the place of its ancestors, so equal beginnings are one.
 * Built from the root of stacks (call tree) or from their leaves (callers). Keys are the caller's
 * numbers. */
#pragma once

#include "common/index.h"

#include <stdint.h>

struct tree_node {
	uint32_t parent, key;
	uint32_t first_child, next; /* 0: none; see tree_finish() */
	int64_t self, cum;	    /* cum: after tree_finish() */
};

struct tree {
	struct tree_node *at; /* 0: the root, of no key */
	uint32_t n, room;
	struct index index;
};

void tree_init(struct tree *tree);
void tree_deinit(struct tree *tree);
/* The child of `parent` with this key, new if need be. */
uint32_t tree_child(struct tree *tree, uint32_t parent, uint32_t key);
/* Sums up cum and links children, the largest cum first (then by key). */
void tree_finish(struct tree *tree);
