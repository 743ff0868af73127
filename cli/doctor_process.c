/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_process.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/daemon_link.h"
#include "cli/output.h"
#include "cli/target.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/message.h"
#include "common/pprof.h"
#include "common/profile.h"
#include "common/protocol.pb-c.h"
#include "common/wire.h"

/* One conversation. */
struct talk {
	struct doctor_process *process;
	struct daemon_link link;
	struct target target;
	struct output_profile packed;
	uint64_t until_ns; /* when to ask for the modules; 0: asked, or not yet sampling */
	bool finished;
	uint64_t samples;
};

static void talk_deinit(struct talk *talk)
{
	daemon_link_close(&talk->link);
	target_deinit(&talk->target);
	output_profile_deinit(&talk->packed);
}

static void send_record(struct talk *talk)
{
	Probe__Record record = PROBE__RECORD__INIT;
	record.pids = &talk->process->pid;
	record.n_pids = 1;
	record.has_no_children = record.no_children = 1;
	record.has_hz = 1;
	record.hz = talk->process->hz;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_RECORD;
	message.record = &record;
	/* A daemon takes descriptors of root alone. Failing is as of send_stop(). */
	message_send(talk->link.wire, &message, talk->target.fds, geteuid() ? 0 : 1);
}

static void send_examine(struct talk *talk)
{
	Probe__Examine examine = PROBE__EXAMINE__INIT;
	examine.has_pid = 1;
	examine.pid = talk->process->pid;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_EXAMINE;
	message.examine = &examine;
	talk->until_ns = 0;
	message_send(talk->link.wire, &message, NULL, 0);
}

/* A peer that is gone is noticed where its last words are read. */
static void send_stop(struct talk *talk)
{
	Probe__Stop stop = PROBE__STOP__INIT;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_STOP;
	message.stop = &stop;
	message_send(talk->link.wire, &message, NULL, 0);
}

static int on_chunk(struct talk *talk, const Probe__Chunk *chunk, struct err *err)
{
	int code = output_profile_add(&talk->packed, chunk->data.data, chunk->data.len);
	return code < 0 ? err_set(err, code, ERR_FAILED, "the profile is too large") : 0;
}

/* Takes the message. */
static int on_message(struct talk *talk, Probe__Message *message, struct err *err)
{
	struct doctor_process *process = talk->process;
	int code = 0;
	if (message->kind_case == PROBE__MESSAGE__KIND_STARTED && !process->started) {
		process->started = steal_ptr(message);
		talk->until_ns = clock_now_ns() + (uint64_t)(process->seconds * 1e9);
	} else if (message->kind_case == PROBE__MESSAGE__KIND_EXAMINE && !process->modules) {
		process->modules = steal_ptr(message);
		send_stop(talk);
	} else if (message->kind_case == PROBE__MESSAGE__KIND_CHUNK) {
		code = on_chunk(talk, message->chunk, err);
	} else if (message->kind_case == PROBE__MESSAGE__KIND_FAILED) {
		code = message_get_failed(message->failed, err);
	} else if (message->kind_case == PROBE__MESSAGE__KIND_FINISHED) {
		talk->finished = true;
		talk->samples = message->finished->samples;
	}
	message_free(message);
	return code;
}

static int hear(struct talk *talk, struct err *err)
{
	int code = 0;
	while (!code && !talk->finished) {
		Probe__Message *message;
		int got = message_receive(talk->link.wire, &message);
		if (got == WIRE_AGAIN)
			return 0;
		if (got == WIRE_FRAME)
			code = on_message(talk, message, err);
		else if (got == WIRE_END || got == -ECONNRESET)
			code = daemon_link_lost(&talk->link, err);
		else
			code = err_set(err, got, ERR_FAILED, "cannot read from the engine: %s",
				       strerror(-got));
	}
	return code;
}

/* Until there is something to hear, or it is time to ask. */
static void wait_for_more(const struct talk *talk)
{
	struct pollfd poller = {.fd = wire_fd(talk->link.wire), .events = POLLIN};
	int timeout_ms = -1;
	uint64_t now = clock_now_ns();
	if (wire_queued(talk->link.wire))
		poller.events |= POLLOUT;
	if (talk->until_ns)
		timeout_ms = talk->until_ns > now ? (int)((talk->until_ns - now) / 1000000) + 1 : 0;
	poll(&poller, 1, timeout_ms);
}

static int converse(struct talk *talk, struct err *err)
{
	int code = 0;
	send_record(talk);
	while (!code && !talk->finished) {
		wait_for_more(talk);
		wire_flush(talk->link.wire);
		code = hear(talk, err);
		if (talk->until_ns && clock_now_ns() >= talk->until_ns)
			send_examine(talk);
	}
	return code;
}

int doctor_process_run(struct doctor_process *process, const char *socket, struct err *err)
{
	struct talk talk guard(talk_deinit) = {.process = process};
	char pid[16];
	snprintf(pid, sizeof(pid), "%" PRIu32, process->pid);
	int code = target_add_pids(&talk.target, pid, err);
	if (code >= 0)
		code = target_open(&talk.target, err);
	if (code >= 0)
		code = daemon_link_open(&talk.link, socket, err);
	if (code >= 0)
		code = converse(&talk, err);
	if (code < 0)
		return code;
	if (!process->modules)
		return err_set(err, -ESRCH, ERR_NO_PROCESS, "PID %s ended meanwhile", pid);
	return talk.samples ? pprof_read_bytes(talk.packed.zstd, talk.packed.bytes, "the profile",
					       &process->profile, err)
			    : 0;
}

void doctor_process_deinit(struct doctor_process *process)
{
	message_free(process->started);
	message_free(process->modules);
	profile_free(process->profile);
	*process = (struct doctor_process){0};
}
