/* SPDX-License-Identifier: Apache-2.0 */
/* The table of subcommands: `probe [--socket PATH] COMMAND …`. A subcommand is one function in a
 * file of its own and one line in the table of commands.c. */
#pragma once

struct err;

/* What stood before the command. */
struct command_globals {
	const char *socket; /* --socket PATH; NULL: the default one */
};

struct command {
	const char *name;
	const char *help; /* one line, lower case, without a stop */
	/* argv[0] is the command's name. Returns the exit status (0 or positive: what had to be
	 * said has been said) or a negative errno with words in err, which main prints. */
	int (*run)(const struct command_globals *globals, int argc, char **argv, struct err *err);
};

/* In the order of `probe --help`; ends with a NULL name. */
extern const struct command commands[];

/* The command of that name or unique prefix. NULL with words (and the nearest as a hint): none. */
const struct command *commands_find(const char *name, struct err *err);
/* All of the program: globals, command, messages, exit status. */
int commands_main(int argc, char **argv);
