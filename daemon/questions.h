/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that cost something to answer: so many a tick of the loop for each user, and of lists,
 * for which the broker looks at every process, so many of all users. Who asks more often waits, but
 * for root; no number of clients keeps engine and broker from recordings. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum questions_kind {
	QUESTIONS_NONE,
	QUESTIONS_STATUS,
	QUESTIONS_LIST,
	QUESTIONS_KINDS,
	QUESTIONS_RECORD = QUESTIONS_KINDS, /* by what it costs: questions_charge() */
};

enum {
	QUESTIONS_USERS = 64,	  /* with questions in one tick; more of them wait */
	QUESTIONS_OF_STATUS = 16, /* one costs 0.2 ms */
	QUESTIONS_OF_LIST = 1,	  /* one costs 10 ms on a host of 300 processes */
	QUESTIONS_LISTS = 4,	  /* of all users */
	QUESTIONS_SHARE =
		5, /* of the time, one part in so many for one user's recordings to begin */
	QUESTIONS_AHEAD_NS =
		250000000, /* so much may be owed: one after the other begins at once */
};

/* Zeroed: all are to be had. */
struct questions {
	struct questions_of_user {
		uid_t uid;
		uint32_t taken[QUESTIONS_KINDS];
	} users[QUESTIONS_USERS];
	uint32_t n_users, lists;
	struct questions_debt {
		uid_t uid;
		uint64_t until_ns; /* CLOCK_MONOTONIC: paid then */
	} debts[QUESTIONS_USERS];
};

/* True: it may be answered now. */
bool questions_take(struct questions *questions, uid_t uid, enum questions_kind kind);
/* To begin a recording took the loop, and so all others, this time. Not of root. */
void questions_charge(struct questions *questions, uid_t uid, uint64_t now_ns, uint64_t took_ns);
/* False: this user's took so long of late that the next one waits. */
bool questions_may_begin(const struct questions *questions, uid_t uid, uint64_t now_ns);
/* Another tick. */
void questions_renew(struct questions *questions);
