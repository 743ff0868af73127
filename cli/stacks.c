/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stacks.h"

#include "cli/commands.h"
#include "cli/daemon_link.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/record_args.h"
#include "cli/record_child.h"
#include "cli/record_session.h"
#include "cli/record_signals.h"
#include "cli/stacks_view.h"
#include "cli/terminal.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/pprof.h"
#include "common/profile.h"
#include "common/protocol.pb-c.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

GUARD_DEFINE(profile, struct profile *, profile_free)

enum {
	CHILDREN = OPTIONS_LONG,
	NO_GROUP,
	JSON,
	COLOUR,
};

static const struct option table[] = {
	{"pid", 'p', "PID[,PID]", "the threads of these processes"},
	{"tid", 't', "TID[,TID]", "these threads alone"},
	{"children", CHILDREN, NULL, "the processes' descendants, too"},
	{"user", 'U', NULL, "user code alone"},
	{"kernel", 'K', NULL, "kernel code alone"},
	{"no-group", NO_GROUP, NULL, "each thread by itself"},
	{"json", JSON, NULL, "for programs"},
	{"color", COLOUR, "auto|always|never", "colours (auto: on a terminal, without NO_COLOR)"},
	{NULL},
};

struct request {
	struct record_args args; /* what is asked of the engine */
	struct stacks_wish wish;
	enum terminal_colour colour;
};

static void request_deinit(struct request *request)
{
	record_args_deinit(&request->args);
}

static int take_option(struct request *request, const struct options *options, int got,
		       struct err *err)
{
	const char *value = options->value;
	switch (got) {
	case OPTIONS_WORD:
		err_set(err, -EINVAL, ERR_USAGE, "what is %s?", value);
		if (*value && !value[strspn(value, "0123456789,")])
			err_hint(err, "a process is -p %s", value);
		return -EINVAL;
	case 'p':
		return target_add_pids(&request->args.target, value, err);
	case 't':
		return target_add_tids(&request->args.target, value, err);
	case COLOUR:
		if (!terminal_parse_colour(value, &request->colour))
			return 0;
		return err_set(err, -EINVAL, ERR_USAGE, "--color: auto, always or never, not %s",
			       value);
	default:
		break;
	}
	bool *flag = got == 'U'	       ? &request->args.no_kernel
		     : got == 'K'      ? &request->args.no_user
		     : got == NO_GROUP ? &request->wish.separate
		     : got == JSON     ? &request->args.json
				       : NULL;
	if (got == CHILDREN)
		request->args.no_children = false;
	else if (flag)
		*flag = true;
	return 0;
}

/* 0; OPTIONS_HELP; negative errno with words. */
static int parse(struct request *request, int argc, char **argv, struct err *err)
{
	struct options options =
		options_init("usage: probe stacks -p PID[,PID] [OPTIONS]\n"
			     "One stack a thread, now, and what it waits for. Nothing is stopped.",
			     table, argc, argv);
	int got;
	while ((got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_HELP)
			return got;
		int code = take_option(request, &options, got, err);
		if (code < 0)
			return code;
	}
	if (got < 0)
		return got;
	const struct target *target = &request->args.target;
	if (request->args.no_user && request->args.no_kernel)
		return err_set(err, -EINVAL, ERR_USAGE, "-U and -K together leave nothing");
	if (target->n_pids || target->n_tids)
		return 0;
	err_set(err, -EINVAL, ERR_USAGE, "whose stacks?");
	err_hint(err, "-p PID, or -t TID");
	return -EINVAL;
}

/* A recording without a length. */
struct snapshot {
	int signals;
	struct daemon_link link;
	struct record_child none;
	struct progress progress;
	struct record_session session;
};

static void snapshot_deinit(struct snapshot *snapshot)
{
	record_session_deinit(&snapshot->session);
	daemon_link_close(&snapshot->link);
	guard_close(&snapshot->signals);
}

static int take(struct request *request, const char *socket_path, struct profile **profile,
		struct err *err)
{
	struct snapshot snapshot guard(snapshot_deinit) = {.signals = -1};
	int code = target_open(&request->args.target, err);
	if (code >= 0)
		code = snapshot.signals = record_signals_open(NULL, err);
	if (code >= 0)
		code = daemon_link_open(&snapshot.link, socket_path, err);
	if (code < 0)
		return code;
	snapshot.progress = (struct progress){.out = stderr};
	snapshot.session = (struct record_session){
		.args = &request->args,
		.link = &snapshot.link,
		.child = &snapshot.none,
		.signals = snapshot.signals,
		.progress = &snapshot.progress,
		.quiet = true,
	};
	code = record_session_run(&snapshot.session, err);
	if (code < 0)
		return code;
	const struct output_profile *packed = &snapshot.session.profile;
	if (packed->bytes)
		code = pprof_read_bytes(packed->zstd, packed->bytes, "the snapshot", profile, err);
	if (!code && (!*profile || !(*profile)->rows.n))
		return err_set(err, -ESRCH, ERR_NO_PROCESS, "no thread is left to look at");
	return code;
}

int stacks_command(const struct command_globals *globals, int argc, char **argv, struct err *err)
{
	struct request request guard(request_deinit) = {
		.args = {.hz = 99,
			 .no_children = true,
			 .call_graph = PROBE__RECORD__CALL_GRAPH__AUTO,
			 .mode = PROBE__RECORD__MODE__SNAPSHOT},
	};
	struct profile *profile guard(guard_profile) = NULL;
	int code = parse(&request, argc, argv, err);
	if (code == OPTIONS_HELP)
		return 0;
	if (code >= 0)
		code = take(&request, globals->socket, &profile, err);
	if (code < 0)
		return code;
	request.wish.colour = terminal_has_colour(request.colour);
	if (request.args.json)
		stacks_view_json(stdout, profile, &request.wish);
	else
		stacks_view_print(stdout, profile, &request.wish);
	return 0;
}
