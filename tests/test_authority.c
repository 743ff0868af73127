/* SPDX-License-Identifier: Apache-2.0 */
/* An engine that was taken over, which lies to the broker about its client or asks for what that
 * may not have. Runs as root, with clients and targets of other uids. */
#include "daemon/authority.h"
#include "common/err.h"
#include "common/guard.h"
#include "daemon/asker.h"
#include "daemon/broker.h"
#include "daemon/listener.h"
#include "tests/serving.h"
#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CLIENT_UID = 61201,
	OTHER_UID = 61202,
	EXECS = 200,
};

/* Where a daemon listens, a client of its that is connected, and the broker. */
struct place {
	char directory[32], path[48];
	struct listener_socket listening;
	struct serving serving;
	struct asker *asker;
	int connected, accepted; /* the client's end, ours */
};

static int connect_as(uid_t uid, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(setegid(uid), 0);
	CU_ASSERT_EQUAL(seteuid(uid), 0);
	CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL(seteuid(0), 0);
	CU_ASSERT_EQUAL(setegid(0), 0);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return fd;
}

static void place_init(struct place *place)
{
	int fds[LOAD_FDS];
	*place = (struct place){.directory = "/tmp/probe-test-XXXXXX"};
	CU_ASSERT_PTR_NOT_NULL(mkdtemp(place->directory));
	CU_ASSERT_EQUAL(chmod(place->directory, 0755), 0);
	snprintf(place->path, sizeof(place->path), "%s/sock", place->directory);
	CU_ASSERT_EQUAL(listener_open(place->path, 0666, (gid_t)-1, &place->listening, NULL), 0);
	place->connected = connect_as(CLIENT_UID, place->path);
	place->accepted = accept4(place->listening.fd, NULL, NULL, SOCK_CLOEXEC);
	CU_ASSERT(place->accepted >= 0);
	place->serving = serving_start(place->listening.fd);
	place->asker = asker_new(place->serving.socket);
	place->serving.socket = -1;
	CU_ASSERT_EQUAL(asker_load(place->asker, fds, NULL, NULL), 0);
	for (int i = 0; i < LOAD_FDS; i++)
		close(fds[i]);
}

static void place_deinit(struct place *place)
{
	asker_free(place->asker);
	CU_ASSERT_EQUAL(serving_end(&place->serving), 0);
	close(place->connected);
	close(place->accepted);
	close(place->listening.fd);
	listener_remove(&place->listening);
	CU_ASSERT_EQUAL(rmdir(place->directory), 0);
}
#define guard_place guard(place_deinit)

static void begin(struct place *place, uint32_t session)
{
	struct asker_rights rights = {.everything = true};
	CU_ASSERT_EQUAL(asker_session(place->asker, session, place->accepted, &rights, NULL), 0);
	CU_ASSERT(!rights.everything && rights.off_cpu && rights.hz_max == 2000);
}

/* What taking it says; its maps are closed. */
static int take(struct place *place, uint32_t session, pid_t pid, uint32_t flags, struct err *err)
{
	int maps = -1;
	int code = asker_take(place->asker, session, (uint32_t)pid, -1, flags, &maps, err);
	CU_ASSERT_EQUAL(code, maps >= 0 ? 0 : code);
	if (maps >= 0)
		close(maps);
	return code;
}

static bool shows_maps(struct place *place, pid_t pid)
{
	int maps = -1;
	int code = asker_maps(place->asker, (uint32_t)pid, &maps, NULL);
	if (maps >= 0)
		close(maps);
	CU_ASSERT(code == 0 || code == -ENOENT);
	return !code;
}

static uint64_t drop(struct place *place, uint32_t session)
{
	struct asker_dropped dropped = {.revoked = 77};
	CU_ASSERT_EQUAL(asker_drop(place->asker, session, &dropped, NULL), 0);
	return dropped.revoked;
}

static void believes_no_other_socket(void)
{
	struct place place guard_place = {0};
	place_init(&place);
	char path[64];
	snprintf(path, sizeof(path), "%s/other", place.directory);
	struct listener_socket other = {.fd = -1};
	CU_ASSERT_EQUAL(listener_open(path, 0666, (gid_t)-1, &other, NULL), 0);
	int connected guard_fd = connect_as(0, path);
	int accepted guard_fd = accept4(other.fd, NULL, NULL, SOCK_CLOEXEC);
	int own guard_fd = connect_as(0, place.path);
	int pair[2];
	CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	/* Those that show root's credentials: who made the socket, who listens, who connected to
	 * another. */
	const int fds[] = {
		place.listening.fd, own, place.connected, accepted, connected, pair[0], -1};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		struct asker_rights rights;
		CU_ASSERT_EQUAL(asker_session(place.asker, 0, fds[i], &rights, NULL), -EPROTO);
	}
	int pids = -1;
	CU_ASSERT_EQUAL(asker_list(place.asker, pair[0], &pids, NULL), -EPROTO);
	begin(&place, 0);
	begin(&place, 1);
	struct asker_rights rights;
	CU_ASSERT_EQUAL(asker_session(place.asker, 1, place.accepted, &rights, NULL), -EPROTO);
	listener_remove(&other);
	close(other.fd);
	close(pair[0]);
	close(pair[1]);
}

static void takes_what_the_client_may(void)
{
	struct place place guard_place = {0};
	place_init(&place);
	pid_t own guard_sleeper = serving_sleeper(CLIENT_UID);
	pid_t other guard_sleeper = serving_sleeper(OTHER_UID);
	pid_t roots guard_sleeper = serving_sleeper(0);
	struct err err = {0};
	char words[160];
	CU_ASSERT_EQUAL(take(&place, 0, own, 0, NULL), -EPROTO); /* for nobody */
	begin(&place, 0);
	CU_ASSERT_EQUAL(take(&place, 0, own, TAKE_AGAIN, NULL), -ESRCH);
	CU_ASSERT_EQUAL(take(&place, 0, own, TAKE_CHILDREN, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.msg, "");
	CU_ASSERT_EQUAL(take(&place, 0, own, TAKE_AGAIN, NULL), 0);
	CU_ASSERT_EQUAL(take(&place, 0, roots, 0, &err), -EACCES);
	snprintf(words, sizeof(words),
		 "permission denied: uid %d may not profile PID %d (owned by root)", CLIENT_UID,
		 roots);
	CU_ASSERT_STRING_EQUAL(err.msg, words);
	CU_ASSERT_EQUAL(err.status, ERR_PERMISSION);
	CU_ASSERT(err.hint[0]);
	CU_ASSERT_EQUAL(take(&place, 0, other, 0, NULL), -EACCES);
	CU_ASSERT_EQUAL(take(&place, 0, 2, 0, NULL), -EACCES); /* kthreadd */
	CU_ASSERT_EQUAL(asker_take_all(place.asker, 0, NULL), -EACCES);
	CU_ASSERT_EQUAL(asker_take_thread(place.asker, 0, (uint32_t)roots, NULL), -ENOENT);
	CU_ASSERT(shows_maps(&place, own));
	CU_ASSERT(!shows_maps(&place, other));
	CU_ASSERT(!shows_maps(&place, roots));
	CU_ASSERT_EQUAL(drop(&place, 0), 0);
	CU_ASSERT(!shows_maps(&place, own));
	CU_ASSERT_EQUAL(take(&place, 0, own, 0, NULL), -EPROTO);
}

/* In a child: the client's own, with nothing but the socket, as standard input. */
static void become_client(int socket)
{
	dup2(socket, STDIN_FILENO);
	close_range(3, ~0u, 0);
	if (setresgid(CLIENT_UID, CLIENT_UID, CLIENT_UID) ||
	    setresuid(CLIENT_UID, CLIENT_UID, CLIENT_UID) || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
		_exit(1);
}

/* A process that hides (as ssh-agent does) when a byte comes, and answers with one. */
static pid_t start_hider(int socket)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	char byte = 0;
	become_client(socket);
	while (write(STDIN_FILENO, &byte, 1) == 1 && read(STDIN_FILENO, &byte, 1) == 1)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	_exit(0);
}

/* Who was judged well, and is another's now. */
static void looks_again(void)
{
	struct place place guard_place = {0};
	place_init(&place);
	int pair[2];
	char byte = 0;
	CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	int ours guard_fd = pair[0];
	pid_t hider guard_sleeper = start_hider(pair[1]);
	close(pair[1]);
	CU_ASSERT_EQUAL(read(ours, &byte, 1), 1);
	begin(&place, 0);
	CU_ASSERT_EQUAL(take(&place, 0, hider, 0, NULL), 0);
	CU_ASSERT(shows_maps(&place, hider));
	CU_ASSERT_EQUAL(write(ours, &byte, 1), 1);
	CU_ASSERT_EQUAL(read(ours, &byte, 1), 1);
	CU_ASSERT(!shows_maps(&place, hider));
	CU_ASSERT_EQUAL(take(&place, 0, hider, 0, NULL), -EACCES);
	CU_ASSERT_EQUAL(drop(&place, 0), 1);
}

/* A child of this number, if nobody else has it. */
static pid_t fork_as(pid_t number)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&number, .set_tid_size = 1};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		close_range(3, ~0u, 0);
		for (;;)
			pause();
	}
	return pid;
}

static void forgets_a_number(void)
{
	struct place place guard_place = {0};
	place_init(&place);
	pid_t first = serving_sleeper(CLIENT_UID);
	begin(&place, 0);
	CU_ASSERT_EQUAL(take(&place, 0, first, TAKE_CHILDREN, NULL), 0);
	CU_ASSERT(shows_maps(&place, first));
	serving_end_sleeper(&first);
	pid_t second guard_sleeper = fork_as(first);
	CU_ASSERT_EQUAL(second, first);
	CU_ASSERT(!shows_maps(&place, second));
	CU_ASSERT_EQUAL(take(&place, 0, second, TAKE_AGAIN, NULL), -ESRCH);
	CU_ASSERT_EQUAL(take(&place, 0, second, 0, NULL), -EACCES);
	CU_ASSERT_EQUAL(drop(&place, 0), 0);
}

/* A setuid program of root's, which others may not read either (where setuid counts for nothing,
 * that does): exits at once. */
static void make_setuid_program(const struct place *place, char *path, size_t room)
{
	snprintf(path, room, "%s/setuid", place->directory);
	int from guard_fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
	int to guard_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	CU_ASSERT(sendfile(to, from, NULL, 1 << 20) > 0);
	CU_ASSERT_EQUAL(fchmod(to, 04711), 0);
}

/* A process of the client's that executes the program when a byte comes. */
static pid_t start_executor(int socket, const char *program)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	char byte = 0;
	become_client(socket);
	if (write(STDIN_FILENO, &byte, 1) == 1 && read(STDIN_FILENO, &byte, 1) == 1)
		execl(program, program, NULL);
	_exit(2);
}

/* Asks for its maps until they are refused; how often they were those of `program`. */
static int count_maps_of(struct place *place, pid_t pid, const char *program)
{
	char text[4096];
	int n = 0;
	for (int maps = -1; !asker_maps(place->asker, (uint32_t)pid, &maps, NULL); maps = -1) {
		ssize_t bytes = maps < 0 ? 0 : read(maps, text, sizeof(text) - 1);
		text[bytes > 0 ? bytes : 0] = '\0';
		n += strstr(text, program) != NULL;
		close(maps);
	}
	return n;
}

/* The kernel says that it executes another program a moment after it does so: what is opened in
 * between is of a program that the client may not look at. */
static void opens_nothing_of_what_it_becomes(void)
{
	struct place place guard_place = {0};
	place_init(&place);
	char program[64], byte = 0;
	make_setuid_program(&place, program, sizeof(program));
	begin(&place, 0);
	int shown = 0;
	for (int i = 0; i < EXECS; i++) {
		int pair[2];
		CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		int ours guard_fd = pair[0];
		pid_t executor guard_sleeper = start_executor(pair[1], program);
		close(pair[1]);
		CU_ASSERT_EQUAL(read(ours, &byte, 1), 1);
		CU_ASSERT_EQUAL(take(&place, 0, executor, 0, NULL), 0);
		CU_ASSERT_EQUAL(write(ours, &byte, 1), 1);
		shown += count_maps_of(&place, executor, program);
	}
	CU_ASSERT_EQUAL(shown, 0);
	CU_ASSERT_EQUAL(unlink(program), 0);
}

/* The engine keeps its end of the socket and never says that a session is over. */
static void rights_go_with_the_client(void)
{
	struct place place guard_place = {0};
	place_init(&place);
	pid_t own guard_sleeper = serving_sleeper(CLIENT_UID);
	int connected guard_fd = connect_as(CLIENT_UID, place.path);
	int accepted guard_fd = accept4(place.listening.fd, NULL, NULL, SOCK_CLOEXEC);
	struct asker_rights rights;
	CU_ASSERT_EQUAL(asker_session(place.asker, 5, accepted, &rights, NULL), 0);
	CU_ASSERT_EQUAL(take(&place, 5, own, 0, NULL), 0);
	CU_ASSERT(shows_maps(&place, own));
	begin(&place, 6);
	close(steal_fd(connected));
	CU_ASSERT(!shows_maps(&place, own));
	CU_ASSERT_EQUAL(take(&place, 5, own, 0, NULL), -EPROTO);
	CU_ASSERT_EQUAL(take(&place, 6, own, 0, NULL), 0);
	/* To begin another does not help: it ends before anything is asked of it. */
	CU_ASSERT_EQUAL(asker_session(place.asker, 5, accepted, &rights, NULL), 0);
	CU_ASSERT_EQUAL(take(&place, 5, own, 0, NULL), -EPROTO);
	CU_ASSERT_EQUAL(drop(&place, 6), 0);
	CU_ASSERT(!shows_maps(&place, own));
}

/* A file system whose server never says a word, at this directory. False: there is no such thing
 * here. */
static bool hang_file_system(const char *directory, int *server)
{
	char options[80];
	*server = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", *server);
	return *server >= 0 &&
	       !mount("probe-test", directory, "fuse", MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
}

/* As serving_sleeper(), with a root directory of its own. */
static pid_t start_rooted(const char *root)
{
	char byte = 0;
	int ready[2];
	CU_ASSERT_EQUAL(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (chroot(root) || setresgid(CLIENT_UID, CLIENT_UID, CLIENT_UID) ||
		    setresuid(CLIENT_UID, CLIENT_UID, CLIENT_UID) ||
		    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
			_exit(1);
		(void)!write(ready[1], &byte, 1);
		close_range(3, ~0u, 0);
		for (;;)
			pause();
	}
	close(ready[1]);
	CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static int open_perf_map(struct place *place, pid_t pid)
{
	int file guard_fd = -1;
	return asker_perf_map(place->asker, (uint32_t)pid, &file, NULL);
}

/* Nobody makes the broker wait for them again, by ending a recording or beginning one. */
static void remembers_files_that_hang(void)
{
	struct place place guard_place = {0};
	place_init(&place);
	char root[64], tmp[70];
	int server guard_fd = -1;
	snprintf(root, sizeof(root), "%s/root", place.directory);
	snprintf(tmp, sizeof(tmp), "%s/tmp", root);
	CU_ASSERT_EQUAL(mkdir(root, 0755), 0);
	CU_ASSERT_EQUAL(mkdir(tmp, 0777), 0);
	if (hang_file_system(tmp, &server)) {
		pid_t hanging guard_sleeper = start_rooted(root);
		pid_t other guard_sleeper = serving_sleeper(CLIENT_UID);
		begin(&place, 0);
		CU_ASSERT_EQUAL(take(&place, 0, hanging, 0, NULL), 0);
		CU_ASSERT_EQUAL(open_perf_map(&place, hanging), -ETIMEDOUT); /* 2 s */
		close(steal_fd(server)); /* from now on it would fail at once */
		CU_ASSERT_EQUAL(open_perf_map(&place, hanging), -ETIMEDOUT);
		CU_ASSERT_EQUAL(drop(&place, 0), 0);
		begin(&place, 1);
		CU_ASSERT_EQUAL(take(&place, 1, hanging, 0, NULL), 0);
		CU_ASSERT_EQUAL(take(&place, 1, other, 0, NULL), 0);
		CU_ASSERT_EQUAL(open_perf_map(&place, hanging), -ETIMEDOUT);
		CU_ASSERT_EQUAL(open_perf_map(&place, other), -ENOENT);
		CU_ASSERT_EQUAL(umount2(tmp, MNT_DETACH), 0);
	}
	CU_ASSERT_EQUAL(rmdir(tmp), 0);
	CU_ASSERT_EQUAL(rmdir(root), 0);
}

static void lists_what_the_client_may(void)
{
	struct place place guard_place = {0};
	place_init(&place);
	pid_t own guard_sleeper = serving_sleeper(CLIENT_UID);
	pid_t other guard_sleeper = serving_sleeper(OTHER_UID);
	int file guard_fd = -1;
	CU_ASSERT_EQUAL(asker_list(place.asker, place.accepted, &file, NULL), 0);
	uint32_t pid;
	bool has_own = false;
	while (read(file, &pid, sizeof(pid)) == sizeof(pid)) {
		has_own |= pid == (uint32_t)own;
		CU_ASSERT(pid != (uint32_t)other && pid != (uint32_t)getpid());
	}
	CU_ASSERT(has_own);
}

/* Opens one CPU's events and closes them. */
static int ask_events(struct place *place, uint32_t session, uint64_t period_ns, struct err *err)
{
	int events[CPUS_MAX], links[CPUS_MAX];
	const struct broker_request wanted = {
		.session = session, .period_ns = period_ns, .cpus = {1}};
	int n = asker_events(place->asker, &wanted, events, links, err);
	if (n < 0)
		return n;
	CU_ASSERT_EQUAL(n, 1);
	close(events[0]);
	close(links[0]);
	return 0;
}

/* However the engine asks: the configuration's limits are the broker's. */
static void keeps_to_the_limits(void)
{
	struct place place guard_place = {0};
	place_init(&place);
	struct err err = {0};
	begin(&place, 0);
	begin(&place, 1);
	CU_ASSERT_EQUAL(ask_events(&place, 0, 1000000000 / 2001, &err), -EACCES);
	CU_ASSERT_STRING_EQUAL(err.msg, "2001 Hz is more than the 2000 Hz allowed here");
	CU_ASSERT_EQUAL(err.status, ERR_PERMISSION);
	CU_ASSERT_EQUAL(ask_events(&place, 0, 1000000000 / 1500, NULL), 0);
	CU_ASSERT_EQUAL(ask_events(&place, 1, 1000000000 / 501, &(struct err){0}), -EACCES);
	CU_ASSERT_EQUAL(ask_events(&place, 1, 1000000000 / 500, NULL), 0);
	CU_ASSERT_EQUAL(drop(&place, 0), 0);
	/* Those of the others are gone, but it has its own. */
	CU_ASSERT_EQUAL(ask_events(&place, 1, 1000000000 / 1999, NULL), -EPROTO);
	CU_ASSERT_EQUAL(drop(&place, 1), 0);
	begin(&place, 1);
	for (int i = 0; i < AUTHORITY_OPENINGS; i++)
		CU_ASSERT_EQUAL(ask_events(&place, 1, 1000000000 / 1999, NULL), 0);
	CU_ASSERT_EQUAL(ask_events(&place, 1, 1000000000 / 1999, NULL), -EPROTO);
	for (uint32_t i = 2; i < 33; i++)
		begin(&place, i);
	struct asker_rights rights;
	err = (struct err){0};
	CU_ASSERT_EQUAL(asker_session(place.asker, 40, place.accepted, &rights, &err), -EBUSY);
	CU_ASSERT_STRING_EQUAL(err.msg, "uid 61201 runs as many recordings as it may already: 32");
}

SUITE(authority, {"keeps to the limits", keeps_to_the_limits},
      {"believes no other socket", believes_no_other_socket},
      {"takes what the client may", takes_what_the_client_may}, {"looks again", looks_again},
      {"forgets a number", forgets_a_number},
      {"opens nothing of what it becomes", opens_nothing_of_what_it_becomes},
      {"rights go with the client", rights_go_with_the_client},
      {"remembers files that hang", remembers_files_that_hang},
      {"lists what the client may", lists_what_the_client_may});
