/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/authority.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "daemon/audit.h"
#include "daemon/event_names.h"
#include "daemon/verdict.h"

int authority_init(struct authority *authority, const struct config *config, int socket,
		   struct err *err)
{
	*authority = (struct authority){.config = *config};
	int listening = 0;
	socklen_t bytes = sizeof(listening), n_cookie = sizeof(authority->cookie);
	authority->n_name = sizeof(authority->name);
	if (getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes) < 0 ||
	    getsockopt(socket, SOL_SOCKET, SO_COOKIE, &authority->cookie, &n_cookie) < 0 ||
	    getsockname(socket, (struct sockaddr *)&authority->name, &authority->n_name) < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot examine the socket: %s",
			       strerror(errno));
	authority->listening = listening;
	for (int i = 0; i < SESSIONS_MAX; i++)
		authority->sessions[i].peer.pidfd = authority->sessions[i].client = -1;
	return 0;
}

void authority_deinit(struct authority *authority)
{
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		authority_end(authority, i);
}

void authority_reload(struct authority *authority)
{
	struct config config;
	struct err err = {0};
	config_init(&config);
	if (config_read(&config, authority->config_path, &err)) {
		audit_problem("%s: the configuration stays as it was", err.msg);
		return;
	}
	authority->config = config;
	audit_line("the configuration was read again");
}

/* Accepted where we listen, or the one client's. The listening socket itself has the name, too, and
 * shows the credentials of who made it. */
static bool is_clients(const struct authority *authority, int socket)
{
	struct sockaddr_un name = {0};
	uint64_t cookie;
	int listening, type;
	socklen_t bytes = sizeof(name), n_cookie = sizeof(cookie), n = sizeof(int);
	if (getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0 || listening ||
	    getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || type != SOCK_STREAM)
		return false;
	if (!authority->listening)
		return !getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &n_cookie) &&
		       cookie == authority->cookie;
	return !getsockname(socket, (struct sockaddr *)&name, &bytes) &&
	       name.sun_family == AF_UNIX && bytes == authority->n_name &&
	       bytes > sizeof(sa_family_t) && !memcmp(&name, &authority->name, bytes);
}

static void hint(const struct authority *authority, struct err *err)
{
	const struct config *config = &authority->config;
	if (config->group != CONFIG_NO_GROUP && config->who != CONFIG_ROOT_ONLY)
		err_hint(err,
			 "ask to be added to group \"%s\", or use sudo; `probe doctor` says more",
			 config->group_name);
	else
		err_hint(err, "use sudo; `probe doctor` says more");
}

/* Whether it is served at all, and *everything: may record every process. */
static int admit(const struct authority *authority, const struct peer *peer, bool *everything,
		 struct err *err)
{
	const struct config *config = &authority->config;
	if (!authority->listening) {
		*everything = peer->uid == 0; /* only root can have started us */
		return 0;
	}
	if (peer->foreign)
		return err_set(err, -EACCES, ERR_PERMISSION,
			       "permission denied: PID %d, which asks, is in another user "
			       "namespace, or cannot be looked at",
			       peer->pid);
	bool member = config->group != CONFIG_NO_GROUP && peer_is_member(peer, config->group);
	*everything = peer->uid == 0 || (member && config->who != CONFIG_ROOT_ONLY);
	if (*everything || config->who == CONFIG_EVERYBODY)
		return 0;
	err_set(err, -EACCES, ERR_PERMISSION, "permission denied: uid %u may not use this daemon",
		peer->uid);
	hint(authority, err);
	return -EACCES;
}

uint32_t authority_count(const struct authority *authority)
{
	uint32_t n = 0;
	for (int i = 0; i < SESSIONS_MAX; i++)
		n += authority->sessions[i].begun;
	return n;
}

static int check_quota(const struct authority *authority, uid_t uid, struct err *err)
{
	uint32_t all = authority_count(authority), own = 0;
	for (int i = 0; i < SESSIONS_MAX; i++)
		own += authority->sessions[i].begun && authority->sessions[i].peer.uid == uid;
	if (all >= authority->config.recordings)
		return err_set(err, -EBUSY, ERR_FAILED, "%u recordings are running already",
			       authority->config.recordings);
	if (own >= authority->config.recordings_per_uid)
		return err_set(err, -EBUSY, ERR_PERMISSION,
			       "uid %u runs as many recordings as it may already: %u", uid,
			       authority->config.recordings_per_uid);
	return 0;
}

static uint32_t hz_max(const struct config *config, bool everything)
{
	bool by_uid = !everything && config->frequency_per_uid < config->frequency;
	return by_uid ? config->frequency_per_uid : config->frequency;
}

int authority_begin(struct authority *authority, uint32_t session, int socket, struct err *err)
{
	struct peer peer guard(peer_deinit) = {.pidfd = -1};
	bool everything = false;
	if (session >= SESSIONS_MAX || authority_has_begun(authority, session) ||
	    !is_clients(authority, socket))
		return -EPROTO;
	int code = peer_read(socket, &peer, err);
	if (!code)
		code = admit(authority, &peer, &everything, err);
	if (!code)
		code = check_quota(authority, peer.uid, err);
	if (code)
		return code;
	int client = fcntl(socket, F_DUPFD_CLOEXEC, 0);
	if (client < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot watch the client: %s",
			       strerror(errno));
	const struct config *config = &authority->config;
	authority->sessions[session] = (struct authority_session){
		.begun = true,
		.everything = everything,
		.off_cpu = config->off_cpu,
		.hz_max = hz_max(config, everything),
		.bytes_max = (uint64_t)config->recording_mb << 20,
		.overhead_percent = config->max_overhead,
		.peer = peer,
		.client = client,
	};
	peer = (struct peer){.pidfd = -1};
	return 0;
}

void authority_end(struct authority *authority, uint32_t session)
{
	struct authority_session *ended = &authority->sessions[session];
	peer_deinit(&ended->peer);
	errand_end(&ended->judge, NULL);
	if (ended->client >= 0)
		close(ended->client);
	*ended = (struct authority_session){.peer.pidfd = -1, .client = -1};
}

nfds_t authority_watch(const struct authority *authority, struct pollfd clients[SESSIONS_MAX],
		       uint32_t sessions[SESSIONS_MAX])
{
	nfds_t n = 0;
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		if (authority->sessions[i].client < 0)
			continue;
		sessions[n] = i;
		/* POLLHUP needs no asking for. */
		clients[n++] = (struct pollfd){.fd = authority->sessions[i].client};
	}
	return n;
}

bool authority_has_begun(const struct authority *authority, uint32_t session)
{
	return session < SESSIONS_MAX && authority->sessions[session].begun;
}

int authority_check_events(struct authority *authority, uint32_t session, uint32_t event,
			   uint64_t period_ns, struct err *err)
{
	struct authority_session *own = &authority->sessions[session];
	const struct config *config = &authority->config;
	if (own->period_ns)
		return own->period_ns == period_ns && own->event == event ? 0 : -EPROTO;
	if (event == EVENT_TRACEPOINT && authority_judge_all(authority, session, err))
		return -EACCES;
	uint64_t hz = 1000000000 / period_ns, others = 0;
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (i != session && authority->sessions[i].begun &&
		    authority->sessions[i].peer.uid == own->peer.uid)
			others += authority->sessions[i].hz;
	if (hz > own->hz_max)
		return err_set(err, -EACCES, ERR_PERMISSION,
			       "%" PRIu64 " Hz is more than the %u Hz allowed here", hz,
			       own->hz_max);
	if (!own->everything && hz + others > config->frequency_per_uid)
		return err_set(err, -EACCES, ERR_PERMISSION,
			       "uid %u samples at %" PRIu64
			       " Hz already, of the %u Hz that one user may at once",
			       own->peer.uid, others, config->frequency_per_uid);
	own->hz = (uint32_t)hz;
	own->event = event;
	own->period_ns = period_ns;
	return 0;
}

bool authority_open_event(struct authority *authority, uint32_t session, int cpu)
{
	struct authority_session *own = &authority->sessions[session];
	if (!own->everything && own->opened[cpu] == AUTHORITY_OPENINGS)
		return false;
	own->opened[cpu] += !own->everything;
	return true;
}

bool authority_judges(const struct authority *authority)
{
	for (int i = 0; i < SESSIONS_MAX; i++)
		if (authority->sessions[i].begun && !authority->sessions[i].everything)
			return true;
	return false;
}

bool authority_is_everything(const struct authority *authority, uint32_t session)
{
	return authority->sessions[session].everything;
}

int authority_judge_all(const struct authority *authority, uint32_t session, struct err *err)
{
	if (authority->sessions[session].everything)
		return 0;
	err_set(err, -EACCES, ERR_PERMISSION,
		"permission denied: uid %u may not profile all processes",
		authority->sessions[session].peer.uid);
	hint(authority, err);
	return -EACCES;
}

static int refuse(const struct authority *authority, const struct peer *peer, uint32_t pid,
		  int code, struct err *err)
{
	char path[32], owner[32] = "root";
	struct stat process;
	snprintf(path, sizeof(path), "/proc/%u", pid);
	/* Without memory it is ending, or a kernel thread, which is root's. */
	if (stat(path, &process) < 0 || (code == -ESRCH && process.st_uid == peer->uid))
		return -ESRCH;
	if (process.st_uid)
		snprintf(owner, sizeof(owner), "uid %u", process.st_uid);
	err_set(err, -EACCES, ERR_PERMISSION,
		"permission denied: uid %u may not profile PID %u (owned by %s)", peer->uid, pid,
		owner);
	hint(authority, err);
	return -EACCES;
}

int authority_judge(struct authority *authority, uint32_t session, uint32_t pid, int *maps,
		    struct err *err)
{
	const struct peer *peer = &authority->sessions[session].peer;
	int code = verdict_read_maps(&authority->sessions[session].judge, peer, pid, maps);
	if (code == -EACCES || code == -ESRCH)
		return refuse(authority, peer, pid, code, err);
	if (code)
		err_set(err, code, ERR_FAILED,
			"cannot find out whether uid %u may profile PID %u: %s", peer->uid, pid,
			code == -ETIMEDOUT ? "the process keeps who looks waiting"
					   : strerror(-code));
	return code;
}

bool authority_is_changed(const struct authority *authority, uint32_t session, uint32_t pid)
{
	const struct peer *peer = &authority->sessions[session].peer;
	char path[40];
	struct stat maps;
	/* Root's when it is not dumpable; else its effective uid's. */
	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	return !stat(path, &maps) && maps.st_uid != peer->uid;
}

int authority_list(const struct authority *authority, int socket, int *pids, struct err *err)
{
	struct peer peer guard(peer_deinit) = {.pidfd = -1};
	bool everything = false;
	if (!is_clients(authority, socket))
		return -EPROTO;
	int code = peer_read(socket, &peer, err);
	if (!code)
		code = admit(authority, &peer, &everything, err);
	if (code)
		return code;
	*pids = -1;
	return everything ? 0 : verdict_list(&peer, pids);
}
