/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record.h"

#include "cli/commands.h"
#include "cli/record_args.h"
#include "cli/record_every.h"
#include "cli/record_once.h"
#include "common/guard.h"

#include <stddef.h>

int record_command(const struct command_globals *globals, int argc, char **argv, struct err *err)
{
	struct record_args args guard(record_args_deinit) = {0};
	int code = record_args_parse(&args, argc, argv, err);
	if (code < 0 || code == RECORD_ARGS_HELP)
		return code < 0 ? code : 0;
	if (args.every_ns)
		return record_every_run(&args, globals->socket, err);
	return record_once_run(&args, globals->socket, NULL, err);
}
