/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `probe record`, checked as far as it can be without looking at any
 * process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/output.h"
#include "cli/target.h"

struct err;

struct record_args {
	struct target target; /* of -p and -t; not opened */
	const char *comm;     /* --comm; NULL: none */
	uint64_t comm_wait_ns;
	bool all, no_children, no_user, no_kernel, json;
	double hz;		/* 0: the most that is allowed */
	int call_graph;		/* enum Probe__Record__CallGraph */
	int mode;		/* enum Probe__Record__Mode */
	const char *event;	/* -e; NULL: time */
	bool wakers;		/* who ended each wait */
	uint64_t off_period_ns; /* shorter waits are taken by chance; 0: as the engine likes */
	uint32_t *cpus;		/* none: all */
	size_t n_cpus;
	char **labels; /* borrowed texts */
	size_t n_labels;
	uint64_t duration_ns; /* of one file; 0: none */
	uint64_t whole_ns;    /* of all files: the same, unless there is every_ns */
	uint64_t every_ns;    /* 0: one file */
	struct output output;
	bool format_given; /* -f; else the suffix of the file says it */
	char **command;	   /* borrowed: the rest of argv, ending with NULL; NULL: none */
};

enum {
	RECORD_ARGS_HELP = 1 /* --help has been printed */
};

/* 0, RECORD_ARGS_HELP, or negative errno with words of a usage error. */
int record_args_parse(struct record_args *args, int argc, char **argv, struct err *err);
void record_args_deinit(struct record_args *args);
