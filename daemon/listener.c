/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/wire.h"

enum {
	ACCEPT_AT_ONCE = 32, /* before other work has its turn */
	AGAIN_US = 100000,   /* after the fds had run out */
	LAST_WORDS_MS = 700, /* more than launch.c gives an engine without a broker */
	RETRY_MS = 20,
};

struct listener {
	int socket;
	/* Given up to accept and turn away a client when there are no fds left: else the queue
	 * would stay full, and the loop would spin on it. -1: used. */
	int reserve;
	sd_event_source *readable, *again;
	void (*on_client)(void *context, int socket_take);
	void *context;
};

static int failed(struct err *err, const char *path, const char *what)
{
	return err_set(err, -errno, ERR_FAILED, "%s %s: %s", what, path, strerror(errno));
}

/* The directory of the socket; its parents have to be there. */
static int make_directory(const char *path, struct err *err)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return 0;
	memcpy(directory, path, slash - path);
	directory[slash - path] = '\0';
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return failed(err, directory, "cannot make the directory");
	return 0;
}

/* 0: somebody listens there; else the errno of connect(). */
static int try_connect(const struct sockaddr_un *address)
{
	int fd guard_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return 0;
	return errno;
}

/* Removes a socket that nobody listens on. The engine of a daemon that was killed may still say its
 * last words. */
static int remove_stale(const struct sockaddr_un *address, struct err *err)
{
	struct stat stat;
	if (lstat(address->sun_path, &stat) == 0 && !S_ISSOCK(stat.st_mode))
		return err_set(err, -EEXIST, ERR_FAILED, "%s is there and is no socket",
			       address->sun_path);
	int code = try_connect(address);
	for (int waited = 0; !code && waited < LAST_WORDS_MS; waited += RETRY_MS) {
		poll(NULL, 0, RETRY_MS);
		code = try_connect(address);
	}
	if (!code)
		return err_set(err, -EADDRINUSE, ERR_FAILED, "a daemon is running already on %s",
			       address->sun_path);
	errno = code;
	if (code != ECONNREFUSED && code != ENOENT)
		return failed(err, address->sun_path, "cannot look for a daemon on");
	if (unlink(address->sun_path) < 0 && errno != ENOENT)
		return failed(err, address->sun_path, "cannot replace");
	return 0;
}

/* Nobody but root connects before the socket has its group and mode. */
static int bind_with(int fd, const struct sockaddr_un *address, mode_t mode, gid_t group)
{
	mode_t before = umask(0177);
	int code = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	umask(before);
	if (code)
		return code;
	if (lchown(address->sun_path, (uid_t)-1, group) < 0 || chmod(address->sun_path, mode) < 0) {
		code = -errno;
		unlink(address->sun_path);
	}
	return code;
}

static int make(const char *path, mode_t mode, gid_t group, struct listener_socket *out,
		struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, -ENAMETOOLONG, ERR_USAGE, "--socket: longer than %zu bytes: %s",
			       sizeof(address.sun_path) - 1, path);
	strcpy(address.sun_path, path);
	int code = make_directory(path, err);
	if (code)
		return code;
	int fd guard_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return failed(err, path, "cannot make the socket");
	code = bind_with(fd, &address, mode, group);
	if (code == -EADDRINUSE) {
		code = remove_stale(&address, err);
		if (!code)
			code = bind_with(fd, &address, mode, group);
	}
	if (code)
		return err_set(err, code, ERR_FAILED, "cannot make the socket %s: %s", path,
			       strerror(-code));
	struct stat stat;
	if (lstat(path, &stat) < 0 || listen(fd, SOMAXCONN) < 0)
		return failed(err, path, "cannot listen on");
	*out = (struct listener_socket){.path = path,
					.dev = stat.st_dev,
					.inode = stat.st_ino,
					.made = stat.st_mtim,
					.fd = steal_fd(fd)};
	return 0;
}

int listener_open(const char *path, mode_t mode, gid_t group, struct listener_socket *out,
		  struct err *err)
{
	int n = sd_listen_fds(1);
	if (n == 0)
		return make(path, mode, group, out, err);
	if (n != 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0)
		return err_set(err, -EINVAL, ERR_USAGE,
			       "the service manager passed something else than one listening unix "
			       "stream socket");
	if (fcntl(SD_LISTEN_FDS_START, F_SETFL, O_NONBLOCK) < 0)
		return failed(err, path, "cannot use the service manager's socket for");
	*out = (struct listener_socket){.fd = SD_LISTEN_FDS_START};
	return 0;
}

void listener_remove(const struct listener_socket *made)
{
	struct stat stat;
	if (made->path && lstat(made->path, &stat) == 0 && stat.st_dev == made->dev &&
	    stat.st_ino == made->inode && stat.st_mtim.tv_sec == made->made.tv_sec &&
	    stat.st_mtim.tv_nsec == made->made.tv_nsec)
		unlink(made->path);
}

static int open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Out of fds: turns one client away. False: not even that. */
static bool turn_away(struct listener *listener)
{
	if (listener->reserve < 0)
		return false;
	close(listener->reserve);
	int client = accept4(listener->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client >= 0 && wire_drain(client))
		close(client);
	else if (client >= 0)
		listener->on_client(listener->context, client); /* it can hang who closes it */
	listener->reserve = open_reserve();
	return client >= 0;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct listener *listener = userdata;
	if (listener->reserve < 0)
		listener->reserve = open_reserve();
	return sd_event_source_set_enabled(listener->readable, SD_EVENT_ON);
}

/* Nobody can be accepted, nor turned away. */
static int pause_accepting(struct listener *listener)
{
	sd_event_source_set_enabled(listener->readable, SD_EVENT_OFF);
	sd_event_source_set_time_relative(listener->again, AGAIN_US);
	return sd_event_source_set_enabled(listener->again, SD_EVENT_ONESHOT);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct listener *listener = userdata;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (client >= 0)
			listener->on_client(listener->context, client);
		else if (errno == ECONNABORTED || errno == EINTR)
			continue;
		else if ((errno != EMFILE && errno != ENFILE) || turn_away(listener))
			break;
		else
			return pause_accepting(listener);
	}
	return 0;
}

struct listener *listener_new(sd_event *event, int socket_take,
			      void (*on_client)(void *context, int socket_take), void *context)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	if (!listener) {
		close(socket_take);
		return NULL;
	}
	listener->socket = socket_take;
	listener->reserve = open_reserve();
	listener->on_client = on_client;
	listener->context = context;
	if (sd_event_add_io(event, &listener->readable, socket_take, EPOLLIN, on_readable,
			    listener) < 0 ||
	    sd_event_add_time_relative(event, &listener->again, CLOCK_MONOTONIC, AGAIN_US, 0,
				       on_again, listener) < 0) {
		listener_free(listener);
		return NULL;
	}
	return listener;
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	sd_event_source_disable_unref(listener->readable);
	sd_event_source_disable_unref(listener->again);
	close(listener->socket);
	if (listener->reserve >= 0)
		close(listener->reserve);
	free(listener);
}
