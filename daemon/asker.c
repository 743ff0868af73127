/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/asker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/packet.h"

struct asker {
	int socket;
	struct packet *packet; /* the reply to the last request, with the fds not taken yet */
};

struct asker *asker_new(int socket_take)
{
	struct packet *packet = packet_new();
	struct asker *asker = malloc(sizeof(*asker));
	if (!packet || !asker) {
		packet_free(packet);
		free(asker);
		close(socket_take);
		return NULL;
	}
	asker->socket = socket_take;
	asker->packet = packet;
	return asker;
}

void asker_free(struct asker *asker)
{
	if (!asker)
		return;
	close(asker->socket);
	packet_free(asker->packet);
	free(asker);
}

int asker_fd(const struct asker *asker)
{
	return asker->socket;
}

/* The reply in the packet; every good reply has come through ask(). */
static const struct broker_reply *reply_of(const struct asker *asker)
{
	return (const struct broker_reply *)asker->packet->data;
}

/* Sends and waits. `fd` -1: none goes along. */
static int ask(struct asker *asker, const struct broker_request *request, int fd, struct err *err)
{
	int code = packet_send(asker->socket, request, sizeof(*request), &fd, fd >= 0 ? 1 : 0);
	if (!code)
		code = packet_receive(asker->socket, asker->packet);
	if (!code && asker->packet->bytes != sizeof(struct broker_reply))
		code = -EPROTO;
	if (code == -EMFILE)
		return err_set(err, code, ERR_FAILED,
			       "out of file descriptors: RLIMIT_NOFILE (LimitNOFILE=) is too low");
	if (code)
		return err_set(err, code, ERR_FAILED, "the broker ended");
	const struct broker_reply *reply = reply_of(asker);
	if (reply->code >= 0)
		return 0;
	if (reply->status && reply->msg[0]) {
		err_set(err, reply->code, reply->status, "%.*s", (int)sizeof(reply->msg) - 1,
			reply->msg);
		if (reply->hint[0])
			err_hint(err, "%.*s", (int)sizeof(reply->hint) - 1, reply->hint);
	}
	return reply->code;
}

/* As ask(), for replies with one fd; where it is `optional`, -1 stands for none. */
static int ask_fd(struct asker *asker, const struct broker_request *request, int fd, bool optional,
		  int *out, struct err *err)
{
	int code = ask(asker, request, fd, err);
	if (code)
		return code;
	int got = packet_take_fd(asker->packet, 0);
	if (got < 0 && !optional)
		return err_set(err, -EPROTO, ERR_FAILED, "the broker's reply lacks a file");
	*out = got;
	return 0;
}

int asker_load(struct asker *asker, int fds[LOAD_FDS], uint64_t *features, struct err *err)
{
	int code = ask(asker, &(struct broker_request){.op = BROKER_LOAD}, -1, err);
	if (code)
		return code;
	if (asker->packet->n_fds != LOAD_FDS)
		return err_set(err, -EPROTO, ERR_FAILED, "the broker's reply lacks a file");
	for (int i = 0; i < LOAD_FDS; i++)
		fds[i] = packet_take_fd(asker->packet, i);
	if (features)
		*features = reply_of(asker)->value;
	return 0;
}

int asker_session(struct asker *asker, uint32_t session, int client, struct asker_rights *rights,
		  struct err *err)
{
	struct broker_request request = {.op = BROKER_SESSION, .session = session};
	int code = ask(asker, &request, client, err);
	if (!code)
		*rights = (struct asker_rights){
			.everything = reply_of(asker)->rights & BROKER_MAY_EVERYTHING,
			.off_cpu = reply_of(asker)->rights & BROKER_MAY_OFF_CPU,
			.hz_max = reply_of(asker)->hz_max,
			.bytes_max = reply_of(asker)->value,
			.overhead_percent = reply_of(asker)->overhead_percent,
		};
	return code;
}

/* What has been opened a CPU: -1 where nothing, or without gaps and links. */
struct opened {
	int *events, *links;
	int n;
};

/* Moves the events of one reply to the caller's arrays and counts them. */
static int take_events(struct asker *asker, struct opened *opened)
{
	const struct broker_reply *reply = reply_of(asker);
	int fd = 0;
	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		if (!(reply->cpus[cpu / 64] >> cpu % 64 & 1))
			continue;
		if (fd + 2 > asker->packet->n_fds || opened->events[cpu] >= 0)
			return -EPROTO;
		opened->events[cpu] = packet_take_fd(asker->packet, fd++);
		opened->links[cpu] = packet_take_fd(asker->packet, fd++);
		opened->n++;
	}
	return 0;
}

static int take_sideband(struct asker *asker, struct opened *opened)
{
	if (opened->n + asker->packet->n_fds > CPUS_MAX)
		return -EPROTO;
	for (int i = 0; i < asker->packet->n_fds; i++)
		opened->events[opened->n++] = packet_take_fd(asker->packet, i);
	return 0;
}

/* A reply has room for some CPUs: asks until there are no more. */
static int ask_by_parts(struct asker *asker, struct broker_request *request,
			int (*take)(struct asker *asker, struct opened *opened),
			struct opened *opened, struct err *err)
{
	uint32_t first;
	do {
		first = request->first_cpu;
		int code = ask(asker, request, -1, err);
		if (!code)
			code = take(asker, opened);
		if (code)
			return err_set(err, code, ERR_FAILED, "the broker's reply makes no sense");
		request->first_cpu = reply_of(asker)->more;
	} while (request->first_cpu > first);
	/* It must rise, or this would not end. */
	return request->first_cpu
		       ? err_set(err, -EPROTO, ERR_FAILED, "the broker's reply makes no sense")
		       : 0;
}

int asker_events(struct asker *asker, const struct broker_request *wanted, int events[CPUS_MAX],
		 int links[CPUS_MAX], struct err *err)
{
	struct broker_request request = *wanted;
	struct opened opened = {events, links, 0};
	request.op = BROKER_EVENTS;
	for (int cpu = 0; cpu < CPUS_MAX; cpu++)
		events[cpu] = links[cpu] = -1;
	int code = ask_by_parts(asker, &request, take_events, &opened, err);
	for (int cpu = 0; code && cpu < CPUS_MAX; cpu++) {
		if (events[cpu] < 0)
			continue;
		close(events[cpu]);
		close(links[cpu]);
		events[cpu] = links[cpu] = -1;
	}
	return code ? code : opened.n;
}

int asker_sideband(struct asker *asker, int events[CPUS_MAX], struct err *err)
{
	struct broker_request request = {.op = BROKER_SIDEBAND};
	struct opened opened = {.events = events};
	memset(request.cpus, 0xff, sizeof(request.cpus));
	int code = ask_by_parts(asker, &request, take_sideband, &opened, err);
	while (code && opened.n > 0)
		close(events[--opened.n]);
	return code ? code : opened.n;
}

int asker_take(struct asker *asker, uint32_t session, uint32_t pid, int pidfd, uint32_t flags,
	       int *maps_fd, struct err *err)
{
	struct broker_request request = {
		.op = BROKER_TAKE, .session = session, .pid = pid, .flags = flags};
	return ask_fd(asker, &request, pidfd, true, maps_fd, err);
}

int asker_take_thread(struct asker *asker, uint32_t session, uint32_t tid, struct err *err)
{
	struct broker_request request = {.op = BROKER_TAKE_THREAD, .session = session, .tid = tid};
	return ask(asker, &request, -1, err);
}

int asker_take_all(struct asker *asker, uint32_t session, struct err *err)
{
	struct broker_request request = {.op = BROKER_TAKE_ALL, .session = session};
	return ask(asker, &request, -1, err);
}

int asker_space(struct asker *asker, uint32_t pid, uint32_t space, struct err *err)
{
	struct broker_request request = {.op = BROKER_SPACE, .pid = pid, .space = space};
	return ask(asker, &request, -1, err);
}

int asker_threads(struct asker *asker, uint32_t session, int *fd, struct err *err)
{
	struct broker_request request = {.op = BROKER_THREADS, .session = session};
	return ask_fd(asker, &request, -1, false, fd, err);
}

int asker_sleepers(struct asker *asker, uint32_t session, int *fd, struct err *err)
{
	struct broker_request request = {.op = BROKER_SLEEPERS, .session = session};
	return ask_fd(asker, &request, -1, false, fd, err);
}

int asker_drop(struct asker *asker, uint32_t session, struct asker_dropped *dropped,
	       struct err *err)
{
	struct broker_request request = {.op = BROKER_DROP, .session = session};
	int code = ask(asker, &request, -1, err);
	if (!code && dropped)
		*dropped = (struct asker_dropped){.revoked = reply_of(asker)->value,
						  .skipped = reply_of(asker)->skipped};
	return code;
}

int asker_maps(struct asker *asker, uint32_t pid, int *maps_fd, struct err *err)
{
	struct broker_request request = {.op = BROKER_MAPS, .pid = pid};
	return ask_fd(asker, &request, -1, true, maps_fd, err);
}

int asker_mapped_file(struct asker *asker, uint32_t pid, uint64_t start, uint64_t end, uint64_t dev,
		      uint64_t inode, int *fd, struct err *err)
{
	struct broker_request request = {.op = BROKER_MAPPED_FILE,
					 .pid = pid,
					 .start = start,
					 .end = end,
					 .dev = dev,
					 .inode = inode};
	return ask_fd(asker, &request, -1, false, fd, err);
}

int asker_debug_file(struct asker *asker, const struct broker_debug_file *wanted, uint32_t pid,
		     uint32_t *next, int *fd, struct err *err)
{
	struct broker_request request = {
		.op = BROKER_DEBUG_FILE, .pid = pid, .debug_file = *wanted};
	int code = ask_fd(asker, &request, -1, false, fd, err);
	if (!code)
		*next = reply_of(asker)->more;
	return code;
}

int asker_perf_map(struct asker *asker, uint32_t pid, int *fd, struct err *err)
{
	struct broker_request request = {.op = BROKER_PERF_MAP, .pid = pid};
	return ask_fd(asker, &request, -1, false, fd, err);
}

int asker_kallsyms(struct asker *asker, uint64_t *stext, int *fd, struct err *err)
{
	struct broker_request request = {.op = BROKER_KALLSYMS};
	int code = ask_fd(asker, &request, -1, false, fd, err);
	if (!code)
		*stext = reply_of(asker)->value;
	return code;
}

int asker_worker(struct asker *asker, int *socket, int *pid, struct err *err)
{
	struct broker_request request = {.op = BROKER_WORKER};
	int code = ask_fd(asker, &request, -1, false, socket, err);
	if (!code)
		*pid = reply_of(asker)->value;
	return code;
}

int asker_end_worker(struct asker *asker, int pid, struct err *err)
{
	struct broker_request request = {.op = BROKER_END_WORKER, .pid = pid};
	return ask(asker, &request, -1, err);
}

int asker_list(struct asker *asker, int client, int *pids, struct err *err)
{
	struct broker_request request = {.op = BROKER_LIST};
	return ask_fd(asker, &request, client, true, pids, err);
}

int asker_unload(struct asker *asker, struct err *err)
{
	return ask(asker, &(struct broker_request){.op = BROKER_UNLOAD}, -1, err);
}

int asker_ping(struct asker *asker, uint64_t *cpu_ns, struct err *err)
{
	int code = ask(asker, &(struct broker_request){.op = BROKER_PING}, -1, err);
	if (!code && cpu_ns)
		*cpu_ns = reply_of(asker)->value;
	return code;
}

int asker_discard(struct asker *asker, const int *sockets, uint32_t n, struct err *err)
{
	struct broker_request request = {.op = BROKER_DISCARD, .n_discards = n};
	if (n > DISCARDS_AT_ONCE)
		return -E2BIG;
	for (uint32_t i = 0; i < n; i++)
		request.discards[i] = sockets[i];
	int code = ask(asker, &request, -1, err);
	if (code)
		return code;
	for (uint32_t i = 0; i < n; i++)
		close(sockets[i]);
	return ask(asker, &(struct broker_request){.op = BROKER_DISCARD}, -1, err);
}
