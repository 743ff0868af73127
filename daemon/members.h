/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that a recording takes, or took, with the names they had last. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "bpf/types.h"
#include "common/index.h"

struct member {
	uint32_t pid;
	bool alive;
	char comm[COMM_BYTES + 1]; /* raw text of the target */
};

struct members {
	struct member *at; /* from 1, by pid: of two of one number the later */
	uint32_t n, room;
	struct index index;
	uint32_t n_alive;
	uint64_t n_ever;
};

void members_init(struct members *members);
void members_deinit(struct members *members);
/* False: it is one already. `comm`: up to COMM_BYTES of it. */
bool members_add(struct members *members, uint32_t pid, const char *comm);
/* It goes by another name, or has ended. */
void members_rename(struct members *members, uint32_t pid, const char *comm);
void members_leave(struct members *members, uint32_t pid);
void members_leave_all(struct members *members);
/* Alive. */
bool members_has(const struct members *members, uint32_t pid);
/* NULL: it was never one, or is forgotten. Borrowed until the next change. */
const struct member *members_find(const struct members *members, uint32_t pid);
/* Forgets those that have ended and for which `used` says no. */
void members_prune(struct members *members, bool (*used)(const void *context, uint32_t pid),
		   const void *context);
