/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a command line by a table, in the manner of getopt_long: -x, -xVALUE, -x VALUE, -xyz,
 * --name, --name=VALUE, --name VALUE, unique prefixes of names. Words are handed out one by one and
 * in order, so that a command can end at the first word of CMD. `-` is a word.
 *
 *	struct options options = options_init(usage, table, argc, argv);
 *	int got;
 *	while ((got = options_next(&options, err)) > 0)
 *		switch (got) { case 'p': … options.value …; case OPTIONS_WORD: … }
 *	if (got < 0) return got;
 */
#pragma once

#include <stdbool.h>

struct err;

struct option {
	const char *name;  /* without "--"; NULL ends the table */
	int code;	   /* its letter, or for one without: above OPTIONS_LONG, or 0 */
	const char *value; /* what --help calls its value; NULL: takes none */
	const char *help;  /* one line; NULL: not shown */
};

enum options_result {
	OPTIONS_END = 0,
	/* the letter or code of an option: options.option, and options.value or NULL */
	OPTIONS_HELP = 256, /* --help: it has been printed unless usage is NULL; return 0 */
	OPTIONS_WORD,	    /* options.value: not an option */
	OPTIONS_DASHES,	    /* `--`: all that follow are words */
	OPTIONS_NAMED,	    /* an option of code 0: look at options.option->name */
	OPTIONS_LONG = 512, /* codes of options without a letter begin here */
};

struct options {
	const char *usage; /* first lines of --help */
	const struct option *table;
	int argc;
	char **argv;
	int at; /* the next argument: the rest is argv + at, argc - at */
	const struct option *option;
	const char *value;
	const char *letters; /* rest of a cluster like -gF99 */
	bool only_words;
};

/* argv[0] is passed over. Everything is borrowed. */
struct options options_init(const char *usage, const struct option *table, int argc, char **argv);
/* An enum options_result or an option's code; -EINVAL with words: an unknown option (the nearest is
 * the hint), a value missing or one too many. */
int options_next(struct options *options, struct err *err);
/* "-p" or "--comm": the option as typed by people, for words. */
const char *options_name(const struct options *options);
/* -EINVAL, with words: the value of the option in hand is none that it can have; the hint is its
 * help. */
int options_refuse(const struct options *options, struct err *err);
