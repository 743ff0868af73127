/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of doctor: each tries one thing of this machine. */
#pragma once

#include <stdbool.h>

enum doctor_check_result {
	DOCTOR_CHECK_OK,
	DOCTOR_CHECK_NOTE,   /* works less well, or only for others */
	DOCTOR_CHECK_BROKEN, /* no recording without it */
};

struct doctor_check {
	enum doctor_check_result result;
	char found[256];  /* what was found */
	char advice[256]; /* what to do, or "" */
};

struct doctor_check_input {
	const char *socket; /* --socket, or NULL */
	/* A daemon answers: what this user may not do, it can. Set by the check "daemon". */
	bool has_daemon;
};

struct doctor_check_entry {
	const char *name;
	/* Fills a zeroed check. */
	void (*run)(struct doctor_check_input *input, struct doctor_check *check);
};

/* In the order to run and show; ends with a NULL name. */
extern const struct doctor_check_entry doctor_check_table[];
