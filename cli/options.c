/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include "common/err.h"
#include "common/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct options options_init(const char *usage, const struct option *table, int argc, char **argv)
{
	return (struct options){
		.usage = usage, .table = table, .argc = argc, .argv = argv, .at = 1};
}

static bool has_letter(const struct option *option)
{
	return option->code > 0 && option->code < OPTIONS_HELP;
}

static int print_help(const struct options *options)
{
	if (!options->usage)
		return OPTIONS_HELP;
	printf("%s\n\n", options->usage);
	for (const struct option *o = options->table; o->name; o++) {
		if (!o->help)
			continue;
		char left[80];
		snprintf(left, sizeof(left), "%s--%s%s%s", has_letter(o) ? "-x, " : "    ", o->name,
			 o->value ? " " : "", o->value ? o->value : "");
		if (has_letter(o))
			left[1] = (char)o->code;
		printf("  %-31s %s\n", left, o->help);
	}
	printf("  %-31s %s\n", "-h, --help", "this text");
	return OPTIONS_HELP;
}

static int found(struct options *options, const struct option *option)
{
	options->option = option;
	return option->code ? option->code : OPTIONS_NAMED;
}

/* The value of an option that takes one: what is attached, else the next argument. */
static int take_value(struct options *options, const struct option *option, const char *attached,
		      struct err *err)
{
	found(options, option);
	options->value = NULL;
	if (!option->value)
		return 0;
	if (attached)
		options->value = attached;
	else if (options->at < options->argc)
		options->value = options->argv[options->at++];
	else
		return err_set(err, -EINVAL, ERR_USAGE, "%s needs a value: %s",
			       options_name(options), option->value);
	return 0;
}

static int next_letter(struct options *options, struct err *err)
{
	char letter = *options->letters++;
	if (letter == 'h') {
		return print_help(options);
	}
	for (const struct option *o = options->table; o->name; o++) {
		if (o->code != letter)
			continue;
		const char *attached = *options->letters ? options->letters : NULL;
		if (o->value)
			options->letters = NULL;
		int result = take_value(options, o, attached, err);
		return result < 0 ? result : found(options, o);
	}
	err_set(err, -EINVAL, ERR_USAGE, "no option -%c", letter);
	err_hint(err, "`probe %s --help` lists the options", options->argv[0]);
	return -EINVAL;
}

static int unknown_name(struct options *options, const char *name, struct err *err)
{
	err_set(err, -EINVAL, ERR_USAGE, "no option --%s", name);
	struct nearest nearest = nearest_init(name);
	for (const struct option *o = options->table; o->name; o++)
		if (o->help)
			nearest_try(&nearest, o->name);
	if (nearest.best)
		err_hint(err, "did you mean --%s?", nearest.best);
	err_hint(err, "--help lists the options");
	return -EINVAL;
}

static int next_name(struct options *options, const char *typed, struct err *err)
{
	char name[64];
	size_t n = strcspn(typed, "=");
	snprintf(name, sizeof(name), "%.*s", (int)(n < sizeof(name) ? n : sizeof(name)), typed);
	const char *attached = typed[n] ? typed + n + 1 : NULL;
	const struct option *match = NULL;
	int matches = 0;
	if (!strcmp(name, "help"))
		return print_help(options);
	for (const struct option *o = options->table; o->name; o++) {
		if (strncmp(o->name, name, n) != 0)
			continue;
		match = o;
		matches++;
		if (!o->name[n]) {
			matches = 1;
			break;
		}
	}
	if (!matches || !n)
		return unknown_name(options, name, err);
	if (matches > 1)
		return err_set(err, -EINVAL, ERR_USAGE, "--%s begins more than one option", name);
	if (attached && !match->value)
		return err_set(err, -EINVAL, ERR_USAGE, "--%s takes no value", match->name);
	int result = take_value(options, match, attached, err);
	return result < 0 ? result : found(options, match);
}

int options_next(struct options *options, struct err *err)
{
	if (options->letters && *options->letters)
		return next_letter(options, err);
	options->letters = NULL;
	if (options->at >= options->argc)
		return OPTIONS_END;
	const char *argument = options->argv[options->at++];
	options->option = NULL;
	options->value = argument;
	if (options->only_words || argument[0] != '-' || !argument[1])
		return OPTIONS_WORD;
	if (argument[1] != '-') {
		options->letters = argument + 1;
		return next_letter(options, err);
	}
	if (argument[2])
		return next_name(options, argument + 2, err);
	options->only_words = true;
	return OPTIONS_DASHES;
}

const char *options_name(const struct options *options)
{
	static char name[64];
	if (has_letter(options->option))
		snprintf(name, sizeof(name), "-%c", options->option->code);
	else
		snprintf(name, sizeof(name), "--%s", options->option->name);
	return name;
}

int options_refuse(const struct options *options, struct err *err)
{
	err_set(err, -EINVAL, ERR_USAGE, "%s cannot be \"%s\"", options_name(options),
		options->value);
	err_hint(err, "%s %s: %s", options_name(options), options->option->value,
		 options->option->help);
	return -EINVAL;
}
