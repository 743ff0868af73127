/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's socket: for root, once, and served however many come. */
#include "daemon/listener.h"
#include "common/err.h"
#include "common/guard.h"
#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

/* A directory with room for one socket. */
struct place {
	char directory[32], path[48];
};

static struct place place_new(void)
{
	struct place place = {.directory = "/tmp/probe-test-XXXXXX"};
	CU_ASSERT_PTR_NOT_NULL(mkdtemp(place.directory));
	snprintf(place.path, sizeof(place.path), "%s/run/sock", place.directory);
	return place;
}

static void place_remove(struct place *place)
{
	char run[40];
	unlink(place->path);
	snprintf(run, sizeof(run), "%s/run", place->directory);
	rmdir(run);
	CU_ASSERT_EQUAL(rmdir(place->directory), 0);
}
#define guard_place guard(place_remove)

/* A connected client. */
static int client_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -errno;
}

static void is_for_whom_it_is_made(void)
{
	struct place place guard_place = place_new();
	struct listener_socket made = {.fd = -1};
	mode_t before = umask(0);
	CU_ASSERT_EQUAL(listener_open(place.path, 0600, (gid_t)-1, &made, NULL), 0);
	CU_ASSERT_EQUAL(umask(before), 0);
	struct stat stat;
	CU_ASSERT_EQUAL(lstat(place.path, &stat), 0);
	CU_ASSERT_EQUAL(stat.st_mode, S_IFSOCK | 0600);
	CU_ASSERT_EQUAL(fcntl(made.fd, F_GETFD), FD_CLOEXEC);
	listener_remove(&made);
	CU_ASSERT_EQUAL(lstat(place.path, &stat), -1);
	close(made.fd);
	CU_ASSERT_EQUAL(listener_open(place.path, 0660, 61100, &made, NULL), 0);
	CU_ASSERT_EQUAL(lstat(place.path, &stat), 0);
	CU_ASSERT_EQUAL(stat.st_mode, S_IFSOCK | 0660);
	CU_ASSERT(stat.st_uid == 0 && stat.st_gid == 61100);
	close(made.fd);
}

static void is_there_once(void)
{
	struct place place guard_place = place_new();
	struct listener_socket made = {.fd = -1}, second = {.fd = -1};
	struct err err = {0};
	CU_ASSERT_EQUAL(listener_open(place.path, 0600, (gid_t)-1, &made, NULL), 0);
	CU_ASSERT_EQUAL(listener_open(place.path, 0600, (gid_t)-1, &second, &err), -EADDRINUSE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "is running already"));
	CU_ASSERT_EQUAL(second.fd, -1);
	/* nobody serves what a killed daemon left */
	close(made.fd);
	CU_ASSERT_EQUAL(listener_open(place.path, 0600, (gid_t)-1, &second, NULL), 0);
	/* the first one's end does not take the second one's away, made at another time */
	const struct timespec another[2] = {{1, 0}, {1, 0}};
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, place.path, another, 0), 0);
	listener_remove(&made);
	int client guard_fd = client_of(place.path);
	CU_ASSERT(client >= 0);
	close(second.fd);
	/* a file of somebody's is left alone */
	unlink(place.path);
	close(open(place.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CU_ASSERT_EQUAL(listener_open(place.path, 0600, (gid_t)-1, &second, NULL), -EEXIST);
	CU_ASSERT_EQUAL(access(place.path, F_OK), 0);
	CU_ASSERT_EQUAL(listener_open("/nowhere/at/all", 0600, (gid_t)-1, &second, NULL), -ENOENT);
	char path[200];
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	CU_ASSERT_EQUAL(listener_open(path, 0600, (gid_t)-1, &second, NULL), -ENAMETOOLONG);
}

/* In a child, whose fd 3 is its own: 0 when listener_open() took it. */
static int inherit(int socket)
{
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", getpid());
	if (dup2(socket, 3) != 3)
		return 1;
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	struct listener_socket taken = {.fd = -1};
	int code = listener_open("/nowhere", 0600, (gid_t)-1, &taken, NULL);
	if (code)
		return code == -EINVAL ? 2 : 3;
	listener_remove(&taken);
	return taken.fd == 3 && fcntl(3, F_GETFD) == FD_CLOEXEC ? 0 : 4;
}

static int in_child(int (*f)(int), int socket)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(f(socket));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void takes_the_service_managers(void)
{
	struct place place guard_place = place_new();
	struct listener_socket made = {.fd = -1};
	CU_ASSERT_EQUAL(listener_open(place.path, 0600, (gid_t)-1, &made, NULL), 0);
	CU_ASSERT_EQUAL(in_child(inherit, made.fd), 0);
	CU_ASSERT_EQUAL(access(place.path, F_OK), 0);
	CU_ASSERT_EQUAL(in_child(inherit, STDERR_FILENO), 2);
	int other guard_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(in_child(inherit, other), 2);
	close(made.fd);
}

/* A listener in a loop of its own, and what it has accepted. */
struct listening {
	struct place place;
	struct listener *listener;
	sd_event *event;
	int n, last;
};

static void on_client(void *context, int socket_take)
{
	struct listening *l = context;
	l->n++;
	close(l->last);
	l->last = socket_take;
}

static void listen_on(struct listening *l)
{
	struct listener_socket made = {.fd = -1};
	*l = (struct listening){.place = place_new(), .last = -1};
	CU_ASSERT_EQUAL(listener_open(l->place.path, 0600, (gid_t)-1, &made, NULL), 0);
	CU_ASSERT(sd_event_new(&l->event) >= 0);
	l->listener = listener_new(l->event, made.fd, on_client, l);
}

static void listen_end(struct listening *l)
{
	close(l->last);
	listener_free(l->listener);
	sd_event_unref(l->event);
	place_remove(&l->place);
}

static void hands_clients_over(void)
{
	struct listening l;
	listen_on(&l);
	enum {
		CLIENTS = 100
	};
	int clients[CLIENTS];
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = client_of(l.place.path);
	for (int i = 0; i < CLIENTS && l.n < CLIENTS; i++)
		sd_event_run(l.event, 0);
	CU_ASSERT_EQUAL(l.n, CLIENTS);
	CU_ASSERT_EQUAL(fcntl(l.last, F_GETFD), FD_CLOEXEC);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	listen_end(&l);
}

static void set_files(rlim_t n)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = n ? n : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void turns_away_without_files(void)
{
	struct listening l;
	listen_on(&l);
	struct rlimit before;
	getrlimit(RLIMIT_NOFILE, &before);
	int clients[3];
	for (int i = 0; i < 3; i++)
		clients[i] = client_of(l.place.path);
	int next = dup(STDIN_FILENO); /* the lowest free one: none from there on */
	close(next);
	set_files(next);
	for (int i = 0; i < 10; i++)
		sd_event_run(l.event, 0);
	set_files(before.rlim_cur);
	CU_ASSERT_EQUAL(l.n, 0);
	for (int i = 0; i < 3; i++) {
		char byte;
		CU_ASSERT_EQUAL(recv(clients[i], &byte, 1, MSG_DONTWAIT), 0); /* closed */
		close(clients[i]);
	}
	int client guard_fd = client_of(l.place.path);
	for (int i = 0; i < 10 && !l.n; i++)
		sd_event_run(l.event, 0);
	CU_ASSERT_EQUAL(l.n, 1);
	listen_end(&l);
}

/* Not even to turn away: by itself it accepts later. */
static void waits_for_files(void)
{
	struct listening l;
	listen_on(&l);
	struct rlimit before;
	getrlimit(RLIMIT_NOFILE, &before);
	int client guard_fd = client_of(l.place.path);
	set_files(3);
	for (int i = 0; i < 5; i++)
		sd_event_run(l.event, 0);
	set_files(before.rlim_cur);
	CU_ASSERT_EQUAL(l.n, 0);
	for (int i = 0; i < 100 && !l.n; i++)
		sd_event_run(l.event, 1000000);
	CU_ASSERT_EQUAL(l.n, 1);
	listen_end(&l);
}

SUITE(listener, {"waits for files", waits_for_files},
      {"is for whom it is made", is_for_whom_it_is_made}, {"is there once", is_there_once},
      {"takes the service manager's", takes_the_service_managers},
      {"hands clients over", hands_clients_over},
      {"turns away without files", turns_away_without_files});
