/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/packet.h"
#include "daemon/authority.h"
#include "daemon/operations.h"
#include "daemon/perf_map.h"
#include "daemon/programs.h"
#include "daemon/take.h"
#include "daemon/target_files.h"
#include "daemon/workers.h"

enum {
	CHECK_MS = 1000,
};

GUARD_DEFINE(packet, struct packet *, packet_free)

struct broker {
	int socket;
	int reload;
	struct operations operations;
	int64_t checked_ms; /* when all that is taken was last looked at */
};

static void answer_clear(struct answer *answer)
{
	for (int i = 0; i < answer->n_fds && !answer->borrowed; i++)
		close(answer->fds[i]);
	answer->n_fds = 0;
}

/* Does what the packet asks for and replies. Negative: the engine cannot be replied to. */
static int serve(struct broker *broker, const struct packet *packet)
{
	struct answer answer = {0};
	struct err err = {0};
	answer.reply.code = operations_run(&broker->operations, packet, &answer, &err);
	if (answer.reply.code) {
		answer_clear(&answer);
		answer.reply.status = err.status;
		memcpy(answer.reply.msg, err.msg, sizeof(answer.reply.msg));
		memcpy(answer.reply.hint, err.hint, sizeof(answer.reply.hint));
	}
	int code = packet_send(broker->socket, &answer.reply, sizeof(answer.reply), answer.fds,
			       answer.n_fds);
	answer_clear(&answer);
	return code;
}

/* While a client is served that may not record all processes, those it does are looked at every
 * second, also when the engine asks for nothing. Returns ms until the next time, or -1. */
static int check_taken(struct broker *broker)
{
	if (!broker->operations.programs || !authority_judges(broker->operations.authority))
		return -1;
	int64_t now_ms = clock_now_ms();
	int64_t left_ms = broker->checked_ms + CHECK_MS - now_ms;
	if (left_ms > 0)
		return (int)left_ms;
	broker->checked_ms = now_ms;
	take_check_all(broker->operations.programs, broker->operations.authority,
		       broker->operations.revoked);
	return CHECK_MS;
}

static void read_configuration(struct broker *broker)
{
	struct signalfd_siginfo signal;
	if (read(broker->reload, &signal, sizeof(signal)) != sizeof(signal))
		return;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_now_ns() / 1000);
	authority_reload(broker->operations.authority);
	sd_notify(0, "READY=1");
}

/* Until the engine asks. A client that goes takes its session's rights along, before that. */
static void wait_for_request(struct broker *broker)
{
	struct pollfd fds[2 + SESSIONS_MAX];
	uint32_t sessions[SESSIONS_MAX];
	do {
		fds[0] = (struct pollfd){.fd = broker->socket, .events = POLLIN};
		fds[1] = (struct pollfd){.fd = broker->reload, .events = POLLIN};
		nfds_t n = authority_watch(broker->operations.authority, fds + 2, sessions);
		if (poll(fds, 2 + n, check_taken(broker)) <= 0) {
			fds[0].revents = 0;
			continue;
		}
		for (nfds_t i = 0; i < n; i++)
			if (fds[2 + i].revents)
				operations_end_session(&broker->operations, sessions[i]);
		if (fds[1].revents)
			read_configuration(broker);
	} while (!fds[0].revents);
}

int broker_run(int socket, int program, int reload, int engine, struct authority *authority)
{
	signal(SIGCHLD, SIG_IGN); /* children leave no zombies: their pidfds say that they ended */
	perf_map_init();
	struct packet *packet guard(guard_packet) = packet_new();
	if (!packet)
		return EXIT_FAILURE;
	struct broker broker = {.socket = socket,
				.operations.workers.program = program,
				.operations.discards.engine = engine,
				.reload = reload,
				.operations.authority = authority};
	int code;
	do {
		wait_for_request(&broker);
		code = packet_receive(socket, packet);
		if (code == -EPROTO || code == -EMFILE)
			packet->bytes = 0; /* too much of something: refused like any other */
		if (!code || code == -EPROTO || code == -EMFILE)
			code = serve(&broker, packet);
		packet_clear(packet);
	} while (!code);
	workers_deinit(&broker.operations.workers);
	target_files_deinit();
	programs_free(broker.operations.programs);
	return code == -ECONNRESET || code == -EPIPE ? EXIT_SUCCESS : EXIT_FAILURE;
}
