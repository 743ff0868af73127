/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_once.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/daemon_link.h"
#include "cli/doctor_hint.h"
#include "cli/package.h"
#include "cli/errors.h"
#include "cli/export_formats.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/record_args.h"
#include "cli/record_child.h"
#include "cli/record_session.h"
#include "cli/record_signals.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/protocol.pb-c.h"

/* All that one recording holds; in the order in which it comes into being. */
struct record {
	struct record_args *args;
	const struct record_turn *turn; /* NULL: it is the only one */
	int signals;
	struct record_child child;
	struct daemon_link link;
	struct progress progress;
	struct record_session session;
	time_t began;
};

static void record_deinit(struct record *record)
{
	record_session_deinit(&record->session);
	daemon_link_close(&record->link);
	record_child_deinit(&record->child);
	guard_close(&record->signals);
}

static int prepare(struct record *record, const char *socket_path, struct err *err)
{
	struct record_args *args = record->args;
	sigset_t mask;
	int code = output_check(&args->output, err);
	if (code >= 0)
		code = record->signals = record_signals_open(&mask, err);
	if (code >= 0 && args->command) /* before the limit of fds may be raised for us */
		code = record_child_start(&record->child, args->command, &mask, err);
	if (code >= 0 && !args->target.fds)
		code = target_open(&args->target, err);
	if (code >= 0)
		code = daemon_link_open(&record->link, socket_path, err);
	return code;
}

/* Nothing was sampled: no file, and why. */
static int say_nothing(const struct record *record, struct err *err)
{
	const struct record_session *session = &record->session;
	const Probe__Finished *finished = session->finished->finished;
	const char *name = record_session_name(session);
	char lasted[PROGRESS_TEXT];
	progress_duration(lasted, finished->duration_ns);
	if (finished->reason == PROBE__FINISHED__REASON__TARGET_ENDED || session->child_ended) {
		err_set(err, -ESRCH, ERR_NO_PROCESS, "%s ended before a sample was taken", name);
		err_hint(err, "a higher frequency (-F max) sees shorter runs");
		return -ESRCH;
	}
	bool off = record->args->mode == PROBE__RECORD__MODE__OFF;
	if (record->args->event)
		return err_set(err, -ENODATA, ERR_NOTHING_SAMPLED,
			       "nothing was sampled: no %s of %s in %s", record->args->event, name,
			       lasted);
	err_set(err, -ENODATA, ERR_NOTHING_SAMPLED, "nothing was sampled: %s %s in %s", name,
		off ? "waited for nothing" : "used no CPU time", lasted);
	err_hint(err, off ? "--mode wall shows where it runs, too"
			  : "what sleeps or waits uses none: record while it works, for longer, or "
			    "with --mode wall");
	return -ENODATA;
}

/* What would give the file with most that has no name some; NULL: nothing is known. */
static const char *names_hint(const struct record_session *session, char hint[DOCTOR_HINT_BYTES])
{
	const Probe__Finished *finished = session->finished->finished;
	char package[PACKAGE_BYTES];
	if (!finished->nameless || *finished->nameless != '/' || !progress_lacks_names(finished))
		return NULL;
	doctor_hint_file(
		finished->nameless,
		package_of_process(record_session_pid(session), finished->nameless, package), hint);
	return hint;
}

static int save(struct record *record, struct err *err)
{
	struct record_session *session = &record->session;
	const Probe__Finished *finished = session->finished->finished;
	if (!finished->samples && !finished->waits)
		return say_nothing(record, err);
	const struct export_format *format = record->args->output.format;
	struct output_name name = {
		.name = record_session_name(session),
		.pid = record_session_pid(session),
		.time_s = record->began,
		.suffix = format ? format->suffixes[0] : ".pb.gz",
	};
	char *path guard_mem = NULL;
	uint64_t bytes;
	int code = output_save(&record->args->output, &session->profile, &name, &path, &bytes, err);
	char text[DOCTOR_HINT_BYTES];
	if (code == OUTPUT_SAVED)
		progress_wrote(&record->progress, finished, path, bytes, names_hint(session, text),
			       !format && !record->turn);
	return code == OUTPUT_SAVED_ELSEWHERE ? -EIO : code;
}

static bool wait_for_turn(const struct record_turn *turn)
{
	char byte;
	ssize_t n;
	while ((n = read(turn->go, &byte, 1)) < 0 && errno == EINTR)
		;
	return n == 1;
}

static int run(struct record *record, const char *socket_path, struct err *err)
{
	int code = prepare(record, socket_path, err);
	if (code < 0)
		return code;
	const struct record_args *args = record->args;
	if (record->turn && !wait_for_turn(record->turn))
		return 0;
	progress_init(&record->progress, stderr, args->duration_ns, args->command || record->turn);
	record->began = time(NULL);
	record->session = (struct record_session){
		.args = args,
		.link = &record->link,
		.child = &record->child,
		.signals = record->signals,
		.progress = &record->progress,
		.turn = record->turn,
	};
	code = record_session_run(&record->session, err);
	daemon_link_hang_up(&record->link);
	return code < 0 ? code : save(record, err);
}

/* CMD may run on after its recording: signals are passed on, but for those it got itself. */
static int wait_for_child(struct record *record)
{
	int status;
	while (!record_child_end(&record->child, false, &status)) {
		struct pollfd pollers[] = {
			{.fd = record->child.pidfd, .events = POLLIN},
			{.fd = record->signals, .events = POLLIN},
		};
		struct signalfd_siginfo info;
		if (poll(pollers, 2, -1) < 0 && errno != EINTR)
			return 0;
		if (read(record->signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_code != SI_KERNEL)
			record_child_kill(&record->child, (int)info.ssi_signo);
		record->session.interrupted = true;
	}
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	/* Ctrl-C ended CMD, which is how its recording was to end. */
	return record->session.interrupted ? 0 : 128 + WTERMSIG(status);
}

/* 130 leaves a CMD that does not end; in every other case it is waited for, as a shell would. */
static int finish(struct record *record, int code, struct err *err)
{
	bool runs = record->child.pid && record->child.go < 0;
	daemon_link_close(&record->link);
	/* Nobody reads standard output any more: no words about it. */
	bool silent = code == -EPIPE && !err_is_set(err);
	if (code < 0 && !silent && (!runs || err->status == ERR_ABANDONED))
		return code;
	int status = silent ? ERR_FAILED : 0;
	if (code < 0 && !silent)
		status = errors_print(err, record->args->json);
	int child_status = runs ? wait_for_child(record) : 0;
	return status ? status : child_status;
}

int record_once_run(struct record_args *args, const char *socket_path,
		    const struct record_turn *turn, struct err *err)
{
	struct record record guard(record_deinit) = {.args = args, .turn = turn, .signals = -1};
	int code = run(&record, socket_path, err);
	return finish(&record, code, err);
}
